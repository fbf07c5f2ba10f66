//! What only Linux can do.

mod figures;
mod groups;
mod mmsg;
mod origin;
mod pipe;

use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

pub use self::figures::{counts_drops, dropped_datagrams, tcp_stats};
pub use self::groups::{has_joined, keep_groups_apart, membership_limit, set_source_filter};
pub use self::mmsg::Batches;
pub use self::pipe::{Pipe, put_back_pipe, take_pipe};

/// Makes a socket whose calls do not block, with one system call.
pub fn new_socket(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
    Socket::new(domain, kind.nonblocking(), protocol)
}

/// Sets how long sent bytes may stay unacknowledged before the connection is lost (TCP_USER_TIMEOUT). 0: the system's own limits.
pub fn set_user_timeout(socket: &Socket, limit: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout((!limit.is_zero()).then_some(limit))
}

/// Whether this kernel cuts messages into datagrams (UDP_SEGMENT; since Linux 4.18).
pub fn takes_segments(socket: &Socket) -> bool {
    set_option(socket, libc::SOL_UDP, libc::UDP_SEGMENT, 0).is_ok()
}

/// A thread's number in the system (gettid(2)).
pub struct ThreadId(libc::c_long);

impl ThreadId {
    /// The number of the calling thread.
    pub fn current() -> Self {
        // SAFETY: gettid(2) takes no arguments and always succeeds.
        Self(unsafe { libc::syscall(libc::SYS_gettid) })
    }

    /// Waits until the system does not count the thread any more. After it was joined, a thread exists for some microseconds more, and
    /// counts against the limit of threads until then.
    pub fn wait_until_gone(self) {
        /// The longest time to wait. A new thread may have got the same number by now, and without this limit the loop would wait for that
        /// thread.
        const THREAD_GONE_TIMEOUT: Duration = Duration::from_millis(20);
        let start = Instant::now();
        let process = libc::c_long::from(std::process::id().cast_signed());
        // SAFETY: the call takes only numbers. With signal 0 it sends no signal, and only checks whether this process has such a thread.
        while unsafe { libc::syscall(libc::SYS_tgkill, process, self.0, 0) } == 0
            && start.elapsed() < THREAD_GONE_TIMEOUT
        {
            thread::yield_now();
        }
    }
}

/// Makes connect(2), not bind(2), choose the port of a socket that is bound to port 0. connect(2) knows the destination and can use one
/// port for several destinations, so the number of ports, about 28,000, does not limit the number of connections (R-tcp-create). If the
/// kernel does not have this option, bind(2) chooses.
pub fn choose_port_at_connect(socket: &Socket) {
    let _ = set_option(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1);
}

/// Makes the system report the destination of each received datagram. Returns whether it does.
pub fn report_destinations<'a>(socket: impl Into<SockRef<'a>>, is_ipv6: bool) -> bool {
    let (level, name) =
        if is_ipv6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) } else { (libc::IPPROTO_IP, libc::IP_PKTINFO) };
    set_option(&*socket.into(), level, name, 1).is_ok()
}

/// Makes the system report the destination, the interface and the type of service of each received datagram.
pub fn report_packet_info(socket: &Socket, is_ipv6: bool) -> io::Result<()> {
    if is_ipv6 {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, 1)?;
    } else {
        set_option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
    }
    // An IPv6 socket needs it for its IPv4 datagrams.
    set_option(socket, libc::IPPROTO_IP, libc::IP_RECVTOS, 1)
}

/// Reads from a connected stream socket once. Also returns whether the peer has passed file descriptors with the bytes (SCM_RIGHTS), behind
/// which the read has ended. The kernel closes them.
pub fn read_checked(stream: &mut impl AsRawFd, slices: &mut [IoSliceMut<'_>]) -> io::Result<(usize, bool)> {
    // SAFETY: all members of msghdr are integers and pointers, for which zeros are valid.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = slices.as_mut_ptr().cast();
    message.msg_iovlen = slices.len() as _;
    // SAFETY: `message` has no name and no control buffer. Its iovecs are `slices`, since IoSliceMut has the layout of iovec; each is
    // memory that is borrowed for writing until the call returns. The descriptor is open because `stream` is borrowed.
    let length = unsafe { libc::recvmsg(stream.as_raw_fd(), &raw mut message, 0) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    Ok((length, message.msg_flags & libc::MSG_CTRUNC != 0))
}

/// setsockopt(2) with an int, for options that socket2 does not have.
fn set_option(socket: &impl AsRawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointer and the size are those of `value`, which lives until the call returns. The call only reads it.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
