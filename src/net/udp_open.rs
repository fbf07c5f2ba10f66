//! Opens a UDP socket: chooses its family, sets its options and binds it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

use super::options::UdpOptions;
use super::socket_options::{set, set_asked};
use super::syscall::Syscall;
use super::{SocketError, errno, interfaces, ip_address, quoted, socket_options, sys};

/// A socket that was opened, and what opening it has found out.
pub struct Opened {
    /// The socket, which is bound.
    pub socket: UdpSocket,
    /// The default destination's address, with port 0. None: the options have none.
    pub remote: Option<SocketAddr>,
    /// True if the system also delivers datagrams of groups that only other sockets have joined. Then the socket reports packet
    /// information, so that the package can drop those datagrams.
    pub sorts_groups: bool,
}

/// Makes and binds a socket (R-udp-bind, R-udp-family).
pub fn open(options: &UdpOptions) -> Result<Opened, SocketError> {
    let port = options.local_port.unwrap_or(0);
    let local = options.local_address.as_deref();
    let local = local.map(|text| ip_address::parse("localAddress", text, port)).transpose()?;
    let remote = options.remote_address.as_deref();
    let remote = remote.map(|text| ip_address::parse("remoteAddress", text, 0)).transpose()?;
    let local = match (local, &remote) {
        (Some(local), _) => local,
        (None, Some(remote)) => ip_address::wildcard(remote, port),
        (None, None) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
    };
    if let Some(remote) = &remote {
        ip_address::check_reachable(&local, options.ipv6_only.unwrap_or(false), remote)?;
    }
    let raw = make(options, &local)?;
    let is_ipv6 = local.is_ipv6();
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
    Ok(Opened { socket: UdpSocket::from_std(raw.into()), remote, sorts_groups })
}

fn make(options: &UdpOptions, local: &SocketAddr) -> Result<Socket, SocketError> {
    let raw = Socket::new(Domain::for_address(*local), Type::DGRAM, Some(Protocol::UDP));
    let raw = raw.map_err(|error| SocketError::local(Syscall::Socket, *local, error))?;
    configure(&raw, options, local)?;
    set_hops(&raw, options, local)?;
    if let Some(interface) = &options.multicast_interface {
        set_multicast_interface(&raw, interface, local, options.ipv6_only.unwrap_or(false))?;
    }
    Ok(raw)
}

fn configure(raw: &Socket, options: &UdpOptions, local: &SocketAddr) -> Result<(), SocketError> {
    raw.set_nonblocking(true).map_err(|error| SocketError::system(Syscall::SetNonBlocking, error))?;
    if options.broadcast {
        set_asked("broadcast", raw.set_broadcast(true))?;
    }
    sys::ignore_unreachable(raw);
    // R-udp-reuse
    if options.address_reuse == Some(false) || local.port() == 0 {
        set("addressReuse", options.address_reuse, false, |_| sys::exclude_others(raw))?;
    } else {
        set("addressReuse", options.address_reuse, true, |_| sys::share_address(raw))?;
    }
    if local.is_ipv6() {
        set("ipv6Only", options.ipv6_only, false, |only| raw.set_only_v6(only))?;
        set("loopback", options.loopback, false, |on| raw.set_multicast_loop_v6(on))?;
        // A dual-stack socket also sends IPv4 multicast. If the system has no such option for it, the system's default applies.
        let _ = raw.set_multicast_loop_v4(options.loopback.unwrap_or(false));
    } else {
        set("loopback", options.loopback, false, |on| raw.set_multicast_loop_v4(on))?;
        if let SocketAddr::V4(v4) = local
            && !v4.ip().is_unspecified()
            && !v4.ip().is_multicast()
        {
            // If no interface has the address, bind(2) fails with a better error.
            let _ = raw.set_multicast_if_v4(v4.ip());
        }
    }
    if let Some(bytes) = sys::DATAGRAM_SEND_BUFFER {
        // If the system refuses the size, it will refuse the longest datagrams.
        let _ = raw.set_send_buffer_size(bytes);
    }
    socket_options::set_buffer_sizes(raw, &options.buffers)
}

