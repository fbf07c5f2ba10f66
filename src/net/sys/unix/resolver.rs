//! Calls getaddrinfo(), and gives its errors the names that Node uses.

use std::ffi::{CStr, CString};
use std::net::SocketAddr;
use std::{io, mem, ptr};

use socket2::{Domain, SockAddr};

use super::super::vocabulary::LookUpError;

/// The addresses of a host in the system's order. `family`: only addresses of this family; `None`: of both. The call blocks until the
/// resolver has answered.
pub fn look_up(host: &str, family: Option<Domain>) -> Result<Vec<SocketAddr>, LookUpError> {
    // Upper and lower case are the same in a name (RFC 4343), but musl compares it with those of /etc/hosts byte by byte.
    let Ok(name) = CString::new(host.to_ascii_lowercase()) else {
        return Err(LookUpError { code: Some("ENOTFOUND"), error: io::Error::other("a host name has no NUL") });
    };
    // SAFETY: an addrinfo consists of integers and pointers, so zeros are a valid value. As hints they ask for nothing special.
    let mut hints: libc::addrinfo = unsafe { mem::zeroed() };
    hints.ai_family = family.map_or(libc::AF_UNSPEC, i32::from);
    // With a socket type getaddrinfo() returns each address once, not once for each type. AI_ADDRCONFIG is not set, because it hides
    // addresses that work (::1 on a host that has no other IPv6 address). An address that does not work fails fast when connections to all
    // addresses are tried.
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list = ptr::null_mut();
    // SAFETY: `name` is a NUL-terminated string, the service may be null, `hints` is initialized, and the call writes the address of the
    // list to `list`. All of them live until the call returns.
    let status = unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
    if status != 0 {
        return Err(failed(status, io::Error::last_os_error()));
    }
    let list = List(list);
    Ok(list.addresses().collect())
}

/// A list from getaddrinfo(). It is freed when it is dropped.
struct List(*mut libc::addrinfo);

impl List {
    /// The IP addresses in the list, in order.
    fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let mut next = self.0;
        std::iter::from_fn(move || {
            // SAFETY: `next` is the first element, or `ai_next` of an element, which is null in the last one. The list is freed only when
            // `self` is dropped, and the iterator borrows `self`.
            let entry = unsafe { next.as_ref() }?;
            next = entry.ai_next;
            Some(address(entry))
        })
        .flatten()
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the list came from getaddrinfo() and is freed only here. All iterators over it borrowed `self`, so none exists any more.
        unsafe { libc::freeaddrinfo(self.0) };
    }
}

/// The IP address of an element of the list. None: the element has none.
fn address(entry: &libc::addrinfo) -> Option<SocketAddr> {
    if entry.ai_addr.is_null() {
        return None;
    }
    // SAFETY: `try_init` passes a pointer to `length` zeroed bytes, which is enough for any address. The closure copies `ai_addrlen` bytes,
    // but at most `length`, from `ai_addr`, which is not null and has that many bytes. It then sets `length` to the number of copied bytes.
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

/// The error for the `status` that getaddrinfo() has returned. `error` is errno after the call.
fn failed(status: i32, error: io::Error) -> LookUpError {
    if status == libc::EAI_SYSTEM {
        return LookUpError { code: None, error };
    }
    // SAFETY: gai_strerror() returns a NUL-terminated string for any number, and the string lives as long as the process.
    let reason = unsafe { CStr::from_ptr(libc::gai_strerror(status)) };
    LookUpError { code: Some(name(status)), error: io::Error::other(reason.to_string_lossy()) }
}

/// The codes beside EAI_NONAME for a name without an address. -9 is EAI_ADDRFAMILY in glibc and musl: the name has no address of the
/// requested family.
#[cfg(target_os = "linux")]
const NO_ADDRESS: &[i32] = &[libc::EAI_NODATA, -9];
/// The codes beside EAI_NONAME for a name without an address. 1 is EAI_ADDRFAMILY.
#[cfg(target_vendor = "apple")]
const NO_ADDRESS: &[i32] = &[libc::EAI_NODATA, 1];
/// The codes beside EAI_NONAME for a name without an address. Other systems have none.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
const NO_ADDRESS: &[i32] = &[];

/// The code that Node uses for this error of getaddrinfo().
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
