//! Joins and leaves groups by entries. On some systems only the first membership of an IPv6 group decides which sources a socket receives
//! from (`sys::MIXES_IPV6_GROUPS`). There each membership gets the union of all source filters, and the package drops the datagrams that no
//! membership wants (R-udp-group).

use std::io;
use std::net::{IpAddr, Ipv6Addr};

use mio::net::UdpSocket;

use super::system::{Device, Entry, join, leave, leave_what_is_there};
use crate::net::sys::{self, FilterMode};

/// Joins `group` by `entry`. `before` is all entries by which the socket has joined this group already.
pub fn add(socket: &UdpSocket, group: IpAddr, entry: Entry, before: &[Entry]) -> io::Result<()> {
    match group {
        IpAddr::V6(group) if sys::MIXES_IPV6_GROUPS && lists_sources(before, &[entry]) => {
            add_to_union(socket, group, entry, before)
        }
        _ => join(socket, group, entry.device, entry.source),
    }
}

/// Leaves `group` by the entries `gone`, and keeps the entries `kept`. For an interface that does not exist any more it is no error if
/// there is nothing to leave.
pub fn remove(socket: &UdpSocket, group: IpAddr, gone: &[Entry], kept: &[Entry]) -> io::Result<()> {
    if let IpAddr::V6(group) = group
        && sys::MIXES_IPV6_GROUPS
        && lists_sources(gone, kept)
    {
        return remove_from_union(socket, group, gone, kept);
    }
    let mut result = Ok(());
    for &Entry { device, source } in gone {
        // If the interface does not exist any more, the system has lost the list of sources but still has the membership. So the whole
        // membership is left.
        let source = source.filter(|_| !device.is_gone());
        if let Err(error) = leave_what_is_there(socket, group, device, source) {
            result = Err(error);
        }
    }
    result
}

/// Whether any entry has a source. If none has, each membership receives from any source, and the union of the filters changes nothing.
fn lists_sources(some: &[Entry], others: &[Entry]) -> bool {
    some.iter().chain(others).any(|entry| entry.source.is_some())
}

/// Joins `group` by `entry`, and then sets the new union on all memberships. If that fails, restores the memberships and their filters as
/// they were.
fn add_to_union(socket: &UdpSocket, group: Ipv6Addr, entry: Entry, before: &[Entry]) -> io::Result<()> {
    let Entry { device, source } = entry;
    if before.is_empty() {
        return join(socket, group.into(), device, source);
    }
    let is_new = !before.iter().any(|known| known.device == device);
    if is_new {
        // The new membership first allows any source, so that no datagram for the other entries is lost until the union is set.
        join(socket, group.into(), device, None)?;
    }
    let mut after = before.to_vec();
    after.push(entry);
    set_union(socket, group, &after).inspect_err(|_| {
        if is_new {
            let _ = leave(socket, group.into(), device, None);
        }
        // This restores the old union. It should not fail, because the system has accepted this union before.
        let _ = set_union(socket, group, before);
    })
}

/// Leaves `group` on the interfaces that only entries of `gone` have, and then sets the union of `kept` on the other memberships.
fn remove_from_union(socket: &UdpSocket, group: Ipv6Addr, gone: &[Entry], kept: &[Entry]) -> io::Result<()> {
    let mut result = Ok(());
    for &Entry { device, .. } in gone {
        if kept.iter().any(|known| known.device == device) {
            continue;
        }
        if let Err(error) = leave_what_is_there(socket, group.into(), device, None) {
            result = Err(error);
        }
    }
    result.and(set_union(socket, group, kept))
}

/// Gives every membership of the group the union of the source filters of `entries`.
fn set_union(socket: &UdpSocket, group: Ipv6Addr, entries: &[Entry]) -> io::Result<()> {
    let mut sources: Vec<IpAddr> = Vec::new();
    for source in entries.iter().filter_map(|entry| entry.source) {
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    let mode =
        if entries.iter().any(|entry| entry.source.is_none()) { FilterMode::Exclude } else { FilterMode::Include };
    if mode == FilterMode::Exclude {
        sources.clear();
    }
    let mut devices: Vec<Device> = Vec::new();
    for &Entry { device, .. } in entries {
        if !devices.contains(&device) && !device.is_gone() {
            devices.push(device);
            sys::set_source_filter(socket, group.into(), device.index(), mode, &sources)?;
        }
    }
    Ok(())
}
