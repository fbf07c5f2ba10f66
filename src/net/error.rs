//! What can go wrong, in one enum. Knows nothing of exceptions: JavaScript makes them from the names and codes here.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use super::errno::{self, Errno};
use super::memory::NoMemory;
use super::quoted;
use super::syscall::Syscall;
use super::tls::TlsError;
use crate::proto::AddressError;

/// An error of a socket. [`SocketError::name`] is the name of its DOMException, [`SocketError::code`] its code; its text says
/// what was wrong, and what would be right.
#[derive(Debug, Error)]
pub enum SocketError {
    /// A text that is not an address.
    #[error("{what} {text:?} is no address: {why}")]
    BadAddress {
        /// The argument or option.
        what: &'static str,
        /// The beginning of the text.
        text: String,
        /// Why it is not an address.
        #[source]
        why: AddressError,
    },
    /// An IPv6 address whose zone names no interface of this host.
    #[error("{what} {text:?} names an interface that this host does not have")]
    NoSuchZone {
        /// The argument or option.
        what: &'static str,
        /// The beginning of the address.
        text: String,
    },
    /// A remote address of another family than the socket's or the local address's.
    #[error("{remote} cannot be reached from this socket: it reaches {reaches}")]
    Family {
        /// The remote address.
        remote: String,
        /// The addresses that the socket can reach.
        reaches: &'static str,
    },
    /// A local address or port that a socket cannot have.
    #[error("{}", errno::text(.source))]
    Local {
        /// The call that the system refused.
        syscall: Syscall,
        /// The address that was asked for.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// An option whose value is wrong.
    #[error("{reason}")]
    BadOption {
        /// A sentence.
        reason: String,
    },
    /// An option that this system lacks (R-platform).
    #[error("{reason}")]
    NotSupported {
        /// A sentence.
        reason: String,
    },
    /// An option that names an interface which this host does not have, or cannot use for that.
    #[error("{what} {text:?} names no interface of this host that could be used: {}", errno::text(.source))]
    Interface {
        /// The option.
        what: &'static str,
        /// The beginning of what was given.
        text: String,
        /// The call that the system refused; None: no interface has the name.
        syscall: Option<Syscall>,
        /// The system's error.
        source: io::Error,
    },
    /// A client past `maxConnections` (R-srv-error).
    #[error("a client was refused: maxConnections is {limit}, and as many connections are open")]
    TooManyConnections {
        /// The client's address.
        client: SocketAddr,
        /// maxConnections.
        limit: u32,
    },
    /// The system refused something, or reports a connection's loss.
    #[error("{}", errno::text(.source))]
    System {
        /// The call that failed.
        syscall: Syscall,
        /// The address that the call was about; None: about none.
        address: Option<SocketAddr>,
        /// The system's error.
        source: io::Error,
    },
    /// A host name that could not be looked up.
    #[error("{reason}")]
    Lookup {
        /// "ENOTFOUND", "EAI_AGAIN" …
        code: String,
        /// The system's sentence.
        reason: String,
    },
    /// close() was called while connecting.
    #[error("close() was called while connecting")]
    Abandoned {
        /// The remote address.
        address: SocketAddr,
    },
    /// The socket's signal was aborted (R-abort).
    #[error("the socket's signal was aborted")]
    Aborted {
        /// The remote address.
        address: SocketAddr,
    },
    /// send() past maxBufferedAmount.
    #[error(
        "the buffer is full: {buffered} bytes are buffered and maxBufferedAmount is {limit}; wait for drain when send() returns false"
    )]
    BufferFull {
        /// The destination.
        to: SocketAddr,
        /// Bytes that are buffered.
        buffered: u64,
        /// maxBufferedAmount, in bytes.
        limit: u64,
    },
    /// There is no memory for bytes that were given or received.
    #[error("{0}; give less at a time, and wait for drain in between")]
    NoMemory(#[from] NoMemory),
    /// A datagram longer than UDP can carry.
    #[error("a datagram of {bytes} bytes is too long: at most {most} fit")]
    TooLong {
        /// The destination.
        to: SocketAddr,
        /// The datagram's length in bytes.
        bytes: usize,
        /// The greatest length in bytes.
        most: usize,
    },
    /// A Blob that could not be read.
    #[error("{}", quoted::sentence(.reason))]
    Blob {
        /// The destination.
        to: SocketAddr,
        /// The runtime's message.
        reason: String,
    },
    /// A multicast group that is not one, or that R-udp-group forbids to join or leave.
    #[error("{reason}")]
    Group {
        /// A sentence.
        reason: String,
    },
    /// More groups than the system allows one socket, or more sources than it allows one group.
    #[error("the multicast group {}", too_many(.group, .limit, *.of_sources))]
    TooManyGroups {
        /// The group, with port 0.
        group: SocketAddr,
        /// The system's setting that limits them; None: it has no such setting.
        limit: Option<&'static str>,
        /// True: the group has too many sources. False: the socket has too many groups.
        of_sources: bool,
        /// The system's error.
        source: io::Error,
    },
    /// An option that was asked for, and that the system refuses or does not have.
    #[error("{}", refused_option(.name, .source))]
    Option {
        /// The option's name in JavaScript.
        name: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// No interface can join a group.
    #[error(
        "no interface can join the multicast group {}{}; name one as interfaceAddress",
        .group.ip(),
        .interface.as_ref().map_or(String::new(), |interface| format!(" on {interface}"))
    )]
    NoGroupInterface {
        /// The group, with port 0.
        group: SocketAddr,
        /// `interfaceAddress`, printable; None: it was not given.
        interface: Option<String>,
    },
    /// A group was to be joined or left on a closed socket.
    #[error("{member}() was called on a closed socket")]
    Closed {
        /// "joinMulticastGroup" …
        member: &'static str,
    },
    /// TLS: an option that is wrong, a handshake that failed, or a connection that was lost.
    #[error("{}", .error.reason)]
    Tls {
        /// What went wrong.
        #[source]
        error: TlsError,
        /// The peer; None: it is about an option.
        address: Option<SocketAddr>,
    },
    /// connectTimeout has passed.
    #[error("the connection was not established within connectTimeout ({milliseconds} ms)")]
    TimedOut {
        /// The remote address.
        address: SocketAddr,
        /// connectTimeout.
        milliseconds: u128,
    },
    /// closeTimeout has passed, and the peer has acknowledged no byte (R-tcp-close).
    #[error(
        "the socket was closing, and the peer acknowledged nothing for closeTimeout ({milliseconds} ms): {unsent} bytes were not sent; a longer closeTimeout gives a slow peer more time, 0 any"
    )]
    CloseTimedOut {
        /// The remote address.
        address: SocketAddr,
        /// closeTimeout.
        milliseconds: u32,
        /// Bytes that the system has not taken.
        unsent: u64,
    },
    /// The system cannot start a thread.
    #[error(
        "no thread can be started (EAGAIN: {detail}). The limit on threads is reached (ulimit -u, a container's pids limit, systemd's TasksMax), or memory is wanting; it works again once there is one"
    )]
    NoThread {
        /// The system's text.
        detail: String,
    },
    /// A bug of ours that would have ended the process.
    #[error("internal error: {}", quoted::sentence(.message))]
    Panic {
        /// The panic's message.
        message: String,
    },
}

