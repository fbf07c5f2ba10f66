//! Joins and leaves a multicast group for one source address, for IPv4 and IPv6. The interface is given by its index. This works only on
//! systems that support RFC 3678.

/// True: [`change_source`] works.
pub const TAKES_SOURCES: bool =
    cfg!(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd"));

pub use self::rfc3678::change_source;
#[cfg(target_os = "linux")]
pub use self::rfc3678::level;

#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd"))]
mod rfc3678 {
    use std::io;
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::AsRawFd;

    use mio::net::UdpSocket;
    use socket2::SockAddr;

    /// Adds a source to the membership of `group` on `interface` if `join` is true; otherwise removes it. Adding the first source joins the
    /// group, and removing the last one leaves it.
    pub fn change_source(
        socket: &UdpSocket,
        group: IpAddr,
        interface: u32,
        source: IpAddr,
        join: bool,
    ) -> io::Result<()> {
        let request =
            libc::group_source_req { gsr_interface: interface, gsr_group: storage(group), gsr_source: storage(source) };
        let name = if join { libc::MCAST_JOIN_SOURCE_GROUP } else { libc::MCAST_LEAVE_SOURCE_GROUP };
        let size = size_of_val(&request) as libc::socklen_t;
        // SAFETY: the pointer and the size are those of `request`, which lives until the call returns. The call only reads it.
        let result =
            unsafe { libc::setsockopt(socket.as_raw_fd(), level(group), name, (&raw const request).cast(), size) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// The level in setsockopt(2) of the options for this group.
    pub fn level(group: IpAddr) -> libc::c_int {
        if group.is_ipv4() { libc::IPPROTO_IP } else { libc::IPPROTO_IPV6 }
    }

    /// The address in the form that the system needs.
    fn storage(ip: IpAddr) -> libc::sockaddr_storage {
        let address = SockAddr::from(SocketAddr::new(ip, 0));
        // SAFETY: `address` holds a whole sockaddr_storage and lives through the read, so all bytes of a sockaddr_storage can be read from
        // its pointer.
        unsafe { std::ptr::read(address.as_ptr().cast()) }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd")))]
mod rfc3678 {
    use std::io;
    use std::net::IpAddr;

    use mio::net::UdpSocket;

    /// Returns an error: this system has no such call.
    pub fn change_source(_: &UdpSocket, _: IpAddr, _: u32, _: IpAddr, _: bool) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
