//! The host's network interfaces: their indices, names and addresses.

use std::ffi::{CStr, CString};
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use socket2::{Domain, Socket, Type};

use super::super::vocabulary::InterfaceAddress;

/// The index of the interface with this name. None: there is no such interface. An error: the system had no descriptor or no memory for the
/// question.
pub fn interface_index(name: &str) -> io::Result<Option<u32>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    // SAFETY: the pointer is that of `name`, a NUL-terminated string that lives until the call returns.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index != 0 {
        return Ok(Some(index));
    }
    let error = io::Error::last_os_error();
    if !leaves_open(&error) {
        return Ok(None);
    }
    // The error of glibc does not say whether a descriptor or memory was missing. glibc makes a socket to answer the question, so making a
    // socket here fails with the precise error.
    Err(Socket::new(Domain::IPV4, Type::DGRAM, None).err().unwrap_or(error))
}

/// Whether an interface with this index exists. If the system cannot answer, the result is true. Otherwise the package would forget
/// memberships that still exist.
pub fn interface_exists(index: u32) -> bool {
    interface_name(index).is_some() || leaves_open(&io::Error::last_os_error())
}

/// The name of the interface with this index. `None`: there is none, or the system cannot answer.
pub fn interface_name(index: u32) -> Option<String> {
    let mut name = [0 as libc::c_char; libc::IF_NAMESIZE];
    // SAFETY: the pointer is that of `name`, which has the IF_NAMESIZE bytes that the call may write.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    if found.is_null() {
        return None;
    }
    // SAFETY: the call has succeeded, so `name` holds a NUL-terminated string. `name` lives until the string is copied.
    Some(unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned())
}

/// Whether this error gives no answer about the interface, because the system had no descriptor or no memory for the question. (glibc
/// reports ENOENT then.)
fn leaves_open(error: &io::Error) -> bool {
    let is_shortage = matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM));
    is_shortage || cfg!(target_os = "linux") && error.raw_os_error() == Some(libc::ENOENT)
}

/// All addresses of all interfaces.
pub fn interfaces() -> io::Result<Vec<InterfaceAddress>> {
    let mut first = std::ptr::null_mut();
    // SAFETY: the pointer is that of `first`, to which the call writes the address of the list. The list is freed below.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let wanted = (libc::IFF_UP | libc::IFF_MULTICAST) as u32;
    let mut found = Vec::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: `next` is not null, so it points to an element of the list. The list is freed only after the loop.
        let entry = unsafe { &*next };
        // SAFETY: `ifa_name` of each element is a NUL-terminated string, which lives as long as the list.
        let index = unsafe { libc::if_nametoindex(entry.ifa_name) };
        // The index is 0 if the interface was removed just now.
        if index != 0 {
            let does_multicast = entry.ifa_flags as u32 & wanted == wanted;
            let ip = ip_of(entry.ifa_addr);
            let broadcast = ip.zip(ip_of(entry.ifa_netmask)).and_then(|(ip, mask)| broadcast_of(ip, mask));
            found.push(InterfaceAddress { index, ip, broadcast, does_multicast });
        }
        next = entry.ifa_next;
    }
    // SAFETY: `first` came from getifaddrs() and is freed only here. No reference into the list exists any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

/// The broadcast address of a network, given by an address and the mask. None: it is IPv6, or a network of one or two addresses.
fn broadcast_of(ip: IpAddr, mask: IpAddr) -> Option<Ipv4Addr> {
    let (IpAddr::V4(ip), IpAddr::V4(mask)) = (ip, mask) else { return None };
    let hosts = !mask.to_bits();
    (hosts > 1).then(|| Ipv4Addr::from_bits(ip.to_bits() | hosts))
}

/// The IP address in the system's structure. None: it holds an address of another kind, or the pointer is null.
fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: `address` is not null and comes from a list of getifaddrs() that is not freed yet. The family says which structure it points
    // to; every such structure has the family in the same place.
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
