//! What Unix systems do in one way, and Windows in another.

mod interfaces;
mod resolver;

use std::io;

use socket2::Socket;

pub use self::interfaces::{interface_exists, interface_index, interface_name, interfaces};
pub use self::resolver::look_up;

/// A port is in TIME_WAIT for a while after its last connection: makes it free to bind to. Before bind(2).
pub fn reuse_waiting_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// Lets others bind to the same address and port, if they do the same (UDP). Before bind(2).
pub fn share_address(socket: &Socket) -> io::Result<()> {
    let shared = socket.set_reuse_address(true);
    // Apple's systems and BSD share an address only with both options.
    #[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "openbsd", target_os = "netbsd"))]
    let shared = shared.and(socket.set_reuse_port(true));
    shared
}

/// Nobody else can take a port without [`share_address`], which both have to call: nothing is to be set.
pub fn exclude_others(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

/// Lets sockets share a port and its load, where [`BALANCES_SHARED_PORTS`](super::BALANCES_SHARED_PORTS) says so.
pub fn share_port(socket: &Socket) -> io::Result<()> {
    // FreeBSD's SO_REUSEPORT does not share the load.
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

/// What became of a datagram that was sent makes no receive fail on a socket that is not connected: nothing is to be set.
pub fn ignore_unreachable(_socket: &Socket) {}

/// Whether connect(2) reports that the attempt is under way.
pub fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}
