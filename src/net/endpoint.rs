//! Addresses as the system takes and gives them: zones resolved, IPv4-mapped ones unmapped, families checked.

#[cfg(unix)]
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

#[cfg(unix)]
use socket2::{Domain, Socket, Type};

#[cfg(unix)]
use super::errno;
use super::{SocketError, quoted};
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
#[cfg(unix)]
pub fn zone_index(zone: &str) -> Result<Option<u32>, SocketError> {
    let by_name = interface_index(zone)?;
    Ok(by_name.or_else(|| zone.parse().ok().filter(|index| interface_exists(*index))))
}

/// The index of the interface of this name. An error is a want of the system's, mostly of a descriptor, which the question takes.
#[cfg(unix)]
pub fn interface_index(name: &str) -> Result<Option<u32>, SocketError> {
    let Ok(name) = std::ffi::CString::new(name) else { return Ok(None) };
    // SAFETY: `name` is a NUL-terminated string that lives through the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index != 0 {
        return Ok(Some(index));
    }
    let error = io::Error::last_os_error();
    if !leaves_open(&error) {
        return Ok(None);
    }
    // What glibc says tells nothing: the same question's socket tells why.
    let why = Socket::new(Domain::IPV4, Type::DGRAM, None).err().unwrap_or(error);
    Err(SocketError::system(super::Syscall::Socket, why))
}

/// Whether there is an interface of this index. Where the system cannot say, there is one: nothing that was joined there is given up.
#[cfg(unix)]
pub fn interface_exists(index: u32) -> bool {
    interface_name(index).is_some() || leaves_open(&io::Error::last_os_error())
}

/// Whether an answer about an interface is none: there was no descriptor, or no memory, for the question. (glibc says ENOENT then.)
#[cfg(unix)]
fn leaves_open(error: &io::Error) -> bool {
    errno::is_resource_shortage(error) || cfg!(target_os = "linux") && error.raw_os_error() == Some(libc::ENOENT)
}

#[cfg(unix)]
fn interface_name(index: u32) -> Option<String> {
    let mut name = [0 as libc::c_char; libc::IF_NAMESIZE];
    // SAFETY: `name` has the IF_NAMESIZE bytes that the call may fill.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    if found.is_null() {
        return None;
    }
    // SAFETY: the call succeeded, so `name` holds a NUL-terminated string.
    Some(unsafe { std::ffi::CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned())
}

#[cfg(unix)]
fn zone_name(index: u32) -> String {
    interface_name(index).unwrap_or_else(|| index.to_string())
}

/// Windows zones are numbers.
#[cfg(windows)]
pub fn zone_index(zone: &str) -> Result<Option<u32>, SocketError> {
    Ok(zone.parse().ok())
}

/// Windows: interfaces are not known by name.
#[cfg(windows)]
pub fn interface_index(_name: &str) -> Result<Option<u32>, SocketError> {
    Ok(None)
}

/// Windows: the package does not list interfaces there.
#[cfg(windows)]
pub fn interface_exists(_index: u32) -> bool {
    true
}

#[cfg(windows)]
fn zone_name(index: u32) -> String {
    index.to_string()
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
