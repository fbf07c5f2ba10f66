//! The host's network interfaces: lists them, and finds the one that an address belongs to.

use std::net::{IpAddr, Ipv4Addr};

use super::SocketError;
use super::sys::{self, InterfaceAddress};

/// Every address of every interface.
fn all() -> Result<Vec<InterfaceAddress>, SocketError> {
    if !sys::LISTS_INTERFACES {
        let reason = "on this system a group is joined on one interface at a time, not on \"all\"".to_owned();
        return Err(SocketError::NotSupported { reason });
    }
    sys::interfaces().map_err(|error| SocketError::system(super::Syscall::ListInterfaces, error))
}

/// The indices of the interfaces that are up and support multicast. `with_ipv4`: only those that have an IPv4 address. A host with many
/// containers has many others, and each of those would count against the memberships that the system allows.
pub fn multicast_indices(with_ipv4: bool) -> Result<Vec<u32>, SocketError> {
    let wanted =
        |entry: &InterfaceAddress| entry.does_multicast && (!with_ipv4 || entry.ip.is_some_and(|ip| ip.is_ipv4()));
    Ok(distinct(all()?.into_iter().filter(wanted)))
}

/// The indices of all interfaces.
pub fn indices() -> Result<Vec<u32>, SocketError> {
    Ok(distinct(all()?.into_iter()))
}

/// The IPv4 broadcast addresses of the host's networks. Empty if the system does not list interfaces.
pub fn broadcasts() -> Vec<Ipv4Addr> {
    all().unwrap_or_default().into_iter().filter_map(|entry| entry.broadcast).collect()
}

/// The index of the interface that has this address. `None`: no interface has the address, or the system does not list interfaces.
pub fn index_of(ip: IpAddr) -> Option<u32> {
    all().ok()?.into_iter().find(|entry| entry.ip == Some(ip)).map(|entry| entry.index)
}

/// An IPv4 address of the interface with this index. `None`: the interface has none, or the system does not list interfaces.
pub fn ipv4_of(index: u32) -> Option<Ipv4Addr> {
    all().ok()?.into_iter().filter(|entry| entry.index == index).find_map(|entry| match entry.ip {
        Some(IpAddr::V4(ip)) => Some(ip),
        _ => None,
    })
}

/// The indices in the entries, without duplicates, in the system's order. There is one entry for each address.
fn distinct(entries: impl Iterator<Item = InterfaceAddress>) -> Vec<u32> {
    let mut indices = Vec::new();
    for entry in entries {
        if !indices.contains(&entry.index) {
            indices.push(entry.index);
        }
    }
    indices
}
