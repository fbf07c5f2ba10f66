//! The system's calls for joining and leaving.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use mio::net::UdpSocket;
use socket2::{InterfaceIndexOrAddress, SockRef};

use super::Entry;
use crate::net::endpoint;

/// An interface, as the system is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// IPv4: an address of it; the wildcard is the system's choice.
    Address(Ipv4Addr),
    /// Its number; 0 is the system's choice.
    Index(u32),
}

impl Device {
    /// Whether the interface of this number may be the one.
    pub fn may_be(self, interface: u32) -> bool {
        match self {
            Self::Address(_) | Self::Index(0) => true,
            // What came before packet information was asked for has no number.
            Self::Index(index) => interface == 0 || index == interface,
        }
    }

    /// Whether there is no such interface any more.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Index(index) if index != 0 && !endpoint::interface_exists(index))
    }

    fn index(self) -> u32 {
        match self {
            Self::Address(_) => 0,
            Self::Index(index) => index,
        }
    }
}

impl From<Device> for InterfaceIndexOrAddress {
    fn from(device: Device) -> Self {
        match device {
            Device::Address(address) => Self::Address(address),
            Device::Index(index) => Self::Index(index),
        }
    }
}

/// Joins by one entry more than `before`, which holds all of the group's.
pub fn add(socket: &UdpSocket, group: IpAddr, entry: Entry, before: &[Entry]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if let IpAddr::V6(group) = group
        && filter::is_needed(before, &[entry])
    {
        return filter::add(socket, group, entry, before);
    }
    let _ = before;
    join(socket, group, entry.0, entry.1)
}

/// Leaves what these entries stand for, and keeps the others. An interface that is gone needs no leaving.
pub fn remove(socket: &UdpSocket, group: IpAddr, gone: &[Entry], kept: &[Entry]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if let IpAddr::V6(group) = group
        && filter::is_needed(gone, kept)
    {
        return filter::remove(socket, group, gone, kept);
    }
    let _ = kept;
    let mut result = Ok(());
    for &(device, source) in gone {
        // Of an interface that is gone the system knows no sources any more, but still the membership.
        let source = source.filter(|_| !device.is_gone());
        if let Err(error) = leave_what_is_there(socket, group, device, source) {
            result = Err(error);
        }
    }
    result
}

/// Joins a group on one interface, from any source or from one more.
fn join(socket: &UdpSocket, group: IpAddr, device: Device, source: Option<IpAddr>) -> io::Result<()> {
    let reference = SockRef::from(socket);
    match (group, device, source) {
        (IpAddr::V4(group), _, None) => reference.join_multicast_v4_n(&group, &device.into()),
        (IpAddr::V6(group), _, None) => reference.join_multicast_v6(&group, device.index()),
        (IpAddr::V4(group), Device::Address(address), Some(IpAddr::V4(source))) => {
            reference.join_ssm_v4(&source, &group, &address)
        }
        (_, _, Some(source)) => by_index::change(socket, group, device.index(), source, true),
    }
}

/// Leaves what [`join`] has joined with the same arguments; without a source all of it.
pub fn leave(socket: &UdpSocket, group: IpAddr, device: Device, source: Option<IpAddr>) -> io::Result<()> {
    let reference = SockRef::from(socket);
    match (group, device, source) {
        (IpAddr::V4(group), _, None) => reference.leave_multicast_v4_n(&group, &device.into()),
        (IpAddr::V6(group), _, None) => reference.leave_multicast_v6(&group, device.index()),
        (IpAddr::V4(group), Device::Address(address), Some(IpAddr::V4(source))) => {
            reference.leave_ssm_v4(&source, &group, &address)
        }
        (_, _, Some(source)) => by_index::change(socket, group, device.index(), source, false),
    }
}

/// The same, where an interface or a membership that is gone is as good as left.
fn leave_what_is_there(socket: &UdpSocket, group: IpAddr, device: Device, source: Option<IpAddr>) -> io::Result<()> {
    leave(socket, group, device, source).or_else(|error| if super::is_gone(&error) { Ok(()) } else { Err(error) })
}

