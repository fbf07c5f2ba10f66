use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;

use super::errno::{self, Errno};
use super::memory::NoMemory;
use super::quoted;
use super::syscall::Syscall;
use super::tls::TlsError;
use crate::proto::AddressError;

/// What can go wrong. Each variant names its DOMException and its code; JavaScript makes the exception from them.
#[derive(Debug)]
pub enum SocketError {
    /// A text that is no address. `what` names the argument or option.
    BadAddress {
        /// The argument or option.
        what: &'static str,
        /// What was given.
        text: String,
        /// Why it is none.
        why: AddressError,
    },
    /// A zone that names no interface of this host.
    NoSuchZone {
        /// The argument or option.
        what: &'static str,
        /// What was given.
        text: String,
    },
    /// A remote address of another family than the socket, or than the local address.
    Family {
        /// The remote address.
        remote: String,
        /// What the socket can reach.
        reaches: &'static str,
    },
    /// A local address or port that cannot be had.
    Local {
        /// "bind", "listen" …
        syscall: Syscall,
        /// The address asked for.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// An option with a value that cannot be.
    BadOption {
        /// A sentence.
        reason: String,
    },
    /// An option that this system lacks (R-platform).
    NotSupported {
        /// A sentence.
        reason: String,
    },
    /// An interface, named by an option, that this host does not have or cannot use so.
    Interface {
        /// The option.
        what: &'static str,
        /// What was given.
        text: String,
        /// "setsockopt", where that call refused it; None where no interface has the name.
        syscall: Option<Syscall>,
        /// The system's answer.
        source: io::Error,
    },
    /// A client past `maxConnections` (R-srv-error).
    TooManyConnections {
        /// The client.
        client: SocketAddr,
        /// maxConnections.
        limit: u32,
    },
    /// The system refused something at a distance or for want of resources.
    System {
        /// The system call.
        syscall: Syscall,
        /// The address concerned.
        address: Option<SocketAddr>,
        /// The system's answer.
        source: io::Error,
    },
    /// A host name that could not be looked up.
    Lookup {
        /// "ENOTFOUND", "EAI_AGAIN" …
        code: String,
        /// The system's sentence.
        reason: String,
    },
    /// close() while connecting.
    Abandoned {
        /// The remote address.
        address: SocketAddr,
    },
    /// The signal of the socket was aborted (R-abort).
    Aborted {
        /// The remote address.
        address: SocketAddr,
    },
    /// send() past maxBufferedAmount.
    BufferFull {
        /// Where it was to go.
        to: SocketAddr,
        /// Bytes buffered.
        buffered: u64,
        /// maxBufferedAmount.
        limit: u64,
    },
    /// There is no memory for what was given, or has come.
    NoMemory(NoMemory),
    /// A datagram that no UDP packet can carry.
    TooLong {
        /// Where it was to go.
        to: SocketAddr,
        /// Its bytes.
        bytes: usize,
        /// The most that fits.
        most: usize,
    },
    /// A Blob that could not be read.
    Blob {
        /// Where it was to go.
        to: SocketAddr,
        /// What the runtime said.
        reason: String,
    },
    /// A multicast group that is none, or joined or left against R-udp-group.
    Group {
        /// A sentence.
        reason: String,
    },
    /// More groups than the system allows one socket, or more sources than it allows one group.
    TooManyGroups {
        /// The group, with port 0.
        group: SocketAddr,
        /// The setting that bounds them, where the system has one.
        limit: Option<&'static str>,
        /// It is about the group's sources.
        of_sources: bool,
        /// The system's answer.
        source: io::Error,
    },
    /// An option that is asked for, and that the system refuses or does not have.
    Option {
        /// As the program calls it.
        name: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// No interface that could join a group.
    NoGroupInterface {
        /// The group, with port 0.
        group: SocketAddr,
        /// `interfaceAddress`, as given.
        interface: Option<String>,
    },
    /// Joining or leaving when closed.
    Closed {
        /// "joinMulticastGroup" …
        member: &'static str,
    },
    /// TLS: an option that cannot be, a handshake that failed, a connection lost in TLS's terms.
    Tls {
        /// What it was.
        error: TlsError,
        /// The peer, where it is about one.
        address: Option<SocketAddr>,
    },
    /// connectTimeout has passed.
    TimedOut {
        /// The remote address.
        address: SocketAddr,
        /// connectTimeout.
        milliseconds: u128,
    },
    /// closeTimeout has passed without an acknowledged byte (R-tcp-close).
    CloseTimedOut {
        /// The remote address.
        address: SocketAddr,
        /// closeTimeout.
        milliseconds: u32,
        /// Bytes that the system has not taken.
        unsent: u64,
    },
    /// The system has no thread for what needs one.
    NoThread {
        /// What it said.
        detail: String,
    },
    /// A bug of ours that would have taken the process down.
    Panic {
        /// What the panic said.
        message: String,
    },
}

impl SocketError {
    /// A system error that tells of no address.
    pub fn system(syscall: Syscall, source: io::Error) -> Self {
        Self::System { syscall, address: None, source }
    }

    /// A thread that could not be started.
    pub fn no_thread(source: &io::Error) -> Self {
        Self::NoThread { detail: errno::text(source) }
    }

    /// A system error about `address`.
    pub fn system_at(syscall: Syscall, address: SocketAddr, source: io::Error) -> Self {
        Self::System { syscall, address: Some(address), source }
    }

    /// What opening a socket on `local` ran into: a local address that cannot be had, or a want of resources.
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

    /// The system's name of the error (R-error), where there is one.
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

    /// The system call that failed, where there is one.
    pub fn syscall(&self) -> Option<Syscall> {
        match self {
            Self::Local { syscall, .. } | Self::System { syscall, .. } => Some(*syscall),
            Self::Interface { syscall, .. } => *syscall,
            Self::Lookup { .. } => Some(Syscall::LookUp),
            _ => None,
        }
    }

    /// The address that it is about, where there is one.
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

    /// The port that it is about: where there is an address, but a group's, which has none.
    pub fn port(&self) -> Option<u16> {
        let address = self.address()?;
        (address.port() != 0 || !address.ip().is_multicast()).then_some(address.port())
    }

    /// Why a text is no address, without the text.
    pub fn why_no_address(&self) -> String {
        match self {
            Self::BadAddress { why, .. } => why.to_string(),
            Self::NoSuchZone { .. } => "its zone names an interface that this host does not have".to_owned(),
            _ => self.reason(),
        }
    }

    /// A sentence: what was wrong, and what would be right.
    pub fn reason(&self) -> String {
        match self {
            Self::BadAddress { what, text, why } => format!("{what} {text:?} is no address: {why}"),
            Self::NoSuchZone { what, text } => {
                format!("{what} {text:?} names an interface that this host does not have")
            }
            Self::Family { remote, reaches } => {
                format!("{remote} cannot be reached from this socket: it reaches {reaches}")
            }
            Self::Local { source, .. } | Self::System { source, .. } => errno::text(source),
            Self::BadOption { reason }
            | Self::NotSupported { reason }
            | Self::Group { reason }
            | Self::Lookup { reason, .. } => reason.clone(),
            Self::Blob { reason, .. } => quoted::sentence(reason),
            Self::Interface { what, text, source, .. } => {
                format!("{what} {text:?} names no interface of this host that could be used: {}", errno::text(source))
            }
            Self::Option { name, source } if errno::is_lacking(source) => {
                format!("this system has no {name} for this socket ({})", Errno::of(source))
            }
            Self::Option { name, source } => {
                format!("the system refuses {name}: {} ({})", errno::text(source), Errno::of(source))
            }
            Self::TooManyConnections { limit, .. } => {
                format!("a client was refused: maxConnections is {limit}, and as many connections are open")
            }
            Self::Abandoned { .. } => "close() was called while connecting".to_owned(),
            Self::Aborted { .. } => "the socket's signal was aborted".to_owned(),
            Self::BufferFull { buffered, limit, .. } => format!(
                "the buffer is full: {buffered} bytes are buffered and maxBufferedAmount is {limit}; wait for drain when send() returns false"
            ),
            Self::NoMemory(NoMemory { bytes }) => {
                format!("there is no memory for {bytes} bytes; give less at a time, and wait for drain in between")
            }
            Self::TooLong { bytes, most, .. } => {
                format!("a datagram of {bytes} bytes is too long: at most {most} fit")
            }
            Self::TooManyGroups { group, limit, of_sources, .. } => {
                let group = group.ip();
                let limit = limit.map_or(String::new(), |name| format!(" ({name})"));
                if *of_sources {
                    format!("the multicast group {group} has as many sources as the system allows{limit}; leave one")
                } else {
                    format!(
                        "the multicast group {group} is one more than the system allows a socket{limit}; leave one, or use another socket"
                    )
                }
            }
            Self::NoGroupInterface { group, interface } => {
                let on = interface.as_ref().map_or(String::new(), |interface| format!(" on {interface}"));
                format!("no interface can join the multicast group {}{on}; name one as interfaceAddress", group.ip())
            }
            Self::Closed { member } => format!("{member}() was called on a closed socket"),
            Self::Tls { error, .. } => error.reason.clone(),
            Self::TimedOut { milliseconds, .. } => {
                format!("the connection was not established within connectTimeout ({milliseconds} ms)")
            }
            Self::CloseTimedOut { milliseconds, unsent, .. } => format!(
                "the socket was closing, and the peer acknowledged nothing for closeTimeout ({milliseconds} ms): {unsent} bytes were not sent; a longer closeTimeout gives a slow peer more time, 0 any"
            ),
            Self::NoThread { detail } => format!(
                "no thread can be started (EAGAIN: {detail}). The limit on threads is reached (ulimit -u, a container's pids limit, systemd's TasksMax), or memory is wanting; it works again once there is one"
            ),
            Self::Panic { message } => format!("internal error: {}", quoted::sentence(message)),
        }
    }
}

impl From<NoMemory> for SocketError {
    fn from(no_memory: NoMemory) -> Self {
        Self::NoMemory(no_memory)
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
