//! The host's network interfaces: their numbers, names and addresses.

use std::ffi::{CStr, CString};
use std::io;
use std::net::IpAddr;

use socket2::{Domain, Socket, Type};

use super::super::vocabulary::InterfaceAddress;

/// The number of the interface of this name. An error: the system had no descriptor or no memory for the question.
pub fn interface_index(name: &str) -> io::Result<Option<u32>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    // SAFETY: `name` is a NUL-terminated string that lives through the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index != 0 {
        return Ok(Some(index));
    }
    let error = io::Error::last_os_error();
    if !leaves_open(&error) {
        return Ok(None);
    }
    // glibc's error does not say which of the two it was. A socket like the one that it wanted to make does.
    Err(Socket::new(Domain::IPV4, Type::DGRAM, None).err().unwrap_or(error))
}

/// Whether there is an interface of this number. Where the system cannot say, there is one: nothing that was joined there is given up.
pub fn interface_exists(index: u32) -> bool {
    interface_name(index).is_some() || leaves_open(&io::Error::last_os_error())
}

/// The name of the interface of this number. `None`: there is none, or the system cannot say.
pub fn interface_name(index: u32) -> Option<String> {
    let mut name = [0 as libc::c_char; libc::IF_NAMESIZE];
    // SAFETY: `name` has the IF_NAMESIZE bytes that the call may fill.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    if found.is_null() {
        return None;
    }
    // SAFETY: the call succeeded, so `name` holds a NUL-terminated string.
    Some(unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned())
}

/// Whether an error answers nothing about an interface: there was no descriptor, or no memory, for the question. (glibc reports ENOENT
/// then.)
fn leaves_open(error: &io::Error) -> bool {
    let is_shortage = matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM));
    is_shortage || cfg!(target_os = "linux") && error.raw_os_error() == Some(libc::ENOENT)
}

/// Every address of every interface.
pub fn interfaces() -> io::Result<Vec<InterfaceAddress>> {
    let mut first = std::ptr::null_mut();
    // SAFETY: `first` is a place for the pointer that the call sets; the list is freed below.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
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
