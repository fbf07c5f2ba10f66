//! What only Linux does.

mod groups;
mod mmsg;
mod pipe;

use std::io;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{SockRef, Socket};

pub use self::groups::{has_joined, keep_groups_apart, membership_limit, set_source_filter};
pub use self::mmsg::Batches;
pub use self::pipe::{Pipe, put_back_pipe, take_pipe};

/// A thread's number.
pub struct ThreadId(libc::c_long);

impl ThreadId {
    /// That of the calling thread.
    pub fn current() -> Self {
        // SAFETY: a plain system call without arguments.
        Self(unsafe { libc::syscall(libc::SYS_gettid) })
    }

    /// Waits until a thread that has been joined is out. It may still be on its way, some microseconds, and counts against the
    /// limit until then.
    pub fn wait_until_gone(self) {
        /// Another thread may have got the number by now: then there is nothing to wait for.
        const EXIT_TIMEOUT: Duration = Duration::from_millis(20);
        let start = Instant::now();
        let process = libc::c_long::from(std::process::id().cast_signed());
        // SAFETY: signal 0 is none: the call only checks whether there is such a thread in this process.
        while unsafe { libc::syscall(libc::SYS_tgkill, process, self.0, 0) } == 0 && start.elapsed() < EXIT_TIMEOUT {
            thread::yield_now();
        }
    }
}

/// The port of a socket that is bound to port 0 is chosen by connect(2), which knows the destination: no limit of 28,000
/// connections (R-tcp-create). Where the kernel does not have the option, bind(2) chooses.
pub fn choose_port_at_connect(socket: &Socket) {
    let _ = set_option(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1);
}

/// Makes the system report where each datagram was sent to. Returns whether it does.
pub fn report_destinations<'a>(socket: impl Into<SockRef<'a>>, is_ipv6: bool) -> bool {
    let (level, name) =
        if is_ipv6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) } else { (libc::IPPROTO_IP, libc::IP_PKTINFO) };
    set_option(&*socket.into(), level, name, 1).is_ok()
}

/// setsockopt(2) with an int: for options that socket2 does not have.
fn set_option(socket: &impl AsRawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointer and the size are those of `value`, which lives through the call.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
