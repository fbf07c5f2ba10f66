//! The options of send(): where a datagram leaves from, and its type of service (R-udp-reply).

use std::net::SocketAddr;
use std::time::Instant;

use crate::net::known_interfaces::KnownInterfaces;
use crate::net::options::SendOptions;
use crate::net::sys::{self, Origin};
use crate::net::{SocketError, errno, ip_address, quoted};

/// Checks the options of a datagram for `to`. None: they have no member, so the system and the socket's options decide.
pub fn origin_of(
    options: &SendOptions,
    to: &SocketAddr,
    interfaces: &mut KnownInterfaces,
) -> Result<Option<Box<Origin>>, SocketError> {
    let SendOptions { local_address, local_interface, type_of_service } = options;
    if local_address.is_none() && local_interface.is_none() && type_of_service.is_none() {
        return Ok(None);
    }
    if !sys::has_packet_info() {
        let reason = "this system has no localAddress, localInterface and typeOfService for one datagram".to_owned();
        return Err(SocketError::NotSupported { reason });
    }
    interfaces.expire(Instant::now());
    let address = local_address.as_deref().map(|text| parse_address(text, to, interfaces)).transpose()?;
    let named = local_interface.as_deref().map(|name| parse_interface(name, interfaces)).transpose()?;
    // A zone in the address names an interface, too.
    let zone = match address {
        Some(SocketAddr::V6(v6)) if v6.scope_id() != 0 => Some(v6.scope_id()),
        _ => None,
    };
    if let (Some(zone), Some(named), Some(text)) = (zone, named, local_address)
        && zone != named
    {
        let text = quoted::beginning(text);
        return Err(SocketError::BadOption {
            reason: format!("localAddress {text:?} has another zone than localInterface"),
        });
    }
    Ok(Some(Box::new(Origin {
        address: address.unwrap_or_else(|| ip_address::wildcard(to, 0)).ip(),
        interface: named.or(zone).unwrap_or(0),
        type_of_service: *type_of_service,
    })))
}

/// The address that `localAddress` gives.
fn parse_address(text: &str, to: &SocketAddr, interfaces: &mut KnownInterfaces) -> Result<SocketAddr, SocketError> {
    let address = ip_address::parse("localAddress", text, 0)?;
    let ip = address.ip();
    let what = if ip.is_multicast() {
        "a group"
    } else if ip.is_unspecified() {
        "the wildcard"
    } else if address.is_ipv4() != to.is_ipv4() {
        "of another family than the destination"
    } else if interfaces.is_broadcast(ip) {
        "a broadcast address"
    } else {
        return Ok(address);
    };
    let text = quoted::beginning(text);
    let reason = format!("localAddress {text:?} is {what}: a datagram leaves from one of this host's own addresses");
    Err(SocketError::BadOption { reason })
}

/// The index of the interface that `localInterface` names.
fn parse_interface(name: &str, interfaces: &mut KnownInterfaces) -> Result<u32, SocketError> {
    interfaces.index(name)?.ok_or_else(|| SocketError::Interface {
        what: "localInterface",
        text: quoted::beginning(name),
        syscall: None,
        source: errno::no_interface(),
    })
}