/// The setting that bounds what a socket may join, where the system has one.
pub fn limit(is_v6: bool, of_sources: bool) -> Option<&'static str> {
    if cfg!(not(target_os = "linux")) {
        return None;
    }
    Some(match (is_v6, of_sources) {
        (false, false) => "net.ipv4.igmp_max_memberships",
        (false, true) => "net.ipv4.igmp_max_msf",
        (true, false) => "net.core.optmem_max",
        (true, true) => "net.ipv6.mld_max_msf",
    })
}

/// The interface by its number, which stays the same when addresses move: an address, or the system's choice, is asked of the
/// system. What it does not tell stays as it is.
#[cfg(not(target_os = "linux"))]
pub fn number(_group: IpAddr, device: Device) -> io::Result<Device> {
    Ok(device)
}

/// The interface by its number, which stays the same when addresses move. An address, or the system's choice, is asked of the
/// system: a socket of its own joins, and is looked for on each interface. What is not found stays as it is.
#[cfg(target_os = "linux")]
pub fn number(group: IpAddr, device: Device) -> io::Result<Device> {
    use crate::net::interfaces;

    if matches!(device, Device::Index(index) if index != 0) {
        return Ok(device);
    }
    let any: IpAddr =
        if group.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() };
    let Ok(probe) = UdpSocket::bind((any, 0).into()) else { return Ok(device) };
    join(&probe, group, device, None)?;
    let indices = interfaces::indices().unwrap_or_default();
    Ok(indices.into_iter().find(|&index| filter::is_member(&probe, group, index)).map_or(device, Device::Index))
}

/// Sources by the interface's number: of both families, where the system knows RFC 3678.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd"))]
mod by_index {
    use std::net::SocketAddr;
    use std::os::fd::AsRawFd;

    use socket2::SockAddr;

    use super::*;

