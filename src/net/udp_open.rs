//! Opening a UDP socket: the family chosen, options set, bound.

use std::net::{Ipv4Addr, SocketAddr};

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

use super::options::UdpOptions;
use super::{SocketError, endpoint};

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
    raw.bind(&local.into()).map_err(|error| SocketError::local("bind", local, error))?;
    Ok((UdpSocket::from_std(raw.into()), remote))
}

fn make(options: &UdpOptions, local: &SocketAddr) -> Result<Socket, SocketError> {
    let raw = Socket::new(Domain::for_address(*local), Type::DGRAM, Some(Protocol::UDP));
    let raw = raw.map_err(|error| SocketError::local("socket", *local, error))?;
    configure(&raw, options, local).map_err(|error| SocketError::system("setsockopt", error))?;
    Ok(raw)
}

fn configure(raw: &Socket, options: &UdpOptions, local: &SocketAddr) -> std::io::Result<()> {
    raw.set_nonblocking(true)?;
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
