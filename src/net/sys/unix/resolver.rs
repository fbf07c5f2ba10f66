//! getaddrinfo(), and the names of its errors.

use std::ffi::{CStr, CString};
use std::net::SocketAddr;
use std::{io, mem, ptr};

use socket2::{Domain, SockAddr};

use super::super::vocabulary::LookUpError;

/// The addresses of a host, of one family or (`None`) of both, in the system's order. Blocks for as long as that takes.
pub fn look_up(host: &str, family: Option<Domain>) -> Result<Vec<SocketAddr>, LookUpError> {
    let Ok(name) = CString::new(host) else {
        return Err(LookUpError { code: Some("ENOTFOUND"), error: io::Error::other("a host name has no NUL") });
    };
    // SAFETY: addrinfo is plain data, for which zeros mean "nothing asked for".
    let mut hints: libc::addrinfo = unsafe { mem::zeroed() };
    hints.ai_family = family.map_or(libc::AF_UNSPEC, i32::from);
    // Each address once, not once for each kind of socket. AI_ADDRCONFIG is not asked for: it hides addresses that work
    // (::1 on a host without other IPv6), and what does not work fails fast in the race.
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list = ptr::null_mut();
    // SAFETY: a NUL-terminated name, no service, hints as asked, and a place for the list.
    let status = unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
    if status != 0 {
        return Err(failed(status, io::Error::last_os_error()));
    }
    let list = List(list);
    Ok(list.addresses().collect())
}

/// What getaddrinfo() gave, freed when dropped.
struct List(*mut libc::addrinfo);

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

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the list came from getaddrinfo(), nothing of it is borrowed any more, and only this frees it.
        unsafe { libc::freeaddrinfo(self.0) };
    }
}

/// The address of an entry, if it has one of IP.
fn address(entry: &libc::addrinfo) -> Option<SocketAddr> {
    if entry.ai_addr.is_null() {
        return None;
    }
    // SAFETY: `init` gets a place of `length` bytes, the size of any address, and all of them zero; it writes no more than those,
    // from the `ai_addrlen` bytes that the entry says lie at `ai_addr`, and says how many it has written.
    let copied = unsafe {
        SockAddr::try_init(|storage, length| {
            let bytes = usize::try_from(entry.ai_addrlen).unwrap_or(0).min(usize::try_from(*length).unwrap_or(0));
            ptr::copy_nonoverlapping(entry.ai_addr.cast::<u8>(), storage.cast::<u8>(), bytes);
            *length = bytes as libc::socklen_t;
            Ok(())
        })
    };
    copied.ok()?.1.as_socket()
}

/// The error that getaddrinfo() returned as `status`; `error` is errno.
fn failed(status: i32, error: io::Error) -> LookUpError {
    if status == libc::EAI_SYSTEM {
        return LookUpError { code: None, error };
    }
    // SAFETY: the call gives a string that lives as long as the process, for any number.
    let reason = unsafe { CStr::from_ptr(libc::gai_strerror(status)) };
    LookUpError { code: Some(name(status)), error: io::Error::other(reason.to_string_lossy()) }
}

/// Beside EAI_NONAME: the name has no address, or (glibc's and musl's EAI_ADDRFAMILY, -9) none of the family asked for.
#[cfg(target_os = "linux")]
const NO_ADDRESS: &[i32] = &[libc::EAI_NODATA, -9];
/// The same, where EAI_ADDRFAMILY is 1.
#[cfg(target_vendor = "apple")]
const NO_ADDRESS: &[i32] = &[libc::EAI_NODATA, 1];
/// Other systems have EAI_NONAME alone.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
const NO_ADDRESS: &[i32] = &[];

/// The name that Node gives the resolver's error.
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