    pub fn change(socket: &UdpSocket, group: IpAddr, index: u32, source: IpAddr, join: bool) -> io::Result<()> {
        let request =
            libc::group_source_req { gsr_interface: index, gsr_group: storage(group), gsr_source: storage(source) };
        let name = if join { libc::MCAST_JOIN_SOURCE_GROUP } else { libc::MCAST_LEAVE_SOURCE_GROUP };
        let size = size_of_val(&request) as libc::socklen_t;
        // SAFETY: the pointer and the size are those of `request`, which lives through the call.
        let result =
            unsafe { libc::setsockopt(socket.as_raw_fd(), level(group), name, (&raw const request).cast(), size) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Of options that concern a group.
    pub fn level(group: IpAddr) -> libc::c_int {
        if group.is_ipv4() { libc::IPPROTO_IP } else { libc::IPPROTO_IPV6 }
    }

    fn storage(ip: IpAddr) -> libc::sockaddr_storage {
        let address = SockAddr::from(SocketAddr::new(ip, 0));
        // SAFETY: a SockAddr holds a whole sockaddr_storage, so that many bytes can be read behind its pointer.
        unsafe { std::ptr::read(address.as_ptr().cast()) }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd")))]
mod by_index {
    use super::*;

    pub fn change(_: &UdpSocket, _: IpAddr, _: u32, _: IpAddr, _: bool) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

/// Source filters of a group as a whole (RFC 3678's "full-state" calls).
///
/// Linux goes by the first IPv6 membership of a group that it finds on the socket, whatever interface the datagram came by. So
/// each of them gets the union of all filters, and the package drops what is too much (R-udp-group).
#[cfg(target_os = "linux")]
mod filter {
    use std::mem::offset_of;
    use std::net::{Ipv6Addr, SocketAddr};
    use std::os::fd::AsRawFd;

    use socket2::SockAddr;

    use super::by_index::level;
    use super::*;

    /// Where the fields of the system's `struct group_filter` lie, up to its list of sources.
    #[repr(C)]
    #[allow(dead_code, reason = "only the fields' places are asked for")]
    struct Header {
        interface: u32,
        group: libc::sockaddr_storage,
        mode: u32,
        count: u32,
    }

    /// The modes of a filter (RFC 3678).
    const EXCLUDE: u32 = 0;
    const INCLUDE: u32 = 1;

    /// Whether a source is listed anywhere: without one, each membership is from any source, which is its own union.
    pub fn is_needed(some: &[Entry], others: &[Entry]) -> bool {
        some.iter().chain(others).any(|(_, source)| source.is_some())
    }

    pub fn add(socket: &UdpSocket, group: Ipv6Addr, entry: Entry, before: &[Entry]) -> io::Result<()> {
        let (device, source) = entry;
        if before.is_empty() {
            return join(socket, group.into(), device, source);
        }
        let is_new = !before.iter().any(|(known, _)| *known == device);
        if is_new {
            // From any source at first: what the others want must not be lost meanwhile.
            join(socket, group.into(), device, None)?;
        }
        let mut after = before.to_vec();
        after.push(entry);
        set_union(socket, group, &after).inspect_err(|_| {
            if is_new {
                let _ = leave(socket, group.into(), device, None);
            }
            // As it was: the system has taken that before.
            let _ = set_union(socket, group, before);
        })
    }

    pub fn remove(socket: &UdpSocket, group: Ipv6Addr, gone: &[Entry], kept: &[Entry]) -> io::Result<()> {
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
        let mode = if entries.iter().any(|(_, source)| source.is_none()) { EXCLUDE } else { INCLUDE };
        if mode == EXCLUDE {
            sources.clear();
        }
        let mut devices: Vec<Device> = Vec::new();
        for &(device, _) in entries {
            if !devices.contains(&device) && !device.is_gone() {
                devices.push(device);
                set(socket, group.into(), device.index(), mode, &sources)?;
            }
        }
        Ok(())
    }

    fn set(socket: &UdpSocket, group: IpAddr, interface: u32, mode: u32, sources: &[IpAddr]) -> io::Result<()> {
        let bytes = group_filter(group, interface, mode, sources);
        let size = libc::socklen_t::try_from(bytes.len()).map_err(|_| io::Error::from_raw_os_error(libc::ENOBUFS))?;
        // SAFETY: the pointer and the size are those of `bytes`, which live through the call.
        let result = unsafe {
            libc::setsockopt(socket.as_raw_fd(), level(group), libc::MCAST_MSFILTER, bytes.as_ptr().cast(), size)
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Whether the socket has joined the group on this interface.
    pub fn is_member(socket: &UdpSocket, group: IpAddr, interface: u32) -> bool {
        let mut bytes = group_filter(group, interface, EXCLUDE, &[]);
        let mut size = bytes.len() as libc::socklen_t;
        // SAFETY: the system writes at most `size` bytes behind the pointer, and there are so many.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                level(group),
                libc::MCAST_MSFILTER,
                bytes.as_mut_ptr().cast(),
                &raw mut size,
            )
        };
        result == 0
    }

    /// The bytes of a `struct group_filter` with so many sources.
    fn group_filter(group: IpAddr, interface: u32, mode: u32, sources: &[IpAddr]) -> Vec<u8> {
        let list = size_of::<Header>();
        let mut bytes = vec![0; list + size_of::<libc::sockaddr_storage>() * sources.len()];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(offset_of!(Header, interface), &interface.to_ne_bytes());
        put(offset_of!(Header, mode), &mode.to_ne_bytes());
        put(offset_of!(Header, count), &(sources.len() as u32).to_ne_bytes());
        let mut put_address = |at: usize, ip: IpAddr| {
            let address = SockAddr::from(SocketAddr::new(ip, 0));
            // SAFETY: a SockAddr has `len` bytes of an address behind its pointer, and lives until they are copied.
            put(at, unsafe { std::slice::from_raw_parts(address.as_ptr().cast(), address.len() as usize) });
        };
        put_address(offset_of!(Header, group), group);
        for (index, source) in sources.iter().enumerate() {
            put_address(list + index * size_of::<libc::sockaddr_storage>(), *source);
        }
        bytes
    }
}
