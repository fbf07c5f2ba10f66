//! The host's network interfaces: which there are, and which one an address belongs to.

use std::net::{IpAddr, Ipv4Addr};

use super::SocketError;

/// An interface and one of its addresses, as the system lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The interface's number.
    pub index: u32,
    /// None: an entry of the interface itself (its link), not of an IP address.
    pub ip: Option<IpAddr>,
    /// The interface is up and can do multicast.
    pub does_multicast: bool,
}

/// Every address of every interface.
#[cfg(unix)]
pub fn all() -> Result<Vec<InterfaceAddress>, SocketError> {
    let mut first = std::ptr::null_mut();
    // SAFETY: `first` is a place for the pointer that the call sets; the list is freed below.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(SocketError::system("getifaddrs", std::io::Error::last_os_error()));
    }
    let wanted = (libc::IFF_UP | libc::IFF_MULTICAST) as u32;
    let mut found = Vec::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: `next` is an element of the list, which is freed only after the loop.
        let entry = unsafe { &*next };
        // SAFETY: each element of the list has a NUL-terminated name.
        let index = unsafe { libc::if_nametoindex(entry.ifa_name) };
        // 0: the interface has just gone.
        if index != 0 {
            let does_multicast = entry.ifa_flags as u32 & wanted == wanted;
            found.push(InterfaceAddress { index, ip: ip_of(entry.ifa_addr), does_multicast });
        }
        next = entry.ifa_next;
    }
    // SAFETY: `first` came from getifaddrs(), is freed once, and nothing of the list is used any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

/// The IP address that the system's structure holds, if it holds one.
#[cfg(unix)]
fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: getifaddrs() gives an address of the size that belongs to its family, which is its first field everywhere.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => {
                let v4 = address.cast::<libc::sockaddr_in>().read_unaligned();
                Some(IpAddr::V4(u32::from_be(v4.sin_addr.s_addr).into()))
            }
            libc::AF_INET6 => {
                let v6 = address.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(IpAddr::V6(v6.sin6_addr.s6_addr.into()))
            }
            _ => None,
        }
    }
}

/// Windows: the package does not list interfaces there.
#[cfg(not(unix))]
pub fn all() -> Result<Vec<InterfaceAddress>, SocketError> {
    let reason = "on this system a group is joined on one interface at a time, not on \"all\"".to_owned();
    Err(SocketError::NotSupported { reason })
}

/// The numbers of the interfaces that are up and can do multicast. `with_ipv4`: only those that have an IPv4 address: a host
/// with many containers has many others, and each would count against the memberships that the system allows.
pub fn multicast_indices(with_ipv4: bool) -> Result<Vec<u32>, SocketError> {
    let wanted =
        |entry: &InterfaceAddress| entry.does_multicast && (!with_ipv4 || entry.ip.is_some_and(|ip| ip.is_ipv4()));
    Ok(distinct(all()?.into_iter().filter(wanted)))
}

/// The numbers of all interfaces.
#[cfg(target_os = "linux")]
pub fn indices() -> Result<Vec<u32>, SocketError> {
    Ok(distinct(all()?.into_iter()))
}

/// The number of the interface that has this address. `None`: no interface has it, or the system gives no list.
pub fn index_of(ip: IpAddr) -> Option<u32> {
    all().ok()?.into_iter().find(|entry| entry.ip == Some(ip)).map(|entry| entry.index)
}

/// An IPv4 address of the interface of this number.
pub fn ipv4_of(index: u32) -> Option<Ipv4Addr> {
    all().ok()?.into_iter().filter(|entry| entry.index == index).find_map(|entry| match entry.ip {
        Some(IpAddr::V4(ip)) => Some(ip),
        _ => None,
    })
}

/// Each number once, in the system's order: there is an entry for each address.
fn distinct(entries: impl Iterator<Item = InterfaceAddress>) -> Vec<u32> {
    let mut indices = Vec::new();
    for entry in entries {
        if !indices.contains(&entry.index) {
            indices.push(entry.index);
        }
    }
    indices
}
