//! Many datagrams in one system call: recvmmsg and sendmmsg on Linux, a loop elsewhere.

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;

use super::context::{READ_SIZE, STRIDE};

/// A datagram that [`Batches::receive`] put into the buffer: `len` bytes from `index * STRIDE` on.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// How many bytes.
    pub len: usize,
    /// Where from.
    pub from: SocketAddr,
}

/// Memory for the calls' arguments, used again and again.
#[derive(Default)]
pub struct Batches {
    /// What the last receive() got.
    pub received: Vec<Received>,
    #[cfg(target_os = "linux")]
    linux: linux::Arguments,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::MaybeUninit;
    use std::os::fd::AsRawFd;

    use socket2::SockAddr;

    use super::*;

    #[derive(Default)]
    pub struct Arguments {
        names: Vec<libc::sockaddr_storage>,
        destinations: Vec<SockAddr>,
        pieces: Vec<libc::iovec>,
        headers: Vec<libc::mmsghdr>,
    }

    fn empty_header() -> libc::mmsghdr {
        // SAFETY: a header of zeros is a valid one: no name, no data, no control message.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }

    impl Batches {
        /// Receives up to `most` datagrams into `buffer`, one a stride.
        pub fn receive(&mut self, socket: &UdpSocket, buffer: &mut [u8], most: usize) -> io::Result<()> {
            let Arguments { names, pieces, headers, .. } = &mut self.linux;
            self.received.clear();
            // SAFETY: a sockaddr_storage of zeros is a valid value (family AF_UNSPEC).
            names.resize(most, unsafe { MaybeUninit::zeroed().assume_init() });
            pieces.clear();
            headers.clear();
            for stride in buffer.chunks_mut(STRIDE).take(most) {
                pieces.push(libc::iovec { iov_base: stride.as_mut_ptr().cast(), iov_len: READ_SIZE });
            }
            for (name, piece) in names.iter_mut().zip(pieces.iter_mut()) {
                let mut header = empty_header();
                header.msg_hdr.msg_name = (&raw mut *name).cast();
                header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
                header.msg_hdr.msg_iov = piece;
                header.msg_hdr.msg_iovlen = 1;
                headers.push(header);
            }
            // SAFETY: each header points to a name and a piece that live, unmoved, through the call, and each piece to
            // READ_SIZE bytes of `buffer`, which is borrowed mutably.
            let count = unsafe {
                libc::recvmmsg(
                    socket.as_raw_fd(),
                    headers.as_mut_ptr(),
                    headers.len() as libc::c_uint,
                    libc::MSG_DONTWAIT as _,
                    std::ptr::null_mut(),
                )
            };
            let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
            for (header, name) in headers[..count].iter().zip(names.iter()) {
                // SAFETY: the system wrote `msg_namelen` bytes of an address into `name`.
                let from = unsafe { SockAddr::new(std::mem::transmute_copy(name), header.msg_hdr.msg_namelen) };
                let from = from.as_socket().ok_or(io::ErrorKind::InvalidData)?;
                self.received.push(Received { len: header.msg_len as usize, from });
            }
            Ok(())
        }

        /// Sends datagrams in order; returns how many the system took, at least one.
        pub fn send<'a>(
            &mut self,
            socket: &UdpSocket,
            datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
        ) -> io::Result<usize> {
            let Arguments { destinations, pieces, headers, .. } = &mut self.linux;
            destinations.clear();
            pieces.clear();
            headers.clear();
            for (to, bytes) in datagrams {
                destinations.push(to.into());
                pieces.push(libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() });
            }
            for (to, piece) in destinations.iter().zip(pieces.iter_mut()) {
                let mut header = empty_header();
                header.msg_hdr.msg_name = to.as_ptr().cast_mut().cast();
                header.msg_hdr.msg_namelen = to.len();
                header.msg_hdr.msg_iov = piece;
                header.msg_hdr.msg_iovlen = 1;
                headers.push(header);
            }
            // SAFETY: names, pieces and the bytes that they point to are borrowed through the call; sending writes none.
            let count = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    headers.as_mut_ptr(),
                    headers.len() as libc::c_uint,
                    (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
                )
            };
            usize::try_from(count).map_err(|_| io::Error::last_os_error())
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Batches {
    /// Receives up to `most` datagrams into `buffer`, one a stride.
    pub fn receive(&mut self, socket: &UdpSocket, buffer: &mut [u8], most: usize) -> io::Result<()> {
        self.received.clear();
        for stride in buffer.chunks_mut(STRIDE).take(most) {
            match socket.recv_from(&mut stride[..READ_SIZE]) {
                Ok((len, from)) => self.received.push(Received { len, from }),
                Err(error) if self.received.is_empty() => return Err(error),
                // It comes again with the next call.
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Sends datagrams in order; returns how many the system took, at least one.
    pub fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
    ) -> io::Result<usize> {
        let mut sent = 0;
        for (to, bytes) in datagrams {
            match socket.send_to(bytes, to) {
                Ok(_) => sent += 1,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }
}
