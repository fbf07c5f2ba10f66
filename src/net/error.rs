//! All errors of sockets, in one enum. This file does not know exceptions: JavaScript makes them from the names and codes here.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use super::endpoint::Endpoint;
use super::errno::{self, Errno};
use super::memory::NoMemory;
use super::quoted;
use super::syscall::Syscall;
use super::tls::TlsError;
use crate::proto::{AddressError, FrameFault};

/// An error of a socket. [`SocketError::name`] is the name of its DOMException, and [`SocketError::code`] is its code. The text says what
/// is wrong, and what would be right.
#[derive(Debug, Error)]
pub enum SocketError {
    /// A text that is not an address.
    #[error("{what} {text:?} is no address: {why}")]
    BadAddress {
        /// The name of the argument or option.
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
        /// The name of the argument or option.
        what: &'static str,
        /// The beginning of the address.
        text: String,
    },
    /// A remote address whose family differs from that of the socket or of the local address.
    #[error("{remote} cannot be reached from this socket: it reaches {reaches}")]
    Family {
        /// The remote address.
        remote: String,
        /// The addresses that the socket can reach.
        reaches: &'static str,
    },
    /// A destination that is not the peer of a connected UDP socket (R-udp-connected).
    #[error("this socket is connected to {peer}, and sends to no other destination")]
    NotPeer {
        /// The destination.
        to: SocketAddr,
        /// The peer.
        peer: SocketAddr,
    },
    /// A local address or port that the system does not give to the socket.
    #[error("{}", errno::text(.source))]
    Local {
        /// The call that the system refused.
        syscall: Syscall,
        /// The address that was asked for.
        address: Endpoint,
        /// The system's error.
        source: io::Error,
    },
    /// An option whose value is wrong.
    #[error("{reason}")]
    BadOption {
        /// The message: a sentence.
        reason: String,
    },
    /// An option that this system lacks (R-platform).
    #[error("{reason}")]
    NotSupported {
        /// The message: a sentence.
        reason: String,
    },
    /// An option that names an interface that this host does not have, or that cannot be used for this purpose.
    #[error("{what} {text:?} names no interface of this host that could be used: {}", errno::text(.source))]
    Interface {
        /// The name of the option.
        what: &'static str,
        /// The beginning of the option's value.
        text: String,
        /// The call that the system refused. None: no interface has the name.
        syscall: Option<Syscall>,
        /// The system's error.
        source: io::Error,
    },
    /// A client that was refused because of `maxConnections` (R-srv-error).
    #[error("a client was refused: maxConnections is {limit}, and as many connections are open")]
    TooManyConnections {
        /// The client's address.
        client: Endpoint,
        /// maxConnections.
        limit: u32,
    },
    /// A call that the system refused, or the loss of a connection.
    #[error("{}", errno::text(.source))]
    System {
        /// The call that failed.
        syscall: Syscall,
        /// The address that the call concerned. None: it concerned no address.
        address: Option<Endpoint>,
        /// The system's error.
        source: io::Error,
    },
    /// A host name that could not be looked up.
    #[error("{reason}")]
    Lookup {
        /// The name of the error, such as "ENOTFOUND" or "EAI_AGAIN".
        code: String,
        /// The system's message.
        reason: String,
    },
    /// close() or reset() was called during the connection attempt.
    #[error("close() was called while connecting")]
    Abandoned {
        /// The remote address.
        address: Endpoint,
    },
    /// The socket's signal was aborted (R-abort).
    #[error("the socket's signal was aborted")]
    Aborted {
        /// The remote address.
        address: Endpoint,
    },
    /// The bytes of a send() would exceed maxBufferedAmount.
    #[error(
        "the buffer is full: {buffered} bytes are buffered and maxBufferedAmount is {limit}; wait for drain when send() returns false"
    )]
    BufferFull {
        /// The destination.
        to: Endpoint,
        /// How many bytes are buffered.
        buffered: u64,
        /// maxBufferedAmount, in bytes.
        limit: u64,
    },
    /// There is no memory for bytes that the program has given or the system has received.
    #[error("{0}; give less at a time, and wait for drain in between")]
    NoMemory(#[from] NoMemory),
    /// A datagram longer than UDP can carry.
    #[error("a datagram of {bytes} bytes is too long: at most {most} fit")]
    TooLong {
        /// The destination.
        to: Endpoint,
        /// The datagram's length in bytes.
        bytes: usize,
        /// The greatest length in bytes.
        most: usize,
    },
    /// A Blob that could not be read.
    #[error("{}", quoted::sentence(.reason))]
    Blob {
        /// The destination.
        to: Endpoint,
        /// The runtime's message.
        reason: String,
    },
    /// A call for a multicast group that cannot do what it was asked for, because of the group, the source, or the memberships that the
    /// socket has (R-udp-group).
    #[error("{reason}")]
    Group {
        /// The message: a sentence.
        reason: String,
    },
    /// Too many groups for one socket, or too many sources for one group.
    #[error("the multicast group {}", too_many(.group, .limit, *.of_sources))]
    TooManyGroups {
        /// The group, with port 0.
        group: SocketAddr,
        /// The name of the system setting that limits them. None: the system has no such setting.
        limit: Option<&'static str>,
        /// True: the group has too many sources. False: the socket has too many groups.
        of_sources: bool,
        /// The system's error.
        source: io::Error,
    },
    /// An option that the program asked for, and that the system refuses or does not have.
    #[error("{}", refused_option(.name, .source))]
    Option {
        /// The option's name in JavaScript.
        name: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// An option of setOptions() that the system refuses or does not have (R-live).
    #[error("{}", refused_option(.name, .source))]
    LiveOption {
        /// The option's name in JavaScript.
        name: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// An option that this process is not permitted to set (R-udp-interface).
    #[error("{}", refused_option(.name, .source))]
    ForbiddenOption {
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
        /// `interfaceAddress`, in printable form. None: it was not given.
        interface: Option<String>,
    },
    /// A member was called on a socket that is closed, or not in the state that the member needs.
    #[error("{member}() was called on a closed socket")]
    Closed {
        /// The name of the member, such as "joinMulticastGroup".
        member: &'static str,
    },
    /// TLS: a wrong option, a failed handshake, or a lost connection.
    #[error("{}", .error.reason)]
    Tls {
        /// What went wrong.
        #[source]
        error: TlsError,
        /// The peer's address. None: the error concerns an option.
        address: Option<Endpoint>,
    },
    /// connectTimeout has passed.
    #[error("the connection was not established within connectTimeout ({milliseconds} ms)")]
    TimedOut {
        /// The remote address.
        address: Endpoint,
        /// connectTimeout in milliseconds.
        milliseconds: u128,
    },
    /// closeTimeout has passed without a byte that the peer has acknowledged (R-tcp-close).
    #[error(
        "the socket was closing, and the peer acknowledged nothing for closeTimeout ({milliseconds} ms): {unsent} bytes were not sent; a longer closeTimeout gives a slow peer more time, 0 any"
    )]
    CloseTimedOut {
        /// The remote address.
        address: Endpoint,
        /// closeTimeout in milliseconds.
        milliseconds: u32,
        /// How many bytes the system has not taken.
        unsent: u64,
    },
    /// idleTimeout has passed without a byte in either direction (R-idle).
    #[error("no byte came or went for idleTimeout ({milliseconds} ms)")]
    Idle {
        /// The remote address.
        address: Endpoint,
        /// idleTimeout in milliseconds.
        milliseconds: u32,
    },
    /// The peer has sent bytes that cannot be a frame (R-framing).
    #[error("{}", frame_fault(fault, *limit))]
    Frame {
        /// The remote address.
        address: Endpoint,
        /// What is wrong with it.
        fault: FrameFault,
        /// `framing.limit` in bytes.
        limit: usize,
    },
    /// The peer has ended within a frame (R-framing).
    #[error("the peer has ended within a frame")]
    EndInFrame {
        /// The remote address.
        address: Endpoint,
    },
    /// The system cannot start a thread.
    #[error(
        "no thread can be started (EAGAIN: {detail}). The limit on threads is reached (ulimit -u, a container's pids limit, systemd's TasksMax), or there is no memory for one; it works again once there is"
    )]
    NoThread {
        /// The system's message.
        detail: String,
    },
    /// A panic in this package, which is a bug. It is caught, so that it does not end the process.
    #[error("internal error: {}", quoted::sentence(.message))]
    Panic {
        /// The panic's message.
        message: String,
    },
}