/// Which group or source is one too many, behind "the multicast group".
fn too_many(group: &SocketAddr, limit: &Option<&'static str>, of_sources: bool) -> String {
    let group = group.ip();
    let limit = limit.map_or(String::new(), |name| format!(" ({name})"));
    if of_sources {
        format!("{group} has as many sources as the system allows{limit}; leave one")
    } else {
        format!("{group} is one more than the system allows a socket{limit}; leave one, or use another socket")
    }
}

/// Why the system did not set an option.
fn refused_option(name: &str, source: &io::Error) -> String {
    let errno = Errno::of(source);
    if errno::is_lacking(source) {
        format!("this system has no {name} for this socket ({errno})")
    } else {
        format!("the system refuses {name}: {} ({errno})", errno::text(source))
    }
}

impl SocketError {
    /// A call failed that was about no address.
    pub fn system(syscall: Syscall, source: io::Error) -> Self {
        Self::System { syscall, address: None, source }
    }

    /// The system could not start a thread.
    pub fn no_thread(source: &io::Error) -> Self {
        Self::NoThread { detail: errno::text(source) }
    }

    /// A call failed that was about `address`.
    pub fn system_at(syscall: Syscall, address: SocketAddr, source: io::Error) -> Self {
        Self::System { syscall, address: Some(address), source }
    }

    /// A call failed that opens a socket on `local`: the socket cannot have that address, or resources are short.
    pub fn local(syscall: Syscall, local: SocketAddr, source: io::Error) -> Self {
        let source = if syscall == Syscall::Bind { errno::of_bind(local.port(), source) } else { source };
        if errno::is_resource_shortage(&source) {
            Self::system_at(syscall, local, source)
        } else {
            Self::Local { syscall, address: local, source }
        }
    }

