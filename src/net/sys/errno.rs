//! The system's errors by name, such as [`Errno::ECONNREFUSED`] in place of the number in an io::Error. `net/errno.rs` says what they mean for
//! the package.

use std::borrow::Cow;
use std::fmt;
use std::io;

/// Defines [`Errno`] from a list of names. A name that Windows Sockets has too is followed by the number of its WSAE… error.
macro_rules! errnos {
    ($($name:ident $(= $winsock:literal)?,)*) => {
        /// An error of the system. The variants have the names that POSIX, and Node on every system, give them.
        // Windows does not report all of them.
        #[cfg_attr(windows, allow(dead_code))]
        #[allow(clippy::upper_case_acronyms)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Errno {
            $(#[doc = concat!("The system's ", stringify!($name), ".")] $name,)*
            /// The error that std calls unsupported. On Linux EOPNOTSUPP has the same number.
            ENOTSUP,
            /// An error that is not in the list. The value is its number, or 0 if it has none.
            Other(i32),
        }

        impl Errno {
            /// The name as Node gives it. An error that is not in the list is `E<number>`.
            pub fn name(self) -> Cow<'static, str> {
                match self {
                    $(Self::$name => stringify!($name).into(),)*
                    Self::ENOTSUP => "ENOTSUP".into(),
                    Self::Other(number) => format!("E{number}").into(),
                }
            }

            /// The error in the list that has this number. None: there is none.
            #[cfg(unix)]
            fn listed(number: i32) -> Option<Self> {
                match number {
                    $(libc::$name => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The error in the list that has this number in Windows Sockets. None: there is none.
            #[cfg(any(windows, test))]
            fn of_winsock(number: i32) -> Option<Self> {
                match number {
                    $($($winsock => Some(Self::$name),)?)*
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    EPERM,
    ENOENT,
    EINTR = 10004,
    EIO,
    ENXIO,
    EBADF = 10009,
    EAGAIN = 10035,
    ENOMEM,
    EACCES = 10013,
    EFAULT = 10014,
    EBUSY,
    ENODEV,
    ENOTDIR,
    EINVAL = 10022,
    ENFILE,
    EMFILE = 10024,
    ENOSPC,
    EROFS,
    // Windows Sockets calls it WSAESHUTDOWN: sending after shutdown().
    EPIPE = 10058,
    EDOM,
    EPROTO,
    EOVERFLOW,
    EINPROGRESS = 10036,
    EALREADY = 10037,
    ENOTSOCK = 10038,
    EDESTADDRREQ = 10039,
    EMSGSIZE = 10040,
    EPROTOTYPE = 10041,
    ENOPROTOOPT = 10042,
    EPROTONOSUPPORT = 10043,
    ESOCKTNOSUPPORT = 10044,
    EOPNOTSUPP = 10045,
    EPFNOSUPPORT = 10046,
    EAFNOSUPPORT = 10047,
    EADDRINUSE = 10048,
    EADDRNOTAVAIL = 10049,
    ENETDOWN = 10050,
    ENETUNREACH = 10051,
    ENETRESET = 10052,
    ECONNABORTED = 10053,
    ECONNRESET = 10054,
    ENOBUFS = 10055,
    EISCONN = 10056,
    ENOTCONN = 10057,
    ETIMEDOUT = 10060,
    ECONNREFUSED = 10061,
    ELOOP = 10062,
    ENAMETOOLONG = 10063,
    EHOSTDOWN = 10064,
    EHOSTUNREACH = 10065,
    ECANCELED,
}

impl Errno {
    /// The name of an io::Error. An error with a number gets the name of the number, an error that std made itself gets that of its kind.
    pub fn of(error: &io::Error) -> Self {
        let number = error.raw_os_error();
        number
            .and_then(Self::listed)
            .or_else(|| Self::of_kind(error.kind()))
            .unwrap_or(Self::Other(number.unwrap_or(0)))
    }

    /// The error in the list that has this number. None: there is none.
    #[cfg(windows)]
    fn listed(number: i32) -> Option<Self> {
        Self::of_winsock(number)
    }

    /// The name for an error kind of std. None: the kind has no name here.
    fn of_kind(kind: io::ErrorKind) -> Option<Self> {
        use io::ErrorKind as Kind;
        Some(match kind {
            Kind::ConnectionRefused => Self::ECONNREFUSED,
            Kind::ConnectionReset => Self::ECONNRESET,
            Kind::ConnectionAborted => Self::ECONNABORTED,
            Kind::NotConnected => Self::ENOTCONN,
            Kind::AddrInUse => Self::EADDRINUSE,
            Kind::AddrNotAvailable => Self::EADDRNOTAVAIL,
            Kind::BrokenPipe => Self::EPIPE,
            Kind::TimedOut => Self::ETIMEDOUT,
            Kind::WouldBlock => Self::EAGAIN,
            Kind::PermissionDenied => Self::EACCES,
            Kind::HostUnreachable => Self::EHOSTUNREACH,
            Kind::NetworkUnreachable => Self::ENETUNREACH,
            Kind::NetworkDown => Self::ENETDOWN,
            Kind::Unsupported => Self::ENOTSUP,
            Kind::InvalidInput => Self::EINVAL,
            Kind::OutOfMemory => Self::ENOMEM,
            _ => return None,
        })
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// The number of "address in use" in Windows Sockets.
#[cfg(any(windows, test))]
const WSAEADDRINUSE: i32 = 10048;

/// The number of "address in use", if `number` is an error of bind(2) on Windows that means that another socket holds `port`. None: it means
/// something else.
#[cfg(any(windows, test))]
pub fn taken_port(port: u16, number: i32) -> Option<i32> {
    let is_taken = port != 0 && Errno::of_winsock(number) == Some(Errno::EACCES);
    is_taken.then_some(WSAEADDRINUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn errors_have_the_names_that_node_gives_them() {
        let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        assert_eq!(Errno::of(&refused), Errno::ECONNREFUSED);
        assert_eq!(Errno::of(&refused).name(), "ECONNREFUSED");
        // Of paths.
        for (number, name) in [
            (libc::ENOENT, "ENOENT"),
            (libc::ENOTDIR, "ENOTDIR"),
            (libc::ELOOP, "ELOOP"),
            (libc::ENAMETOOLONG, "ENAMETOOLONG"),
            (libc::EROFS, "EROFS"),
        ] {
            assert_eq!(Errno::of(&io::Error::from_raw_os_error(number)).name(), name);
        }
        let unlisted = Errno::of(&io::Error::from_raw_os_error(4000));
        assert_eq!((unlisted, unlisted.to_string().as_str()), (Errno::Other(4000), "E4000"));
    }

    #[test]
    fn errors_that_std_makes_itself_have_a_name_where_their_kind_has_one() {
        use io::ErrorKind as Kind;
        for (kind, name) in [
            (Kind::ConnectionRefused, "ECONNREFUSED"),
            (Kind::ConnectionReset, "ECONNRESET"),
            (Kind::ConnectionAborted, "ECONNABORTED"),
            (Kind::NotConnected, "ENOTCONN"),
            (Kind::AddrInUse, "EADDRINUSE"),
            (Kind::AddrNotAvailable, "EADDRNOTAVAIL"),
            (Kind::BrokenPipe, "EPIPE"),
            (Kind::TimedOut, "ETIMEDOUT"),
            (Kind::WouldBlock, "EAGAIN"),
            (Kind::PermissionDenied, "EACCES"),
            (Kind::HostUnreachable, "EHOSTUNREACH"),
            (Kind::NetworkUnreachable, "ENETUNREACH"),
            (Kind::NetworkDown, "ENETDOWN"),
            (Kind::Unsupported, "ENOTSUP"),
            (Kind::InvalidInput, "EINVAL"),
            (Kind::OutOfMemory, "ENOMEM"),
            (Kind::Other, "E0"),
        ] {
            assert_eq!(Errno::of(&io::Error::from(kind)).name(), name);
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
            (10058, "EPIPE"),
            (10061, "ECONNREFUSED"),
        ] {
            assert_eq!(Errno::of_winsock(number).unwrap().name(), name);
        }
        assert_eq!(Errno::of_winsock(5), None);
    }

    #[test]
    fn windows_eacces_of_a_port_is_a_taken_port() {
        assert_eq!(taken_port(80, 10013).and_then(Errno::of_winsock), Some(Errno::EADDRINUSE));
        assert_eq!(taken_port(0, 10013), None);
        assert_eq!(taken_port(80, 10048), None);
    }
}