/// The end of a sentence that begins with "the multicast group": what there is too much of, and what to do.
fn too_many(group: &SocketAddr, limit: &Option<&'static str>, of_sources: bool) -> String {
    let group = group.ip();
    let limit = limit.map_or(String::new(), |name| format!(" ({name})"));
    if of_sources {
        format!("{group} has as many sources as the system allows{limit}; leave one")
    } else {
        format!("{group} is one more than the system allows a socket{limit}; leave one, or use another socket")
    }
}

/// What is wrong with a frame.
fn frame_fault(fault: &FrameFault, limit: usize) -> String {
    match fault {
        FrameFault::TooLong(length) => {
            format!("the peer has sent a frame over the limit: {length} bytes or more, and framing.limit is {limit}")
        }
        FrameFault::Invalid(value) => {
            format!("the peer has sent a frame whose length ({value}) is less than the size of the length itself")
        }
    }
}

/// Why the system did not set an option: it does not have it, or it refuses the value.
fn refused_option(name: &str, source: &io::Error) -> String {
    let errno = Errno::of(source);
    if errno::is_lacking(source) {
        format!("this system has no {name} for this socket ({errno})")
    } else {
        format!("the system refuses {name}: {} ({errno})", errno::text(source))
    }
}

impl SocketError {
    /// The error of a failed call that concerned no address.
    pub fn system(syscall: Syscall, source: io::Error) -> Self {
        Self::System { syscall, address: None, source }
    }

