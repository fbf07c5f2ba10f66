//! Receives and sends many datagrams in one system call (recvmmsg, sendmmsg). Successive datagrams of one size to one destination are a
//! *run*. A run goes through the system as one message, which is cut into datagrams only at the end (UDP_SEGMENT, "GSO"). This costs a
//! quarter as much.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use mio::net::UdpSocket;
use socket2::SockAddr;

use super::super::datagrams::{Origin, Outgoing, PacketInfo, Received};
use super::origin::OriginMessages;
use crate::net::sizes::{DATAGRAM_STRIDE, READ_SIZE};

/// Memory for the arguments of the system calls. Each call uses it again.
#[derive(Default)]
pub struct Batches {
    /// The datagrams that the last receive() has received.
    pub received: Vec<Received>,
    /// Memory for the source addresses of received datagrams.
    names: Vec<libc::sockaddr_storage>,
    /// The destinations of the runs to be sent, one for each run.
    destinations: Vec<SockAddr>,
    /// The memory areas of the datagrams.
    pieces: Vec<libc::iovec>,
    /// The headers of the messages: one for each datagram to be received, or for each run to be sent.
    headers: Vec<libc::mmsghdr>,
    /// The runs to be sent.
    runs: Vec<Run>,
    /// The control messages of the runs to be sent that have no origin.
    controls: Vec<Control>,
    /// The control messages of the runs to be sent that have an origin.
    origins: Vec<OriginMessages>,
    /// Memory for the control messages of received datagrams.
    infos: Vec<InfoRoom>,
}

/// Memory for the control messages of one datagram: packet information of IPv4 or IPv6 (40 bytes at most), and its type of service (24). It
/// is aligned like the system's headers.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct InfoRoom([u8; 64]);

/// A header in which nothing is set.
fn empty_header() -> libc::mmsghdr {
    // SAFETY: a mmsghdr consists of integers and pointers, so zeros are a valid value: no address, no data, no control message.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

impl Batches {
    /// Receives up to `most` datagrams. Each one goes to its own stride of `buffer`. `with_info`: the system reports packet information for
    /// this socket.
    pub fn receive(&mut self, socket: &UdpSocket, buffer: &mut [u8], most: usize, with_info: bool) -> io::Result<()> {
        let Self { received, names, pieces, headers, infos, .. } = self;
        received.clear();
        // SAFETY: a sockaddr_storage consists of integers, so zeros are a valid value (family AF_UNSPEC).
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
        // SAFETY: each header points to elements of `names`, `pieces` and perhaps `infos`. These vectors do not change until the call
        // returns. Each piece points to READ_SIZE bytes in its own stride of `buffer`, which is borrowed mutably and has longer strides.
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
            // SAFETY: the call has succeeded, so the system has written `msg_namelen` bytes of an address into `name`. `name` is a
            // sockaddr_storage, which has the same layout as the type that SockAddr::new() takes.
            let from = unsafe { SockAddr::new(std::mem::transmute_copy(name), header.msg_hdr.msg_namelen) };
            let from = from.as_socket().ok_or(io::ErrorKind::InvalidData)?;
            let info = if with_info { packet_info(&header.msg_hdr) } else { None };
            received.push(Received { start: index * DATAGRAM_STRIDE, len: header.msg_len as usize, from, info });
        }
        Ok(())
    }

    /// Sends datagrams in order. Returns how many the system has taken; it is an error if it takes none. `segment`: a run may be sent as
    /// one message. `is_connected`: all go to the peer of a connected socket, so no destination goes along.
    pub fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        datagrams: impl Iterator<Item = Outgoing<'a>>,
        segment: bool,
        is_connected: bool,
    ) -> io::Result<usize> {
        let Self { destinations, pieces, headers, runs, controls, origins, .. } = self;
        pieces.clear();
        runs.clear();
        for Outgoing { to, bytes, origin } in datagrams {
            let piece = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
            match runs.last_mut() {
                Some(run) if segment && run.takes(&to, origin, bytes.len()) => {
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
                    runs.push(Run {
                        to,
                        origin: origin.copied(),
                        size: bytes.len(),
                        count: 1,
                        bytes: bytes.len(),
                        pieces: 1,
                        ended: false,
                    });
                    pieces.push(piece);
                }
            }
        }
        destinations.clear();
        destinations.extend(runs.iter().map(|run| SockAddr::from(run.to)));
        controls.clear();
        controls.extend(runs.iter().map(|run| segment_size(run.size)));
        origins.clear();
        origins.extend(runs.iter().filter_map(Run::origin_messages));
        let mut own_origins = origins.iter_mut();
        headers.clear();
        let mut first = 0;
        for ((run, to), control) in runs.iter().zip(destinations.iter()).zip(controls.iter_mut()) {
            let mut header = empty_header();
            if !is_connected {
                header.msg_hdr.msg_name = to.as_ptr().cast_mut().cast();
                header.msg_hdr.msg_namelen = to.len();
            }
            header.msg_hdr.msg_iov = &raw mut pieces[first];
            header.msg_hdr.msg_iovlen = run.pieces as _;
            if run.origin.is_some()
                && let Some(messages) = own_origins.next()
            {
                let bytes = messages.bytes();
                header.msg_hdr.msg_control = bytes.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = bytes.len() as _;
            } else if run.count > 1 {
                header.msg_hdr.msg_control = (&raw mut *control).cast();
                header.msg_hdr.msg_controllen = size_of::<Control>() as _;
            }
            headers.push(header);
            first += run.pieces;
        }
        // SAFETY: each header points to elements of `destinations`, `pieces`, and perhaps `controls` or `origins`. These vectors do not
        // change until the call returns. The pieces point to the bytes of `datagrams`, which are borrowed for `'a`. The system reads all of these and writes
        // only `msg_len` in `headers`.
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
    let (mut found, mut type_of_service) = (None, None);
    // SAFETY: the control messages of `received` are `msg_controllen` bytes in an element of `infos`, which has not changed since the call
    // that wrote them. The CMSG macros stay within this length. A message of one of the types below contains a whole in_pktinfo, a whole
    // in6_pktinfo, one byte (IP_TOS), or a whole int (IPV6_TCLASS).
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(received);
        while !next.is_null() {
            let data = libc::CMSG_DATA(next);
            match ((*next).cmsg_level, (*next).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info: libc::in_pktinfo = data.cast::<libc::in_pktinfo>().read_unaligned();
                    found = Some((Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).into(), info.ipi_ifindex as u32));
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info: libc::in6_pktinfo = data.cast::<libc::in6_pktinfo>().read_unaligned();
                    let address = Ipv6Addr::from(info.ipi6_addr.s6_addr).to_canonical();
                    found = Some((address, info.ipi6_ifindex as u32));
                }
                (libc::IPPROTO_IP, libc::IP_TOS) => type_of_service = Some(data.read()),
                (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                    type_of_service = Some(data.cast::<libc::c_int>().read_unaligned() as u8);
                }
                _ => {}
            }
            next = libc::CMSG_NXTHDR(received, next);
        }
    }
    found.map(|(address, interface)| PacketInfo { address, interface, type_of_service })
}

