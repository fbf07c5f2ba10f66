//! Joining and leaving by entries. Where a socket goes by its first membership of an IPv6 group (`sys::MIXES_IPV6_GROUPS`), each
//! membership gets the union of all source filters, and the package drops what is too much (R-udp-group).

use std::io;
use std::net::{IpAddr, Ipv6Addr};

use mio::net::UdpSocket;

use super::system::{Device, Entry, join, leave, leave_what_is_there};
use crate::net::sys::{self, FilterMode};

/// Joins by one entry more than `before`, which holds all of the group's.
pub fn add(socket: &UdpSocket, group: IpAddr, entry: Entry, before: &[Entry]) -> io::Result<()> {
    match group {
        IpAddr::V6(group) if sys::MIXES_IPV6_GROUPS && lists_sources(before, &[entry]) => {
            add_to_union(socket, group, entry, before)
        }
        _ => join(socket, group, entry.0, entry.1),
    }
}

/// Leaves what these entries stand for, and keeps the others. An interface that is gone needs no leaving.
pub fn remove(socket: &UdpSocket, group: IpAddr, gone: &[Entry], kept: &[Entry]) -> io::Result<()> {
    if let IpAddr::V6(group) = group
        && sys::MIXES_IPV6_GROUPS
        && lists_sources(gone, kept)
    {
        return remove_from_union(socket, group, gone, kept);
    }
    let mut result = Ok(());
    for &(device, source) in gone {
        // Of an interface that is gone the system has no sources any more, but still the membership.
        let source = source.filter(|_| !device.is_gone());
        if let Err(error) = leave_what_is_there(socket, group, device, source) {
            result = Err(error);
        }
    }
    result
}

/// Whether a source is listed anywhere. Where none is, each membership is from any source, and that is its own union.
fn lists_sources(some: &[Entry], others: &[Entry]) -> bool {
    some.iter().chain(others).any(|(_, source)| source.is_some())
}

fn add_to_union(socket: &UdpSocket, group: Ipv6Addr, entry: Entry, before: &[Entry]) -> io::Result<()> {
    let (device, source) = entry;
    if before.is_empty() {
        return join(socket, group.into(), device, source);
    }
    let is_new = !before.iter().any(|(known, _)| *known == device);
    if is_new {
        // From any source at first, so that nothing that the other entries let through is lost meanwhile.
        join(socket, group.into(), device, None)?;
    }
    let mut after = before.to_vec();
    after.push(entry);
    set_union(socket, group, &after).inspect_err(|_| {
        if is_new {
            let _ = leave(socket, group.into(), device, None);
        }
        // The system has accepted this union before.
        let _ = set_union(socket, group, before);
    })
}

fn remove_from_union(socket: &UdpSocket, group: Ipv6Addr, gone: &[Entry], kept: &[Entry]) -> io::Result<()> {
    let mut result = Ok(());
    for &(device, _) in gone {
        if kept.iter().any(|(known, _)| *known == device) {
            continue;
        }
        if let Err(error) = leave_what_is_there(socket, group.into(), device, None) {
            result = Err(error);
        }
    }
    result.and(set_union(socket, group, kept))
}

/// Gives every membership of the group the union of their filters.
fn set_union(socket: &UdpSocket, group: Ipv6Addr, entries: &[Entry]) -> io::Result<()> {
    let mut sources: Vec<IpAddr> = Vec::new();
    for source in entries.iter().filter_map(|(_, source)| *source) {
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    let mode =
        if entries.iter().any(|(_, source)| source.is_none()) { FilterMode::Exclude } else { FilterMode::Include };
    if mode == FilterMode::Exclude {
        sources.clear();
    }
    let mut devices: Vec<Device> = Vec::new();
    for &(device, _) in entries {
        if !devices.contains(&device) && !device.is_gone() {
            devices.push(device);
            sys::set_source_filter(socket, group.into(), device.index(), mode, &sources)?;
        }
    }
    Ok(())
}
