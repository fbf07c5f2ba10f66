//! The host's network interfaces.

use super::SocketError;

/// The numbers of all interfaces that are up and can do multicast.
#[cfg(unix)]
pub fn multicast_indices() -> Result<Vec<u32>, SocketError> {
    let mut first = std::ptr::null_mut();
    // SAFETY: a pointer to be filled in; the list is freed below.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(SocketError::system("getifaddrs", std::io::Error::last_os_error()));
    }
    let wanted = (libc::IFF_UP | libc::IFF_MULTICAST) as u32;
    let mut indices = Vec::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: an element of the list, which is not freed yet.
        let entry = unsafe { &*next };
        if entry.ifa_flags as u32 & wanted == wanted {
            // SAFETY: each element has a NUL-terminated name.
            let index = unsafe { libc::if_nametoindex(entry.ifa_name) };
            // There is an element for each address. 0: it has just gone.
            if index != 0 && !indices.contains(&index) {
                indices.push(index);
            }
        }
        next = entry.ifa_next;
    }
    // SAFETY: getifaddrs() gave it, and nothing of it is used any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(indices)
}

/// Windows: each interface has to be named.
#[cfg(not(unix))]
pub fn multicast_indices() -> Result<Vec<u32>, SocketError> {
    let reason = "on this system a group is joined on one interface at a time, not on \"all\"".to_owned();
    Err(SocketError::NotSupported { reason })
}
