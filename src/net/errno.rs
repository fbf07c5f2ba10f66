//! The system's names for its errors: "ECONNREFUSED" for io::Error's number.

use std::io;

/// The name, as Node gives it; `E<number>` for one that is not listed.
pub fn name(error: &io::Error) -> String {
    match error.raw_os_error().and_then(listed) {
        Some(name) => name.to_owned(),
        None => by_kind(error).map(str::to_owned).unwrap_or_else(|| format!("E{}", error.raw_os_error().unwrap_or(0))),
    }
}

/// The system's sentence, without the number that std appends.
pub fn text(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = text.find(" (os error") {
        text.truncate(at);
    }
    lower_first(&mut text);
    text
}

/// A sentence as it goes on behind a colon.
pub fn lower_first(text: &mut String) {
    if let Some(first) = text.get(..1) {
        let lower = first.to_lowercase();
        text.replace_range(..1, &lower);
    }
}

/// What is left where the number says nothing (errors that std makes itself).
fn by_kind(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind as Kind;
    Some(match error.kind() {
        Kind::ConnectionRefused => "ECONNREFUSED",
        Kind::ConnectionReset => "ECONNRESET",
        Kind::ConnectionAborted => "ECONNABORTED",
        Kind::NotConnected => "ENOTCONN",
        Kind::AddrInUse => "EADDRINUSE",
        Kind::AddrNotAvailable => "EADDRNOTAVAIL",
        Kind::BrokenPipe => "EPIPE",
        Kind::TimedOut => "ETIMEDOUT",
        Kind::PermissionDenied => "EACCES",
        Kind::HostUnreachable => "EHOSTUNREACH",
        Kind::NetworkUnreachable => "ENETUNREACH",
        Kind::NetworkDown => "ENETDOWN",
        Kind::Unsupported => "ENOTSUP",
        Kind::InvalidInput => "EINVAL",
        Kind::OutOfMemory => "ENOMEM",
        _ => return None,
    })
}

macro_rules! names {
    ($($name:ident)*) => {
        /// The name of a listed number.
        #[cfg(unix)]
        fn listed(number: i32) -> Option<&'static str> {
            match number {
                $(libc::$name => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

names! {
    EPERM ENOENT EINTR EIO EBADF EAGAIN ENOMEM EACCES EFAULT EBUSY ENODEV EINVAL ENFILE EMFILE ENOSPC EPIPE EDOM
    EPROTO EOVERFLOW ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT EAFNOSUPPORT EADDRINUSE
    EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ETIMEDOUT
    ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ECANCELED EOPNOTSUPP ENXIO
}

/// WSA numbers that std's kinds don't tell apart.
#[cfg(windows)]
fn listed(number: i32) -> Option<&'static str> {
    Some(match number {
        10024 => "EMFILE",
        10038 => "ENOTSOCK",
        10040 => "EMSGSIZE",
        10042 => "ENOPROTOOPT",
        10047 => "EAFNOSUPPORT",
        10055 => "ENOBUFS",
        10064 => "EHOSTDOWN",
        _ => return None,
    })
}

/// What the system says of an interface that there is not.
pub fn no_interface() -> io::Error {
    #[cfg(unix)]
    let number = libc::ENODEV;
    #[cfg(windows)]
    let number = 10049;
    io::Error::from_raw_os_error(number)
}

/// Whether the process or the system is out of descriptors or memory: a want of resources, not a fault of the arguments.
pub fn is_resource_shortage(error: &io::Error) -> bool {
    matches!(name(error).as_str(), "EMFILE" | "ENFILE" | "ENOBUFS" | "ENOMEM")
}

/// Whether the system does not have what was asked of it.
pub fn is_lacking(error: &io::Error) -> bool {
    matches!(name(error).as_str(), "ENOPROTOOPT" | "EOPNOTSUPP" | "ENOTSUP")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_names_that_node_gives_them() {
        let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        assert_eq!(name(&refused), "ECONNREFUSED");
        assert_eq!(text(&refused), "connection refused");
        assert_eq!(name(&io::Error::from(io::ErrorKind::TimedOut)), "ETIMEDOUT");
        assert_eq!(name(&io::Error::from_raw_os_error(4000)), "E4000");
    }
}