/// The address directly after a memory area.
fn end_of(piece: &libc::iovec) -> *mut libc::c_void {
    piece.iov_base.cast::<u8>().wrapping_add(piece.iov_len).cast()
}

/// Datagrams that are sent as one message. All have the same size, except that the last one may be shorter.
struct Run {
    /// The destination of all datagrams.
    to: SocketAddr,
    /// Where all datagrams leave from. None: the system and the socket's options decide.
    origin: Option<Origin>,
    /// The size in bytes of each datagram except the last.
    size: usize,
    /// How many datagrams the run has.
    count: usize,
    /// The size of all datagrams together, in bytes.
    bytes: usize,
    /// How many memory areas of `pieces` belong to the run.
    pieces: usize,
    /// True: the last datagram is shorter than the others, so no other datagram can follow.
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
    /// Whether a datagram of `len` bytes to this destination, from this origin, can follow in the run.
    fn takes(&self, to: &SocketAddr, origin: Option<&Origin>, len: usize) -> bool {
        !self.ended
            && len > 0
            && len <= self.size
            && self.size <= SEGMENT
            && self.count < SEGMENTS
            && self.bytes + len <= MESSAGE
            && *to == self.to
            && origin == self.origin.as_ref()
    }

    /// The control messages of a run with an origin. None: it has none.
    fn origin_messages(&self) -> Option<OriginMessages> {
        let segment = (self.count > 1).then_some(self.size as u16);
        self.origin.map(|origin| OriginMessages::new(origin, segment))
    }

    /// Adds a datagram of `len` bytes.
    fn add(&mut self, len: usize) {
        self.ended = len < self.size;
        self.count += 1;
        self.bytes += len;
    }
}

/// A UDP_SEGMENT control message, with the layout that CMSG_FIRSTHDR and CMSG_DATA expect.
#[repr(C)]
struct Control {
    /// The length and the type of the control message.
    header: libc::cmsghdr,
    /// The size of each datagram in bytes.
    size: u16,
    /// Fills the control message up to the alignment of the next one. Zeros.
    padding: [u8; size_of::<usize>() - 2],
}

/// The control message that makes the system cut a message into datagrams of `size` bytes.
fn segment_size(size: usize) -> Control {
    // SAFETY: a cmsghdr consists of integers, so zeros are a valid value.
    let mut header: libc::cmsghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    header.cmsg_len = (size_of::<libc::cmsghdr>() + size_of::<u16>()) as _;
    header.cmsg_level = libc::SOL_UDP;
    header.cmsg_type = libc::UDP_SEGMENT;
    Control { header, size: size as u16, padding: [0; size_of::<usize>() - 2] }
}
