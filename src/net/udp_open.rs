//! Opens a UDP socket: chooses its family, sets its options and binds it.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

use super::errno::{self, Errno};
use super::options::UdpOptions;
use super::socket_options::{set, set_asked};
use super::syscall::Syscall;
use super::udp_options::{self, MulticastInterface};
use super::{SocketError, ip_address, quoted, socket_options, sys};

/// A socket that was opened, and what opening it has found out.
pub struct Opened {
    /// The socket, which is bound.
    pub socket: UdpSocket,
    /// The local address that the socket reports: with `connected` the address that datagrams leave from, otherwise `bound`.
    pub local: SocketAddr,
    /// The address that the socket is bound to.
    pub bound: SocketAddr,
    /// The default destination. Its port is 0 if the options have none. None: they have no address.
    pub remote: Option<SocketAddr>,
    /// The peer of a connected socket (R-udp-connected). None: the socket is not connected.
    pub peer: Option<Peer>,
    /// The interface that the socket is bound to (R-udp-interface). None: it is bound to none.
    pub interface: Option<NonZeroU32>,
    /// True if the system also delivers datagrams of groups that only other sockets have joined. Then the socket reports packet
    /// information, so that the package can drop those datagrams.
    pub sorts_groups: bool,
}

/// The only end that a connected socket exchanges datagrams with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address and port that the options give.
    asked: SocketAddr,
    /// The address and port that the system has connected to. It takes a wildcard for the loopback address.
    connected: SocketAddr,
}

impl Peer {
    /// Whether an address, in canonical form, is the peer's. A zone is not compared, since the system does.
    pub fn is(&self, address: SocketAddr) -> bool {
        [self.asked, self.connected].iter().any(|own| (own.ip(), own.port()) == (address.ip(), address.port()))
    }

    /// The address and port, for errors.
    pub fn address(&self) -> SocketAddr {
        self.asked
    }
}

/// Makes and binds a socket (R-udp-bind, R-udp-family), and connects it if the options say so.
pub fn open(options: &UdpOptions) -> Result<Opened, SocketError> {
    let port = options.local_port.unwrap_or(0);
    let local = options.local_address.as_deref();
    let local = local.map(|text| ip_address::parse("localAddress", text, port)).transpose()?;
    let remote = options.remote_address.as_deref();
    let remote =
        remote.map(|text| ip_address::parse("remoteAddress", text, options.remote_port.unwrap_or(0))).transpose()?;
    let local = match (local, &remote) {
        (Some(local), _) => local,
        (None, Some(remote)) => ip_address::wildcard(remote, port),
        (None, None) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
    };
    if let Some(remote) = &remote {
        ip_address::check_reachable(&local, options.ipv6_only.unwrap_or(false), remote)?;
    }
    let wanted_peer = wanted_peer(options, remote)?;
    let (raw, interface) = make(options, &local)?;
    let is_ipv6 = local.is_ipv6();
    if options.packet_info {
        set_asked("packetInfo", sys::report_packet_info(&raw, is_ipv6))?;
    }
    let sorts_groups = !sys::keep_groups_apart(&raw, is_ipv6) && sys::report_destinations(&raw, is_ipv6);
    // The system may give one port to two sockets that share ports and did not ask for a port (as with R-udp-reuse). So the option is set
    // after bind(2), if the system accepts it then.
    let late = local.port() == 0 && sys::SHARES_BOUND_PORTS;
    if options.reuse_port && !late {
        socket_options::share_port(&raw, local)?;
    }
    raw.bind(&local.into()).map_err(|error| SocketError::local(Syscall::Bind, local, error))?;
    if options.reuse_port && late {
        socket_options::share_port(&raw, local)?;
    }
    let bound = local_address(&raw)?;
    let peer = wanted_peer.map(|remote| connect(&raw, &bound, remote)).transpose()?;
    let local = if peer.is_some() { ip_address::canonical(local_address(&raw)?) } else { bound };
    Ok(Opened { socket: UdpSocket::from_std(raw.into()), local, bound, remote, peer, interface, sorts_groups })
}

/// The destination that the socket is to connect to. None: it is not to be connected.
fn wanted_peer(options: &UdpOptions, remote: Option<SocketAddr>) -> Result<Option<SocketAddr>, SocketError> {
    match remote {
        _ if !options.connected => Ok(None),
        Some(remote) if options.remote_port.is_some() => Ok(Some(remote)),
        _ => {
            let reason = "connected: true needs remoteAddress and remotePort, which say whom to connect to".to_owned();
            Err(SocketError::BadOption { reason })
        }
    }
}