    /// The error of a thread that the system could not start.
    pub fn no_thread(source: &io::Error) -> Self {
        Self::NoThread { detail: errno::text(source) }
    }

    /// The error of an option of a constructor, as that of the same option of setOptions().
    pub fn of_live_option(self) -> Self {
        match self {
            Self::Option { name, source } => Self::LiveOption { name, source },
            Self::Interface { what, syscall: Some(_), source, .. } => Self::LiveOption { name: what, source },
            other => other,
        }
    }

    /// The error of a failed call that concerned `address`.
    pub fn system_at(syscall: Syscall, address: impl Into<Endpoint>, source: io::Error) -> Self {
        Self::System { syscall, address: Some(address.into()), source }
    }

    /// The error of a failed call that opens a socket on `local`. Either the socket cannot have that address, or the system is short of
    /// resources.
    pub fn local(syscall: Syscall, local: impl Into<Endpoint>, source: io::Error) -> Self {
        let local = local.into();
        let source = match &local {
            Endpoint::Inet(address) if syscall == Syscall::Bind => errno::of_bind(address.port(), source),
            _ => source,
        };
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
            | Self::NotPeer { .. }
            | Self::Local { .. }
            | Self::BadOption { .. }
            | Self::Interface { .. }
            | Self::Group { .. } => "InvalidAccessError",
            Self::Tls { error, .. } if error.argument => "InvalidAccessError",
            Self::Option { source, .. } | Self::LiveOption { source, .. } if errno::is_lacking(source) => {
                "NotSupportedError"
            }
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
            | Self::Idle { .. }
            | Self::Frame { .. }
            | Self::EndInFrame { .. }
            | Self::LiveOption { .. }
            | Self::ForbiddenOption { .. }
            | Self::NoThread { .. }
            | Self::Panic { .. } => "NetworkError",
        }
    }

    /// The exception's `code` (R-error): the system's name for the error, or one of this package. `None`: `code` is DOMException's legacy
    /// number.
    pub fn code(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Local { source, .. }
            | Self::System { source, .. }
            | Self::Interface { source, .. }
            | Self::Option { source, .. }
            | Self::LiveOption { source, .. }
            | Self::ForbiddenOption { source, .. }
            | Self::TooManyGroups { source, .. } => Some(Errno::of(source).name()),
            Self::TooManyConnections { .. } => Some(Errno::ECONNREFUSED.name()),
            Self::Lookup { code, .. } => Some(code.clone().into()),
            Self::Tls { error, .. } => Some(error.code.into()),
            Self::TimedOut { .. } | Self::CloseTimedOut { .. } | Self::Idle { .. } => Some(Errno::ETIMEDOUT.name()),
            Self::Frame { fault: FrameFault::TooLong(_), .. } => Some("ERR_FRAME_TOO_LONG".into()),
            Self::Frame { fault: FrameFault::Invalid(_), .. } => Some("ERR_FRAME_INVALID".into()),
            Self::EndInFrame { .. } => Some("ERR_UNEXPECTED_END".into()),
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

    /// The system call that failed. `None`: the error does not come from a system call.
    pub fn syscall(&self) -> Option<Syscall> {
        match self {
            Self::Local { syscall, .. } | Self::System { syscall, .. } => Some(*syscall),
            Self::Interface { syscall, .. } => *syscall,
            Self::Lookup { .. } => Some(Syscall::LookUp),
            _ => None,
        }
    }

    /// The end that the error concerns. `None`: it concerns none.
    pub fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Self::Local { address, .. }
            | Self::Abandoned { address }
            | Self::Aborted { address }
            | Self::TimedOut { address, .. }
            | Self::CloseTimedOut { address, .. }
            | Self::Idle { address, .. }
            | Self::Frame { address, .. }
            | Self::EndInFrame { address } => Some(address.clone()),
            Self::TooLong { to, .. } | Self::BufferFull { to, .. } | Self::Blob { to, .. } => Some(to.clone()),
            Self::TooManyConnections { client, .. } => Some(client.clone()),
            Self::NotPeer { to, .. } => Some((*to).into()),
            Self::TooManyGroups { group, .. } | Self::NoGroupInterface { group, .. } => Some((*group).into()),
            Self::System { address, .. } | Self::Tls { address, .. } => address.clone(),
            _ => None,
        }
    }

    /// The number of the question that `certificateFor` has failed to answer. `None`: the error has another reason.
    pub fn question(&self) -> Option<u32> {
        match self {
            Self::Tls { error, .. } => error.question,
            _ => None,
        }
    }

    /// Why a text is not an address. The result does not quote the text.
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
