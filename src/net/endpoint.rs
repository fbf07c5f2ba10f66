//! Addresses as the system takes and gives them: zones resolved, IPv4-mapped ones unmapped, families checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::{SocketError, quoted, sys};
use crate::proto::{Literal, needs_zone};

/// Parses an address argument (R-address). `what` names it in the error.
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

/// The address as attributes report it: IPv4-mapped as IPv4 (R-address).
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

/// The text of an address without its port: RFC 5952, link-local ones with their zone.
pub fn text(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) if v6.scope_id() != 0 && needs_zone(v6.ip()) => {
            format!("{}%{}", v6.ip(), zone_name(v6.scope_id()))
        }
        SocketAddr::V6(v6) => v6.ip().to_string(),
    }
}

/// The address that a socket of the family of `local` uses to reach `remote`.
pub fn as_family_of(local: &SocketAddr, remote: SocketAddr) -> SocketAddr {
    match (local, remote) {
        (SocketAddr::V6(_), SocketAddr::V4(v4)) => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
        _ => remote,
    }
}

/// Whether a socket bound to `local` reaches `remote` (R-udp-family).
pub fn check_reachable(local: &SocketAddr, ipv6_only: bool, remote: &SocketAddr) -> Result<(), SocketError> {
    let reaches = match (local, remote) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) | (SocketAddr::V6(_), SocketAddr::V6(_)) => return Ok(()),
        (SocketAddr::V4(_), SocketAddr::V6(_)) => "IPv4 only",
        (SocketAddr::V6(v6), SocketAddr::V4(_)) if v6.ip().is_unspecified() && !ipv6_only => return Ok(()),
        (SocketAddr::V6(_), SocketAddr::V4(_)) => "IPv6 only",
    };
    Err(SocketError::Family { remote: text(remote), reaches })
}

/// The wildcard of the family of `of`.
pub fn wildcard(of: &SocketAddr, port: u16) -> SocketAddr {
    match of {
        SocketAddr::V4(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
        SocketAddr::V6(_) => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port),
    }
}

/// The index of the interface that a zone names, or that it is.
pub fn zone_index(zone: &str) -> Result<Option<u32>, SocketError> {
    let by_name = interface_index(zone)?;
    Ok(by_name.or_else(|| zone.parse().ok().filter(|index| sys::interface_exists(*index))))
}

/// The index of the interface of this name. An error: the system lacks something that the question takes, mostly a descriptor.
pub fn interface_index(name: &str) -> Result<Option<u32>, SocketError> {
    sys::interface_index(name).map_err(|error| SocketError::system(super::Syscall::Socket, error))
}

/// The name of the interface of this index, or the index where it has no name.
fn zone_name(index: u32) -> String {
    sys::interface_name(index).unwrap_or_else(|| index.to_string())
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
        assert_eq!(text(&scoped), "fe80::1%lo");
        assert!(parse("remoteAddress", "fe80::1%no-such-interface", 9).is_err());
    }
}
