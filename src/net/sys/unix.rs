//! What Unix systems do differently from Windows.

mod interfaces;
mod peer_credentials;
mod resolver;
mod unix_listener;

use std::io;
use std::num::NonZeroU32;

use socket2::Socket;

pub use self::interfaces::{interface_exists, interface_index, interface_name, interfaces};
pub use self::peer_credentials::{HAS_PEER_CREDENTIALS, peer_credentials};
pub use self::resolver::look_up;
pub use self::unix_listener::UnixListener;

/// Lets the socket bind to a port that is still in TIME_WAIT after its last connection. Call it before bind(2).
pub fn reuse_waiting_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// Lets other UDP sockets bind to the same address and port, if this function was called for them too. Call it before bind(2).
pub fn share_address(socket: &Socket) -> io::Result<()> {
    let shared = socket.set_reuse_address(true);
    // Apple's systems and the BSDs let sockets share an address only if both options are set.
    #[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "openbsd", target_os = "netbsd"))]
    let shared = shared.and(socket.set_reuse_port(true));
    shared
}

/// Makes a socket send and receive by one interface only. Call it before bind(2).
pub fn bind_to_interface(socket: &Socket, interface: NonZeroU32, name: &str, is_ipv6: bool) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let _ = (interface, is_ipv6);
        socket.bind_device(Some(name.as_bytes()))
    }
    // IP_BOUND_IF also restricts receiving, unless SO_RECV_ANYIF is set.
    #[cfg(target_vendor = "apple")]
    {
        let _ = name;
        let bind = if is_ipv6 { Socket::bind_device_by_index_v6 } else { Socket::bind_device_by_index_v4 };
        bind(socket, Some(interface))
    }
    #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
    {
        let _ = (socket, interface, name, is_ipv6);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Sets the traffic class of IPv6 packets: the byte that has DSCP and ECN.
pub fn set_traffic_class(socket: &Socket, value: u8) -> io::Result<()> {
    socket.set_tclass_v6(value.into())
}

/// Does nothing: on Unix two sockets can have the same port only if both allow it by [`share_address`] or [`share_port`].
pub fn exclude_others(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

/// Lets sockets share a port and its load. Returns an error on systems that cannot; [`BALANCES_SHARED_PORTS`](super::BALANCES_SHARED_PORTS)
/// is false there.
pub fn share_port(socket: &Socket) -> io::Result<()> {
    // FreeBSD's SO_REUSEPORT does not distribute the load, so another option is used.
    #[cfg(target_os = "freebsd")]
    return socket.set_reuse_port_lb(true);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return socket.set_reuse_port(true);
    #[cfg(not(any(target_os = "freebsd", target_os = "linux", target_os = "android")))]
    {
        let _ = socket;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Does nothing: on Unix, if a datagram could not be delivered, later receives on an unconnected socket do not fail.
pub fn ignore_unreachable(_socket: &Socket) {}

/// Returns the error unchanged: on Unix a refused datagram is ECONNREFUSED.
pub fn refusal(error: io::Error) -> io::Error {
    error
}

/// Returns the error of bind(2) unchanged: on Unix a port that another socket holds is EADDRINUSE.
pub fn of_bind(_port: u16, error: io::Error) -> io::Error {
    error
}

/// The error that the system reports for an interface that does not exist.
pub fn no_interface() -> io::Error {
    io::Error::from_raw_os_error(libc::ENODEV)
}

/// The error that the system reports if it has no memory for bytes.
pub fn no_buffers() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOBUFS)
}

/// Whether this error of connect(2) means that the connection attempt is under way.
pub fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}
