//! Opening a UDP socket: the family chosen, options set, bound.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

use super::options::UdpOptions;
use super::{SocketError, endpoint, errno, socket_options};

/// A bound socket, and the default destination's address (R-udp-bind, R-udp-family).
pub fn open(options: &UdpOptions) -> Result<(UdpSocket, Option<SocketAddr>), SocketError> {
    let port = options.local_port.unwrap_or(0);
    let local = options.local_address.as_deref();
    let local = local.map(|text| endpoint::parse("localAddress", text, port)).transpose()?;
    let remote = options.remote_address.as_deref();
    let remote = remote.map(|text| endpoint::parse("remoteAddress", text, 0)).transpose()?;
    let local = match (local, &remote) {
        (Some(local), _) => local,
        (None, Some(remote)) => endpoint::wildcard(remote, port),
        (None, None) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
    };
    if let Some(remote) = &remote {
        endpoint::check_reachable(&local, options.ipv6_only, remote)?;
    }
    let raw = make(options, &local)?;
    // Two sockets that share their ports may be given one port that neither asked for, like R-udp-reuse's. Linux takes the
    // option after bind(2), too.
    let late = local.port() == 0 && cfg!(any(target_os = "linux", target_os = "android"));
    if options.reuse_port && !late {
        socket_options::share_port(&raw)?;
    }
    raw.bind(&local.into()).map_err(|error| SocketError::local("bind", local, error))?;
    if options.reuse_port && late {
        socket_options::share_port(&raw)?;
    }
    Ok((UdpSocket::from_std(raw.into()), remote))
}

fn make(options: &UdpOptions, local: &SocketAddr) -> Result<Socket, SocketError> {
    let raw = Socket::new(Domain::for_address(*local), Type::DGRAM, Some(Protocol::UDP));
    let raw = raw.map_err(|error| SocketError::local("socket", *local, error))?;
    let failed = |error| SocketError::system("setsockopt", error);
    configure(&raw, options, local).map_err(failed)?;
    set_hops(&raw, options, local).map_err(failed)?;
    if let Some(interface) = &options.multicast_interface {
        set_multicast_interface(&raw, interface, local, options.ipv6_only)?;
    }
    Ok(raw)
}

fn configure(raw: &Socket, options: &UdpOptions, local: &SocketAddr) -> io::Result<()> {
    raw.set_nonblocking(true)?;
    raw.set_broadcast(options.broadcast)?;
    if options.address_reuse && local.port() != 0 {
        raw.set_reuse_address(true)?;
        #[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "openbsd", target_os = "netbsd"))]
        raw.set_reuse_port(true)?;
    }
    if local.is_ipv6() {
        raw.set_only_v6(options.ipv6_only)?;
        raw.set_multicast_loop_v6(options.loopback)?;
        // A dual-stack socket sends IPv4 multicast too. Where the system has no such option there, its default holds.
        let _ = raw.set_multicast_loop_v4(options.loopback);
    } else {
        raw.set_multicast_loop_v4(options.loopback)?;
        if let SocketAddr::V4(v4) = local
            && !v4.ip().is_unspecified()
            && !v4.ip().is_multicast()
        {
            // An address that is none of ours is told by bind(2), with a better error.
            let _ = raw.set_multicast_if_v4(v4.ip());
        }
    }
    #[cfg(target_os = "macos")]
    {
        // Datagrams over 9,216 bytes are refused until it is raised.
        raw.set_send_buffer_size(65_535)?;
    }
    socket_options::set_buffer_sizes(raw, &options.buffers)?;
    #[cfg(target_os = "linux")]
    {
        // Without this a socket also gets what other sockets of the host have joined. Older kernels lack the IPv6 one.
        super::sys::set_option(raw, libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, 0)?;
        if local.is_ipv6() {
            const IPV6_MULTICAST_ALL: i32 = 29;
            let _ = super::sys::set_option(raw, libc::IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
        }
    }
    Ok(())
}

/// Time to live, hop limits. A dual-stack socket has those of both families.
fn set_hops(raw: &Socket, options: &UdpOptions, local: &SocketAddr) -> io::Result<()> {
    let dual = local.is_ipv6() && !options.ipv6_only;
    if let Some(hops) = options.time_to_live.map(u32::from) {
        if local.is_ipv6() {
            raw.set_unicast_hops_v6(hops)?;
        }
        if local.is_ipv4() || dual {
            tolerate(raw.set_ttl_v4(hops), dual)?;
        }
    }
    // Every system's default is 1 (RFC 1112).
    if let Some(hops) = options.multicast_time_to_live.map(u32::from) {
        if local.is_ipv6() {
            raw.set_multicast_hops_v6(hops)?;
        }
        if local.is_ipv4() || dual {
            tolerate(raw.set_multicast_ttl_v4(hops), dual)?;
        }
    }
    Ok(())
}

/// Where an IPv6 socket has no options of IPv4, its IPv4 half goes without: only Linux and Windows are known to have them.
fn tolerate(set: io::Result<()>, dual: bool) -> io::Result<()> {
    if dual && cfg!(not(any(target_os = "linux", windows))) { Ok(()) } else { set }
}

/// `multicastInterface`: an IPv4 address, or an IPv6 zone. A dual-stack socket takes either.
fn set_multicast_interface(raw: &Socket, text: &str, local: &SocketAddr, ipv6_only: bool) -> Result<(), SocketError> {
    const WHAT: &str = "multicastInterface";
    let unusable = |source| SocketError::Interface { what: WHAT, text: text.to_owned(), source };
    let dual = local.is_ipv6() && local.ip().is_unspecified() && !ipv6_only;
    let address = text.parse::<Ipv4Addr>();
    match (local, address) {
        (SocketAddr::V4(_), Err(_)) => match endpoint::parse(WHAT, text, 0)?.ip() {
            IpAddr::V4(ip) => raw.set_multicast_if_v4(&ip).map_err(unusable),
            IpAddr::V6(_) => {
                Err(wrong_interface(text, "the socket is IPv4: give one of the interface's IPv4 addresses"))
            }
        },
        (SocketAddr::V4(_), Ok(ip)) => raw.set_multicast_if_v4(&ip).map_err(unusable),
        (SocketAddr::V6(_), Ok(ip)) if dual => raw.set_multicast_if_v4(&ip).map_err(unusable),
        (SocketAddr::V6(_), Ok(_)) => {
            Err(wrong_interface(text, "the socket is IPv6 only: give the interface's zone, such as \"eth0\""))
        }
        (SocketAddr::V6(_), Err(_)) => match endpoint::zone_index(text) {
            Some(index) => raw.set_multicast_if_v6(index).map_err(unusable),
            None => Err(unusable(errno::no_interface())),
        },
    }
}

fn wrong_interface(text: &str, why: &str) -> SocketError {
    SocketError::BadOption { reason: format!("multicastInterface {text:?} does not fit: {why}") }
}
