//! Opens TCP's sockets: starts a connection attempt, and makes a socket listen.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};

use super::errno::Errno;
use super::options::{ServerOptions, TcpOptions};
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
    let socket = match sys::new_socket(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP)) {
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
    if remote.is_ipv6() {
        socket_options::set("ipv6Only", options.ipv6_only, false, |only| socket.set_only_v6(only))?;
    }
    // If the option cannot be set, bind(2) reports the consequence.
    if options.shares_local_port {
        let _ = sys::reuse_waiting_port(socket);
    }
    socket_options::set_buffer_sizes(socket, &options.buffers)?;
    socket_options::set_network_options(socket, &options.stream.network)
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

/// Makes a socket that listens on the port that the options ask for.
pub fn listen(options: &ServerOptions) -> Result<TcpListener, SocketError> {
    let port = options.local_port.unwrap_or(0);
    match &options.local_address {
        Some(text) => listen_on(options, ip_address::parse("localAddress", text, port)?),
        None => listen_on_wildcard(options, port),
    }
}

/// Listens on `::` for both families if the host has IPv6, otherwise on 0.0.0.0.
fn listen_on_wildcard(options: &ServerOptions, port: u16) -> Result<TcpListener, SocketError> {
    match listen_on(options, SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)) {
        Err(SocketError::Local { source, .. })
            if options.ipv6_only != Some(true)
                && matches!(Errno::of(&source), Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) =>
        {
            listen_on(options, SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
        }
        opened => opened,
    }
}

/// Makes a socket that listens on `local`.
fn listen_on(options: &ServerOptions, local: SocketAddr) -> Result<TcpListener, SocketError> {
    let failed = |syscall| move |error| SocketError::local(syscall, local, error);
    let raw = sys::new_socket(Domain::for_address(local), Type::STREAM, Some(Protocol::TCP))
        .map_err(failed(Syscall::Socket))?;
    if local.is_ipv6() {
        socket_options::set("ipv6Only", options.ipv6_only, false, |only| raw.set_only_v6(only))?;
    }
    // A port in TIME_WAIT counts as free (R-srv-bind). If the system refuses the option, bind(2) reports the port as in use.
    let _ = sys::reuse_waiting_port(&raw);
    if options.reuse_port {
        socket_options::share_port(&raw, local)?;
    } else {
        sys::exclude_others(&raw).map_err(failed(Syscall::SetOption))?;
    }
    if sys::ACCEPTED_INHERIT_OPTIONS {
        socket_options::set_network_options(&raw, &options.listening.stream.network)?;
    }
    raw.bind(&local.into()).map_err(failed(Syscall::Bind))?;
    let backlog = i32::try_from(options.listening.backlog).unwrap_or(i32::MAX);
    raw.listen(backlog).map_err(failed(Syscall::Listen))?;
    Ok(TcpListener::from_std(raw.into()))
}
