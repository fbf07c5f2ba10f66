//! getaddrinfo(), and the names of what it fails with.

use std::net::SocketAddr;

use super::Family;
use crate::net::{endpoint, errno};

/// The addresses in the system's order, or why there are none.
pub type Found = Result<Vec<SocketAddr>, Failed>;

/// Why a look-up failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// As Node names it: "ENOTFOUND" where there is no such name or it has no address, else "EAI_AGAIN" and the like.
    pub code: String,
    /// The system's sentence.
    pub reason: String,
}

impl Failed {
    fn new(code: &str, reason: &str) -> Self {
        let mut reason = reason.to_owned();
        errno::lower_first(&mut reason);
        Self { code: code.to_owned(), reason }
    }

    /// A bug of ours.
    pub fn panicked(message: &str) -> Self {
        Self::new("EAI_FAIL", &format!("internal error: {message}"))
    }
}

/// Each address once, IPv4-mapped ones as IPv4 (R-address).
fn distinct(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut seen = std::collections::HashSet::new();
    addresses.map(endpoint::canonical).filter(|address| seen.insert(*address)).collect()
}

/// Asks the system. Blocks for as long as that takes.
#[cfg(unix)]
pub fn look_up(host: &str, family: Family) -> Found {
    use std::ffi::CString;
    use std::{io, mem, ptr};

    let Ok(name) = CString::new(host) else {
        return Err(Failed::new("ENOTFOUND", "a host name has no NUL"));
    };
    // SAFETY: addrinfo is plain data, for which zeros mean "nothing asked for".
    let mut hints: libc::addrinfo = unsafe { mem::zeroed() };
    hints.ai_family = match family {
        Family::Any => libc::AF_UNSPEC,
        Family::V4 => libc::AF_INET,
        Family::V6 => libc::AF_INET6,
    };
    // Each address once, not once for each kind of socket. AI_ADDRCONFIG is not asked for: it hides addresses that work
    // (::1 on a host without other IPv6), and what does not work fails fast in the race.
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list = ptr::null_mut();
    // SAFETY: a NUL-terminated name, no service, hints as asked, and a place for the list.
    let status = unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
    if status != 0 {
        return Err(failed(status, &io::Error::last_os_error()));
    }
    let list = List(list);
    Ok(distinct(list.addresses()))
}

/// What getaddrinfo() gave, freed when dropped.
#[cfg(unix)]
struct List(*mut libc::addrinfo);

#[cfg(unix)]
impl List {
    fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let mut next = self.0;
        std::iter::from_fn(move || {
            // SAFETY: the list is the system's own and lives as long as `self`; its last entry's `ai_next` is null.
            let entry = unsafe { next.as_ref() }?;
            next = entry.ai_next;
            Some(address(entry))
        })
        .flatten()
    }
}

#[cfg(unix)]
impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: given by getaddrinfo(), freed once.
        unsafe { libc::freeaddrinfo(self.0) };
    }
}

#[cfg(unix)]
fn address(entry: &libc::addrinfo) -> Option<SocketAddr> {
    if entry.ai_addr.is_null() {
        return None;
    }
    // SAFETY: `init` gets a place of `length` bytes, the size of any address, and all of them zero; it writes no more than those,
    // from the `ai_addrlen` bytes that the entry says lie at `ai_addr`, and says how many it has written.
    let copied = unsafe {
        socket2::SockAddr::try_init(|storage, length| {
            let bytes = usize::try_from(entry.ai_addrlen).unwrap_or(0).min(usize::try_from(*length).unwrap_or(0));
            std::ptr::copy_nonoverlapping(entry.ai_addr.cast::<u8>(), storage.cast::<u8>(), bytes);
            *length = bytes as libc::socklen_t;
            Ok(())
        })
    };
    copied.ok()?.1.as_socket()
}

#[cfg(unix)]
fn failed(status: i32, errno: &std::io::Error) -> Failed {
    if status == libc::EAI_SYSTEM {
        return Failed::new(&errno::Errno::of(errno).name(), &errno::text(errno));
    }
    // SAFETY: the call gives a string that lives as long as the process, for any number.
    let reason = unsafe { std::ffi::CStr::from_ptr(libc::gai_strerror(status)) };
    Failed::new(name(status), &reason.to_string_lossy())
}

/// glibc's and musl's EAI_ADDRFAMILY: the name has no address of the family asked for.
#[cfg(target_os = "linux")]
const NO_ADDRESS: &[i32] = &[libc::EAI_NODATA, -9];
#[cfg(target_vendor = "apple")]
const NO_ADDRESS: &[i32] = &[libc::EAI_NODATA, 1];
#[cfg(all(unix, not(target_os = "linux"), not(target_vendor = "apple")))]
const NO_ADDRESS: &[i32] = &[];

#[cfg(unix)]
fn name(status: i32) -> &'static str {
    match status {
        libc::EAI_NONAME => "ENOTFOUND",
        _ if NO_ADDRESS.contains(&status) => "ENOTFOUND",
        libc::EAI_AGAIN => "EAI_AGAIN",
        libc::EAI_BADFLAGS => "EAI_BADFLAGS",
        libc::EAI_FAMILY => "EAI_FAMILY",
        libc::EAI_MEMORY => "EAI_MEMORY",
        libc::EAI_OVERFLOW => "EAI_OVERFLOW",
        libc::EAI_SERVICE => "EAI_SERVICE",
        libc::EAI_SOCKTYPE => "EAI_SOCKTYPE",
        _ => "EAI_FAIL",
    }
}

/// Asks the system. Blocks for as long as that takes.
#[cfg(not(unix))]
pub fn look_up(host: &str, family: Family) -> Found {
    use std::net::ToSocketAddrs;

    let found = (host, 0).to_socket_addrs().map_err(|error| {
        let code = match error.raw_os_error() {
            // WSAHOST_NOT_FOUND, WSANO_DATA, WSATRY_AGAIN
            Some(11001 | 11004) => "ENOTFOUND",
            Some(11002) => "EAI_AGAIN",
            _ => "EAI_FAIL",
        };
        Failed::new(code, &errno::text(&error))
    })?;
    Ok(distinct(found.filter(|address| match family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    })))
}