    /// The name of the DOMException.
    pub fn name(&self) -> &'static str {
        match self {
            Self::BadAddress { .. }
            | Self::NoSuchZone { .. }
            | Self::Family { .. }
            | Self::Local { .. }
            | Self::BadOption { .. }
            | Self::Interface { .. }
            | Self::Group { .. } => "InvalidAccessError",
            Self::Tls { error, .. } if error.argument => "InvalidAccessError",
            Self::Option { source, .. } if errno::is_lacking(source) => "NotSupportedError",
            Self::Option { source, .. } if errno::is_resource_shortage(source) => "NetworkError",
            Self::Option { .. } => "InvalidAccessError",
            Self::Closed { .. } => "InvalidStateError",
            Self::NotSupported { .. } => "NotSupportedError",
            Self::System { .. }
            | Self::Lookup { .. }
            | Self::Abandoned { .. }
            | Self::Aborted { .. }
            | Self::BufferFull { .. }
            | Self::NoMemory(_)
            | Self::TooLong { .. }
            | Self::Blob { .. }
            | Self::NoGroupInterface { .. }
            | Self::TooManyGroups { .. }
            | Self::TooManyConnections { .. }
            | Self::Tls { .. }
            | Self::TimedOut { .. }
            | Self::CloseTimedOut { .. }
            | Self::NoThread { .. }
            | Self::Panic { .. } => "NetworkError",
        }
    }

    /// The exception's `code` (R-error): the system's name of the error, or ours. `None`: `code` stays DOMException's number.
    pub fn code(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Local { source, .. }
            | Self::System { source, .. }
            | Self::Interface { source, .. }
            | Self::Option { source, .. }
            | Self::TooManyGroups { source, .. } => Some(Errno::of(source).name()),
            Self::TooManyConnections { .. } => Some(Errno::ECONNREFUSED.name()),
            Self::Lookup { code, .. } => Some(code.clone().into()),
            Self::Tls { error, .. } => Some(error.code.into()),
            Self::TimedOut { .. } | Self::CloseTimedOut { .. } => Some(Errno::ETIMEDOUT.name()),
            Self::Abandoned { .. } => Some(Errno::ECONNABORTED.name()),
            Self::Aborted { .. } => Some("ABORT_ERR".into()),
            Self::BufferFull { .. } | Self::NoMemory(_) => Some(Errno::ENOBUFS.name()),
            Self::TooLong { .. } => Some(Errno::EMSGSIZE.name()),
            Self::Blob { .. } => Some(Errno::EIO.name()),
            Self::NoGroupInterface { .. } => Some(Errno::ENODEV.name()),
            Self::NoSuchZone { .. } => Some(Errno::of(&errno::no_interface()).name()),
            Self::NoThread { .. } => Some(Errno::EAGAIN.name()),
            _ => None,
        }
    }

    /// The system call that failed. `None`: the error is not a system call's.
    pub fn syscall(&self) -> Option<Syscall> {
        match self {
            Self::Local { syscall, .. } | Self::System { syscall, .. } => Some(*syscall),
            Self::Interface { syscall, .. } => *syscall,
            Self::Lookup { .. } => Some(Syscall::LookUp),
            _ => None,
        }
    }

    /// The address that the error is about. `None`: about none.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Local { address, .. }
            | Self::Abandoned { address }
            | Self::Aborted { address }
            | Self::TimedOut { address, .. }
            | Self::CloseTimedOut { address, .. } => Some(*address),
            Self::TooLong { to, .. } | Self::BufferFull { to, .. } | Self::Blob { to, .. } => Some(*to),
            Self::TooManyConnections { client, .. } => Some(*client),
            Self::TooManyGroups { group, .. } | Self::NoGroupInterface { group, .. } => Some(*group),
            Self::System { address, .. } | Self::Tls { address, .. } => *address,
            _ => None,
        }
    }

    /// The port of that address. `None`: there is no address, or it is a group's, which has no port.
    pub fn port(&self) -> Option<u16> {
        let address = self.address()?;
        (address.port() != 0 || !address.ip().is_multicast()).then_some(address.port())
    }

    /// Why a text is no address, without the text itself.
    pub fn why_no_address(&self) -> String {
        match self {
            Self::BadAddress { why, .. } => why.to_string(),
            Self::NoSuchZone { .. } => "its zone names an interface that this host does not have".to_owned(),
            _ => self.to_string(),
        }
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