/// Connects a socket that is bound to `bound` (R-udp-connected).
fn connect(raw: &Socket, bound: &SocketAddr, remote: SocketAddr) -> Result<Peer, SocketError> {
    raw.connect(&ip_address::as_family_of(bound, remote).into())
        .map_err(|error| SocketError::system_at(Syscall::Connect, remote, error))?;
    let connected = raw.peer_addr().ok().and_then(|address| address.as_socket()).map_or(remote, ip_address::canonical);
    Ok(Peer { asked: remote, connected })
}

/// The address that the system has given the socket.
fn local_address(raw: &Socket) -> Result<SocketAddr, SocketError> {
    raw.local_addr()
        .and_then(|address| address.as_socket().ok_or_else(|| ErrorKind::InvalidData.into()))
        .map_err(|error| SocketError::system(Syscall::LocalAddress, error))
}

/// Makes a socket with its options. Also returns the interface that it is bound to.
fn make(options: &UdpOptions, local: &SocketAddr) -> Result<(Socket, Option<NonZeroU32>), SocketError> {
    let raw = Socket::new(Domain::for_address(*local), Type::DGRAM, Some(Protocol::UDP));
    let raw = raw.map_err(|error| SocketError::local(Syscall::Socket, *local, error))?;
    let bound = options.network_interface.as_deref().map(|name| bind_to_interface(&raw, name, local)).transpose()?;
    configure(&raw, options, local)?;
    let interface = options.live.multicast_interface.as_deref();
    let ipv6_only = options.ipv6_only.unwrap_or(false);
    let interface = interface.map(|text| MulticastInterface::find(text, local, ipv6_only)).transpose()?;
    udp_options::change(&raw, &options.live, interface.as_ref(), local, ipv6_only)?;
    Ok((raw, bound))
}

/// Binds a socket to the interface of this name (R-udp-interface). Returns the interface's index.
fn bind_to_interface(raw: &Socket, name: &str, local: &SocketAddr) -> Result<NonZeroU32, SocketError> {
    let option = "networkInterface";
    if !sys::has_network_interface() {
        return Err(SocketError::Option { name: option, source: ErrorKind::Unsupported.into() });
    }
    let unknown = |syscall, source| {
        let text = quoted::beginning(name);
        SocketError::Interface { what: option, text, syscall, source }
    };
    let index = ip_address::interface_index(name)?.and_then(NonZeroU32::new);
    let index = index.ok_or_else(|| unknown(None, errno::no_interface()))?;
    match sys::bind_to_interface(raw, index, name, local.is_ipv6()) {
        Ok(()) => Ok(index),
        Err(source) => Err(match Errno::of(&source) {
            // The interface was removed just now.
            Errno::ENODEV => unknown(Some(Syscall::SetOption), source),
            Errno::EPERM | Errno::EACCES => SocketError::ForbiddenOption { name: option, source },
            _ => SocketError::Option { name: option, source },
        }),
    }
}

fn configure(raw: &Socket, options: &UdpOptions, local: &SocketAddr) -> Result<(), SocketError> {
    raw.set_nonblocking(true).map_err(|error| SocketError::system(Syscall::SetNonBlocking, error))?;
    if !options.connected {
        sys::ignore_unreachable(raw);
    }
    // R-udp-reuse
    if options.address_reuse == Some(false) || local.port() == 0 {
        set("addressReuse", options.address_reuse, false, |_| sys::exclude_others(raw))?;
    } else {
        set("addressReuse", options.address_reuse, true, |_| sys::share_address(raw))?;
    }
    if local.is_ipv6() {
        set("ipv6Only", options.ipv6_only, false, |only| raw.set_only_v6(only))?;
    } else if let SocketAddr::V4(v4) = local
        && !v4.ip().is_unspecified()
        && !v4.ip().is_multicast()
    {
        // If no interface has the address, bind(2) fails with a better error.
        let _ = raw.set_multicast_if_v4(v4.ip());
    }
    if options.live.loopback.is_none() {
        set("loopback", None, false, |on| udp_options::set_loopback(raw, on, local))?;
    }
    if let Some(bytes) = sys::DATAGRAM_SEND_BUFFER {
        // If the system refuses the size, it will refuse the longest datagrams.
        let _ = raw.set_send_buffer_size(bytes);
    }
    Ok(())
}
