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
    let mut text = clause(&error.to_string()).to_owned();
    lower_first(&mut text);
    text
}

/// What a system says, as part of a sentence: without std's number, and without the full stop that Windows puts.
fn clause(text: &str) -> &str {
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].trim_end_matches(|character: char| character == '.' || character.is_whitespace())
}

/// A sentence as it goes on behind a colon. An abbreviation stays as it is.
pub fn lower_first(text: &mut String) {
    if text.chars().nth(1).is_some_and(char::is_uppercase) {
        return;
    }
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

/// The name of a listed number.
#[cfg(windows)]
fn listed(number: i32) -> Option<&'static str> {
    winsock_name(number)
}

/// The names of Windows Sockets' numbers (WSAE…).
#[cfg(any(windows, test))]
fn winsock_name(number: i32) -> Option<&'static str> {
    Some(match number {
        10004 => "EINTR",
        10009 => "EBADF",
        WSAEACCES => "EACCES",
        10014 => "EFAULT",
        10022 => "EINVAL",
        10024 => "EMFILE",
        10035 => "EAGAIN",
        10036 => "EINPROGRESS",
        10037 => "EALREADY",
        10038 => "ENOTSOCK",
        10039 => "EDESTADDRREQ",
        10040 => "EMSGSIZE",
        10041 => "EPROTOTYPE",
        10042 => "ENOPROTOOPT",
        10043 => "EPROTONOSUPPORT",
        10044 => "ESOCKTNOSUPPORT",
        10045 => "EOPNOTSUPP",
        10046 => "EPFNOSUPPORT",
        10047 => "EAFNOSUPPORT",
        WSAEADDRINUSE => "EADDRINUSE",
        10049 => "EADDRNOTAVAIL",
        10050 => "ENETDOWN",
        10051 => "ENETUNREACH",
        10052 => "ENETRESET",
        10053 => "ECONNABORTED",
        10054 => "ECONNRESET",
        10055 => "ENOBUFS",
        10056 => "EISCONN",
        10057 => "ENOTCONN",
        // WSAESHUTDOWN: sending after shutdown().
        10058 => "EPIPE",
        10060 => "ETIMEDOUT",
        10061 => "ECONNREFUSED",
        10064 => "EHOSTDOWN",
        10065 => "EHOSTUNREACH",
        _ => return None,
    })
}

#[cfg(any(windows, test))]
const WSAEACCES: i32 = 10013;
#[cfg(any(windows, test))]
const WSAEADDRINUSE: i32 = 10048;

/// What bind(2) answered where a port was asked for. Windows says EACCES of one that another socket has for itself
/// (SO_EXCLUSIVEADDRUSE); it knows no ports that need privileges (R-srv-bind).
#[cfg(windows)]
pub fn of_bind(port: u16, error: io::Error) -> io::Error {
    match error.raw_os_error().and_then(|number| taken_port(port, number)) {
        Some(taken) => io::Error::from_raw_os_error(taken),
        None => error,
    }
}

/// What bind(2) answered.
#[cfg(not(windows))]
pub fn of_bind(_port: u16, error: io::Error) -> io::Error {
    error
}

/// The number that a taken port has everywhere else, where Windows answered with `number`.
#[cfg(any(windows, test))]
fn taken_port(port: u16, number: i32) -> Option<i32> {
    (port != 0 && number == WSAEACCES).then_some(WSAEADDRINUSE)
}

/// What the system says of an interface that there is not.
pub fn no_interface() -> io::Error {
    #[cfg(unix)]
    let number = libc::ENODEV;
    #[cfg(windows)]
    let number = 10049;
    io::Error::from_raw_os_error(number)
}

/// What the system says where it has no memory for bytes.
pub fn no_buffers() -> io::Error {
    #[cfg(unix)]
    let number = libc::ENOBUFS;
    #[cfg(windows)]
    let number = 10055;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn errors_have_the_names_that_node_gives_them() {
        let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        assert_eq!(name(&refused), "ECONNREFUSED");
        assert_eq!(text(&refused), "connection refused");
        assert_eq!(name(&io::Error::from(io::ErrorKind::TimedOut)), "ETIMEDOUT");
        assert_eq!(name(&io::Error::from_raw_os_error(4000)), "E4000");
    }

    #[test]
    fn a_system_s_sentence_has_no_full_stop() {
        for (said, shown) in [
            ("Connection refused (os error 111)", "Connection refused"),
            (
                "An attempt was made to access a socket in a way forbidden by its access permissions. (os error 10013)",
                "An attempt was made to access a socket in a way forbidden by its access permissions",
            ),
            ("The parameter is incorrect.\r\n (os error 87)", "The parameter is incorrect"),
            ("no number", "no number"),
            (
                "OS Error 4000 (FormatMessageW() returned error 317) (os error 4000)",
                "OS Error 4000 (FormatMessageW() returned error 317)",
            ),
            ("", ""),
        ] {
            assert_eq!(clause(said), shown);
        }
        for (said, shown) in
            [("Address in use", "address in use"), ("OS Error 4000", "OS Error 4000"), ("É", "É"), ("", "")]
        {
            let mut text = said.to_owned();
            lower_first(&mut text);
            assert_eq!(text, shown);
        }
    }

    #[test]
    fn windows_numbers_have_the_names_that_node_gives_them() {
        for (number, name) in [
            (10013, "EACCES"),
            (10024, "EMFILE"),
            (10035, "EAGAIN"),
            (10048, "EADDRINUSE"),
            (10054, "ECONNRESET"),
            (10055, "ENOBUFS"),
            (10057, "ENOTCONN"),
            (10061, "ECONNREFUSED"),
        ] {
            assert_eq!(winsock_name(number), Some(name));
        }
        assert_eq!(winsock_name(5), None);
    }

    #[test]
    fn windows_eaccess_of_a_port_is_a_taken_port() {
        assert_eq!(taken_port(80, 10013).and_then(winsock_name), Some("EADDRINUSE"));
        assert_eq!(taken_port(0, 10013), None);
        assert_eq!(taken_port(80, 10048), None);
    }
}
