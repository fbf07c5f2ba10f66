//! recvmmsg and sendmmsg, with memory that is reused.

use std::io;
use std::mem::zeroed;
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

/// Room for `count` datagrams of up to `size` bytes.
pub struct Batch {
    size: usize,
    bytes: Vec<u8>,
    names: Vec<libc::sockaddr_in>,
    pieces: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

impl Batch {
    /// Room for `count` datagrams; each is `size` bytes when it is sent.
    pub fn new(count: usize, size: usize) -> Self {
        // SAFETY: all three are plain C structures, and zeros are a valid value of them.
        let (name, piece, header) = unsafe { (zeroed(), zeroed(), zeroed()) };
        let mut batch = Self {
            size,
            bytes: vec![b'x'; count * size],
            names: vec![name; count],
            pieces: vec![piece; count],
            headers: vec![header; count],
        };
        // The vectors never grow, so pointers into them stay valid when the batch itself moves.
        for (index, (piece, header)) in batch.pieces.iter_mut().zip(&mut batch.headers).enumerate() {
            piece.iov_base = batch.bytes[index * size..].as_mut_ptr().cast();
            header.msg_hdr.msg_iov = piece;
            header.msg_hdr.msg_iovlen = 1;
        }
        batch
    }

    /// The memory of the datagram at `index`, to fill it.
    pub fn datagram_mut(&mut self, index: usize) -> &mut [u8] {
        &mut self.bytes[index * self.size..][..self.size]
    }

    /// The datagram at `index`, as received.
    pub fn datagram(&self, index: usize) -> &[u8] {
        &self.bytes[index * self.size..][..self.headers[index].msg_len as usize]
    }

    /// Waits for the first datagram, then takes all others that are there. With `named` it keeps each one's sender.
    pub fn receive(&mut self, socket: &UdpSocket, named: bool) -> io::Result<usize> {
        for index in 0..self.headers.len() {
            self.pieces[index].iov_len = self.size;
            self.name(index, named);
        }
        let (first, room) = (self.headers.as_mut_ptr(), self.headers.len() as libc::c_uint);
        // SAFETY: every header points to a name (or to none) and to a piece of `size` bytes, all owned by the batch.
        let count =
            unsafe { libc::recvmmsg(socket.as_raw_fd(), first, room, libc::MSG_WAITFORONE as _, std::ptr::null_mut()) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Sends `count` datagrams of the full size, to the connected peer or to an address.
    pub fn send(&mut self, socket: &UdpSocket, count: usize, to: Option<SocketAddrV4>) -> io::Result<usize> {
        for index in 0..count {
            self.pieces[index].iov_len = self.size;
            self.name(index, to.is_some());
            if let Some(to) = to {
                let name = &mut self.names[index];
                name.sin_family = libc::AF_INET as libc::sa_family_t;
                name.sin_port = to.port().to_be();
                name.sin_addr.s_addr = u32::from_ne_bytes(to.ip().octets());
            }
        }
        self.send_prepared(socket, 0, count)
    }

    /// Sends the last `count` received datagrams back. Datagrams that the system does not take are dropped, as UDP allows.
    pub fn send_back(&mut self, socket: &UdpSocket, count: usize) -> io::Result<()> {
        for index in 0..count {
            self.pieces[index].iov_len = self.headers[index].msg_len as usize;
        }
        let mut sent = 0;
        while sent < count {
            sent += self.send_prepared(socket, sent, count - sent)?;
        }
        Ok(())
    }

    fn name(&mut self, index: usize, named: bool) {
        let header = &mut self.headers[index].msg_hdr;
        let name = &raw mut self.names[index];
        header.msg_name = if named { name.cast() } else { std::ptr::null_mut() };
        header.msg_namelen = if named { size_of::<libc::sockaddr_in>() as libc::socklen_t } else { 0 };
    }

    fn send_prepared(&mut self, socket: &UdpSocket, first: usize, count: usize) -> io::Result<usize> {
        let headers = self.headers[first..first + count].as_mut_ptr();
        // SAFETY: every header points to its name and to a piece of `size` bytes, all owned by the batch; sending changes only the
        // headers' lengths.
        let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers, count as libc::c_uint, 0) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}
