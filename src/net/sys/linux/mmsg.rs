//! Many datagrams in one system call (recvmmsg, sendmmsg). A run of datagrams of one size to one destination goes through the system
//! as one message, which it cuts up at the end (UDP_SEGMENT, "GSO"): a quarter of the cost.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use mio::net::UdpSocket;
use socket2::SockAddr;

use super::super::datagrams::{PacketInfo, Received};
use crate::net::sizes::{DATAGRAM_STRIDE, READ_SIZE};

/// Memory for the calls' arguments, used again and again.
#[derive(Default)]
pub struct Batches {
    /// What the last receive() got.
    pub received: Vec<Received>,
    /// Room for the sources of what is received.
    names: Vec<libc::sockaddr_storage>,
    /// The destinations of what is sent, one a run.
    destinations: Vec<SockAddr>,
    /// Where the bytes of datagrams lie.
    pieces: Vec<libc::iovec>,
    /// One header for each message.
    headers: Vec<libc::mmsghdr>,
    /// What is sent, as messages.
    runs: Vec<Run>,
    /// The control messages of what is sent, one a run.
    controls: Vec<Control>,
    /// Room for the control messages of what is received.
    infos: Vec<InfoRoom>,
}

/// Room for one control message with packet information of either family, aligned as the system's headers are.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct InfoRoom([u8; 64]);

fn empty_header() -> libc::mmsghdr {
    // SAFETY: a header of zeros is a valid one: no name, no data, no control message.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

impl Batches {
    /// Receives up to `most` datagrams into `buffer`, one a stride. `with_info`: the socket's packet information is on.
    pub fn receive(&mut self, socket: &UdpSocket, buffer: &mut [u8], most: usize, with_info: bool) -> io::Result<()> {
        let Self { received, names, pieces, headers, infos, .. } = self;
        received.clear();
        // SAFETY: a sockaddr_storage of zeros is a valid value (family AF_UNSPEC).
        names.resize(most, unsafe { MaybeUninit::zeroed().assume_init() });
        infos.resize(if with_info { most } else { 0 }, InfoRoom([0; 64]));
        pieces.clear();
        headers.clear();
        for stride in buffer.chunks_exact_mut(DATAGRAM_STRIDE).take(most) {
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
        for (header, info) in headers.iter_mut().zip(infos.iter_mut()) {
            header.msg_hdr.msg_control = (&raw mut *info).cast();
            header.msg_hdr.msg_controllen = size_of::<InfoRoom>() as _;
        }
        // SAFETY: each header points to a name, a piece and room for control messages that live, unmoved, through the
        // call, and each piece to READ_SIZE bytes of `buffer`, which is borrowed mutably (a stride is longer).
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
        for (index, (header, name)) in headers[..count].iter().zip(names.iter()).enumerate() {
            // SAFETY: the system wrote `msg_namelen` bytes of an address into `name`.
            let from = unsafe { SockAddr::new(std::mem::transmute_copy(name), header.msg_hdr.msg_namelen) };
            let from = from.as_socket().ok_or(io::ErrorKind::InvalidData)?;
            let to = if with_info { packet_info(&header.msg_hdr) } else { None };
            received.push(Received { start: index * DATAGRAM_STRIDE, len: header.msg_len as usize, from, to });
        }
        Ok(())
    }

    /// Sends datagrams in order; returns how many the system took, at least one. `segment`: runs may be sent as one.
    pub fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
        segment: bool,
    ) -> io::Result<usize> {
        let Self { destinations, pieces, headers, runs, controls, .. } = self;
        pieces.clear();
        runs.clear();
        for (to, bytes) in datagrams {
            let piece = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
            match runs.last_mut() {
                Some(run) if segment && run.takes(&to, bytes.len()) => {
                    run.add(bytes.len());
                    match pieces.last_mut() {
                        Some(last) if end_of(last) == piece.iov_base => last.iov_len += bytes.len(),
                        _ => {
                            run.pieces += 1;
                            pieces.push(piece);
                        }
                    }
                }
                _ => {
                    runs.push(Run { to, size: bytes.len(), count: 1, bytes: bytes.len(), pieces: 1, ended: false });
                    pieces.push(piece);
                }
            }
        }
        destinations.clear();
        destinations.extend(runs.iter().map(|run| SockAddr::from(run.to)));
        controls.clear();
        controls.extend(runs.iter().map(|run| segment_size(run.size)));
        headers.clear();
        let mut first = 0;
        for ((run, to), control) in runs.iter().zip(destinations.iter()).zip(controls.iter_mut()) {
            let mut header = empty_header();
            header.msg_hdr.msg_name = to.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = to.len();
            header.msg_hdr.msg_iov = &raw mut pieces[first];
            header.msg_hdr.msg_iovlen = run.pieces as _;
            if run.count > 1 {
                header.msg_hdr.msg_control = (&raw mut *control).cast();
                header.msg_hdr.msg_controllen = size_of::<Control>() as _;
            }
            headers.push(header);
            first += run.pieces;
        }
        // SAFETY: names, pieces, control messages and the bytes are borrowed through the call; sending writes none.
        let count = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        Ok(runs[..count].iter().map(|run| run.count).sum())
    }
}

/// Reads the packet information from the control messages of a received datagram. `received` is the header that the system has filled
/// in. Returns `None` if there is no such message.
fn packet_info(received: &libc::msghdr) -> Option<PacketInfo> {
    // SAFETY: the header's control messages, `msg_controllen` bytes of them, lie in an `InfoRoom` that is still there. The
    // macros step through them within that length, and each is long enough for what its type says.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(received);
        while !next.is_null() {
            let data = libc::CMSG_DATA(next);
            match ((*next).cmsg_level, (*next).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info: libc::in_pktinfo = data.cast::<libc::in_pktinfo>().read_unaligned();
                    let address = Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).into();
                    return Some(PacketInfo { address, interface: info.ipi_ifindex as u32 });
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info: libc::in6_pktinfo = data.cast::<libc::in6_pktinfo>().read_unaligned();
                    let address = Ipv6Addr::from(info.ipi6_addr.s6_addr).to_canonical();
                    return Some(PacketInfo { address, interface: info.ipi6_ifindex as u32 });
                }
                _ => next = libc::CMSG_NXTHDR(received, next),
            }
        }
    }
    None
}

