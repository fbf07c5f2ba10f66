//! The credentials of the process at the other end of a Unix socket. Each system that reports them has a module here; the last one is for
//! all others.

pub use self::system::{HAS_PEER_CREDENTIALS, peer_credentials};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::os::fd::AsRawFd;

    use socket2::Socket;

    use crate::net::sys::vocabulary::PeerCredentials;

    /// True: [`peer_credentials`] returns them.
    pub const HAS_PEER_CREDENTIALS: bool = true;

    /// On an accepted socket: the client's credentials when it called connect(2). On a client's socket: the server's credentials when it
    /// called listen(2). `None`: the system does not report them.
    pub fn peer_credentials(socket: &Socket) -> Option<PeerCredentials> {
        let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
        let mut size = size_of_val(&found) as libc::socklen_t;
        // SAFETY: the call writes at most `size` bytes through the first pointer, which is that of `found`, and `size` is the size of `found`.
        // It writes the length through the second pointer, which is that of `size`. Both variables live until the call returns. The
        // descriptor is open because `socket` is borrowed.
        let result = unsafe {
            let (value, size) = ((&raw mut found).cast(), &raw mut size);
            libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, value, size)
        };
        // A process of another pid namespace has the pid 0.
        (result == 0).then(|| PeerCredentials {
            pid: u32::try_from(found.pid).ok().filter(|&pid| pid > 0),
            uid: found.uid,
            gid: found.gid,
        })
    }
}

#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd",
    target_os = "dragonfly"
))]
mod system {
    use std::os::fd::AsRawFd;

    use socket2::Socket;

    use crate::net::sys::vocabulary::PeerCredentials;

    /// True: [`peer_credentials`] returns them.
    pub const HAS_PEER_CREDENTIALS: bool = true;

    /// On an accepted socket: the client's user and group when it called connect(2). On a client's socket: the server's user and group when
    /// it called listen(2), or, on OpenBSD and NetBSD, bind(2). `None`: the system does not report them.
    pub fn peer_credentials(socket: &Socket) -> Option<PeerCredentials> {
        let (mut uid, mut gid) = (0, 0);
        // SAFETY: the call writes one id through each pointer. They are those of `uid` and `gid`, which have these types and live until the
        // call returns. The descriptor is open because `socket` is borrowed.
        let result = unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut uid, &raw mut gid) };
        (result == 0).then(|| PeerCredentials { pid: peer_pid(socket), uid, gid })
    }

    /// The pid of the process that was the last to use the peer's socket. `None`: the system does not report it.
    #[cfg(target_vendor = "apple")]
    fn peer_pid(socket: &Socket) -> Option<u32> {
        let mut pid: libc::pid_t = 0;
        let mut size = size_of_val(&pid) as libc::socklen_t;
        // SAFETY: the call writes at most `size` bytes through the first pointer, which is that of `pid`, and `size` is the size of `pid`. It
        // writes the length through the second pointer, which is that of `size`. Both variables live until the call returns. The descriptor
        // is open because `socket` is borrowed.
        let result = unsafe {
            let (value, size) = ((&raw mut pid).cast(), &raw mut size);
            libc::getsockopt(socket.as_raw_fd(), libc::SOL_LOCAL, libc::LOCAL_PEERPID, value, size)
        };
        if result == 0 { u32::try_from(pid).ok().filter(|&pid| pid > 0) } else { None }
    }

    /// Returns None: this system does not report the pid.
    #[cfg(not(target_vendor = "apple"))]
    fn peer_pid(_socket: &Socket) -> Option<u32> {
        None
    }
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd",
    target_os = "dragonfly"
)))]
mod system {
    use socket2::Socket;

    use crate::net::sys::vocabulary::PeerCredentials;

    /// False: [`peer_credentials`] returns None.
    pub const HAS_PEER_CREDENTIALS: bool = false;

    /// Returns None: the package does not ask this system.
    pub fn peer_credentials(_socket: &Socket) -> Option<PeerCredentials> {
        None
    }
}
