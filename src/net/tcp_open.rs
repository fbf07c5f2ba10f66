//! Starts a TCP connection attempt: makes the socket, sets its options, binds it if that is asked for, and calls connect(2).

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

use super::options::TcpOptions;
use super::stream_handle::PolledStream;
use super::syscall::Syscall;
use super::{SocketError, endpoint, errno, ip_address, socket_options, sys};

/// The result of connect(2).
pub enum ConnectStart {
    /// The attempt is under way.
    Started(PolledStream),
    /// The attempt failed at once. Every failure that concerns the remote end is reported as an event (R-tcp-create).
    Failed(SocketError),
}

/// Starts an attempt. An error means that an argument is wrong, or that the system is short of resources.
pub fn start(options: &TcpOptions, remote: SocketAddr) -> Result<ConnectStart, SocketError> {
    let wanted = local_wanted(options, &remote)?;
    let socket = match Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP)) {
        Ok(socket) => socket,
        Err(error) if errno::is_resource_shortage(&error) => {
            return Err(SocketError::system_at(Syscall::Socket, remote, error));
        }
        Err(error) => return Ok(ConnectStart::Failed(SocketError::system_at(Syscall::Socket, remote, error))),
    };
    configure(&socket, options, &remote)?;
    if let Some(local) = wanted {
        bind(&socket, local)?;
    }
    match socket.connect(&remote.into()) {
        Err(error) if !is_in_progress(&error) => {
            Ok(ConnectStart::Failed(SocketError::system_at(Syscall::Connect, remote, error)))
        }
        _ => Ok(ConnectStart::Started(PolledStream::from_std(socket.into()))),
    }
}

fn configure(socket: &Socket, options: &TcpOptions, remote: &SocketAddr) -> Result<(), SocketError> {
    socket.set_nonblocking(true).map_err(|error| SocketError::system(Syscall::SetNonBlocking, error))?;
    if remote.is_ipv6() {
        socket_options::set("ipv6Only", options.ipv6_only, false, |only| socket.set_only_v6(only))?;
    }
    // If the option cannot be set, bind(2) reports the consequence.
    if options.shares_local_port {
        let _ = sys::reuse_waiting_port(socket);
    }
    socket_options::set_buffer_sizes(socket, &options.buffers)?;
    socket_options::set_stream_options(socket, &options.stream)
}

/// The address to bind to. None: a client that asks for no address or port is not bound before connect(2) (R-tcp-create).
fn local_wanted(options: &TcpOptions, remote: &SocketAddr) -> Result<Option<SocketAddr>, SocketError> {
    let port = options.local_port.unwrap_or(0);
    let Some(text) = &options.local_address else {
        return Ok((port != 0).then(|| ip_address::wildcard(remote, port)));
    };
    let local = ip_address::parse("localAddress", text, port)?;
    if local.is_ipv4() != remote.is_ipv4() {
        let reaches = if local.is_ipv4() { "IPv4 only" } else { "IPv6 only" };
        return Err(SocketError::Family { remote: endpoint::ip_text(remote), reaches });
    }
    Ok(Some(local))
}

fn bind(socket: &Socket, local: SocketAddr) -> Result<(), SocketError> {
    if local.port() == 0 {
        sys::choose_port_at_connect(socket);
    }
    socket.bind(&local.into()).map_err(|error| SocketError::local(Syscall::Bind, local, error))
}

fn is_in_progress(error: &io::Error) -> bool {
    sys::is_in_progress(error) || matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