/// Sets the time to live and the hop limits. A dual-stack socket has those of both families.
fn set_hops(raw: &Socket, options: &UdpOptions, local: &SocketAddr) -> Result<(), SocketError> {
    let dual = local.is_ipv6() && options.ipv6_only != Some(true);
    if let Some(hops) = options.time_to_live.map(u32::from) {
        if local.is_ipv6() {
            set_asked("timeToLive", raw.set_unicast_hops_v6(hops))?;
        }
        if local.is_ipv4() || dual {
            set_asked("timeToLive", tolerate(raw.set_ttl_v4(hops), dual))?;
        }
    }
    // Every system's default is 1 (RFC 1112).
    if let Some(hops) = options.multicast_time_to_live.map(u32::from) {
        if local.is_ipv6() {
            set_asked("multicastTimeToLive", raw.set_multicast_hops_v6(hops))?;
        }
        if local.is_ipv4() || dual {
            set_asked("multicastTimeToLive", tolerate(raw.set_multicast_ttl_v4(hops), dual))?;
        }
    }
    Ok(())
}

/// Ignores a failure to set an IPv4 option on a dual-stack socket, on systems where IPv6 sockets have no IPv4 options.
fn tolerate(set: io::Result<()>, dual: bool) -> io::Result<()> {
    if dual && !sys::IPV6_TAKES_IPV4_OPTIONS { Ok(()) } else { set }
}

/// Sets `multicastInterface`, which is given by an address, by its name, or as an IPv6 zone (R-udp-group).
fn set_multicast_interface(raw: &Socket, text: &str, local: &SocketAddr, ipv6_only: bool) -> Result<(), SocketError> {
    const WHAT: &str = "multicastInterface";
    let interface =
        |syscall, source| SocketError::Interface { what: WHAT, text: quoted::beginning(text), syscall, source };
    let unusable = |source| interface(Some(Syscall::SetOption), source);
    let dual = local.is_ipv6() && local.ip().is_unspecified() && !ipv6_only;
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        if local.is_ipv6() && !dual {
            return Err(wrong_interface(text, "the socket is IPv6 only: give the interface's name, such as \"eth0\""));
        }
        return raw.set_multicast_if_v4(&ip).map_err(unusable);
    }
    let index = match ip_address::zone_index(text)? {
        Some(index) => Some(index),
        None => match (ip_address::parse(WHAT, text, 0), local) {
            (Ok(SocketAddr::V6(v6)), _) if v6.scope_id() != 0 => Some(v6.scope_id()),
            (Ok(address), _) => interfaces::index_of(address.ip()),
            (Err(_), SocketAddr::V6(_)) => None,
            (Err(error), SocketAddr::V4(_)) => return Err(error),
        },
    };
    let index = index.ok_or_else(|| interface(None, errno::no_interface()))?;
    let v4 = interfaces::ipv4_of(index);
    match (local, v4) {
        (SocketAddr::V4(_), Some(ip)) => raw.set_multicast_if_v4(&ip).map_err(unusable),
        (SocketAddr::V4(_), None) => {
            Err(wrong_interface(text, "the socket is IPv4, and that interface has no IPv4 address"))
        }
        (SocketAddr::V6(_), v4) => {
            raw.set_multicast_if_v6(index).map_err(unusable)?;
            if let Some(ip) = v4.filter(|_| dual) {
                // The IPv4 half of a dual-stack socket. Not every system has this option there.
                let _ = raw.set_multicast_if_v4(&ip);
            }
            Ok(())
        }
    }
}

fn wrong_interface(text: &str, why: &str) -> SocketError {
    let text = quoted::beginning(text);
    SocketError::BadOption { reason: format!("multicastInterface {text:?} does not fit: {why}") }
}