fn end_of(piece: &libc::iovec) -> *mut libc::c_void {
    piece.iov_base.cast::<u8>().wrapping_add(piece.iov_len).cast()
}

/// Datagrams that go as one message: all of one size but the last, which may be shorter.
struct Run {
    /// The destination of all of them.
    to: SocketAddr,
    /// The size of all but the last, in bytes.
    size: usize,
    /// How many datagrams.
    count: usize,
    /// Their sizes together.
    bytes: usize,
    /// How many pieces of memory they lie in.
    pieces: usize,
    /// The last one is shorter, so that no other can follow.
    ended: bool,
}

/// The most datagrams that a message is cut into: UDP_MAX_SEGMENTS of the first kernels that could do it.
const SEGMENTS: usize = 64;
/// The longest message that is cut up, in bytes, without headers.
const MESSAGE: usize = 65_000;
/// The longest datagram that a message is cut into, in bytes: it fits into one packet of an Ethernet. The system refuses longer ones where
/// the route would have to fragment them.
const SEGMENT: usize = 1_472;

impl Run {
    fn takes(&self, to: &SocketAddr, len: usize) -> bool {
        !self.ended
            && len > 0
            && len <= self.size
            && self.size <= SEGMENT
            && self.count < SEGMENTS
            && self.bytes + len <= MESSAGE
            && *to == self.to
    }

    fn add(&mut self, len: usize) {
        self.ended = len < self.size;
        self.count += 1;
        self.bytes += len;
    }
}

/// A control message UDP_SEGMENT, as CMSG_FIRSTHDR and CMSG_DATA would lay it out.
#[repr(C)]
struct Control {
    header: libc::cmsghdr,
    size: u16,
    padding: [u8; size_of::<usize>() - 2],
}

fn segment_size(size: usize) -> Control {
    // SAFETY: a header of zeros is a valid value.
    let mut header: libc::cmsghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    header.cmsg_len = (size_of::<libc::cmsghdr>() + size_of::<u16>()) as _;
    header.cmsg_level = libc::SOL_UDP;
    header.cmsg_type = libc::UDP_SEGMENT;
    Control { header, size: size as u16, padding: [0; size_of::<usize>() - 2] }
}
