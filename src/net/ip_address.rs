//! Converts IP addresses between the system's form and the package's: resolves zones, unmaps IPv4-mapped addresses, checks families.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::endpoint::ip_text;
use super::{SocketError, quoted, sys};
use crate::proto::Literal;

/// Parses an address argument (R-address). `what` is the argument's name, for the error.
pub fn parse(what: &'static str, text: &str, port: u16) -> Result<SocketAddr, SocketError> {
    let bad = |why| SocketError::BadAddress { what, text: quoted::beginning(text), why };
    let literal = Literal::parse(text).map_err(bad)?;
    match (literal.ip, literal.zone) {
        (IpAddr::V6(ip), Some(zone)) => {
            let missing = || SocketError::NoSuchZone { what, text: quoted::beginning(text) };
            let scope = zone_index(&zone)?.ok_or_else(missing)?;
            Ok(SocketAddrV6::new(ip, port, 0, scope).into())
        }
        (ip, _) => Ok(SocketAddr::new(ip, port)),
    }
}

/// The address as attributes report it: an IPv4-mapped address becomes an IPv4 address (R-address).
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

/// The form of `remote` that a socket needs whose family is that of `local`: on an IPv6 socket, an IPv4 address is mapped.
pub fn as_family_of(local: &SocketAddr, remote: SocketAddr) -> SocketAddr {
    match (local, remote) {
        (SocketAddr::V6(_), SocketAddr::V4(v4)) => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
        _ => remote,
    }
}

/// Returns an error if a socket bound to `local` cannot reach `remote` (R-udp-family).
pub fn check_reachable(local: &SocketAddr, ipv6_only: bool, remote: &SocketAddr) -> Result<(), SocketError> {
    let reaches = match (local, remote) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) | (SocketAddr::V6(_), SocketAddr::V6(_)) => return Ok(()),
        (SocketAddr::V4(_), SocketAddr::V6(_)) => "IPv4 only",
        (SocketAddr::V6(v6), SocketAddr::V4(_)) if v6.ip().is_unspecified() && !ipv6_only => return Ok(()),
        (SocketAddr::V6(_), SocketAddr::V4(_)) => "IPv6 only",
    };
    Err(SocketError::Family { remote: ip_text(remote), reaches })
}

/// The wildcard address of the family that `of` has.
pub fn wildcard(of: &SocketAddr, port: u16) -> SocketAddr {
    match of {
        SocketAddr::V4(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
        SocketAddr::V6(_) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port),
    }
}

/// The index of the interface that a zone means. A zone is an interface's name or its index. None: there is no such interface.
pub fn zone_index(zone: &str) -> Result<Option<u32>, SocketError> {
    let by_name = interface_index(zone)?;
    Ok(by_name.or_else(|| zone.parse().ok().filter(|index| sys::interface_exists(*index))))
}

/// The index of the interface with this name. None: there is no such interface. An error: the system lacks a resource that the call needs,
/// usually a descriptor.
pub fn interface_index(name: &str) -> Result<Option<u32>, SocketError> {
    sys::interface_index(name).map_err(|error| SocketError::system(super::Syscall::Socket, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_count_as_ipv4() {
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:80".parse().unwrap();
        assert_eq!(canonical(mapped), "10.0.0.1:80".parse().unwrap());
        assert_eq!(parse("remoteAddress", "::ffff:10.0.0.1", 80).unwrap(), canonical(mapped));
        let local: SocketAddr = "[::]:0".parse().unwrap();
        assert_eq!(as_family_of(&local, canonical(mapped)), mapped);
    }

    #[test]
    fn families_that_cannot_meet_are_refused() {
        let reachable = |local: &str, only, remote: &str| {
            check_reachable(&local.parse().unwrap(), only, &remote.parse().unwrap()).is_ok()
        };
        assert!(reachable("0.0.0.0:0", false, "10.0.0.1:1"));
        assert!(!reachable("0.0.0.0:0", false, "[::1]:1"));
        assert!(reachable("[::]:0", false, "10.0.0.1:1"));
        assert!(!reachable("[::]:0", true, "10.0.0.1:1"));
        assert!(!reachable("[::1]:0", false, "10.0.0.1:1"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn zones_are_resolved_and_shown() {
        let scoped = parse("remoteAddress", "fe80::1%lo", 9).unwrap();
        assert_eq!(ip_text(&scoped), "fe80::1%lo");
        assert!(parse("remoteAddress", "fe80::1%no-such-interface", 9).is_err());
    }
}
