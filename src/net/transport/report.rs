//! The reports that a transport makes to its socket.

use std::io;
use std::net::SocketAddr;

use crate::net::SocketError;
use crate::net::endpoint::Endpoint;
use crate::net::figures::Figures;
use crate::net::syscall::Syscall;
use crate::net::tls::{Fault, Info, WrittenBytes};

/// A system call that failed on the connection.
#[derive(Debug)]
pub struct Failure {
    /// The call.
    pub syscall: Syscall,
    /// The system's error.
    pub error: io::Error,
}

impl Failure {
    /// The error for the socket; `remote` is the peer's address.
    pub fn at(self, remote: Endpoint) -> SocketError {
        SocketError::system_at(self.syscall, remote, self.error)
    }
}

/// What has become of a connection attempt.
pub enum Attempt {
    /// There is no result yet.
    UnderWay,
    /// The connection is established. `local` is our end's address in canonical form, if the system gives it.
    Established { local: Option<SocketAddr> },
    /// The connection was established, and is lost already. Bytes that were received can still be read.
    EstablishedAndLost(Failure),
    /// The attempt failed.
    Failed(Failure),
}

/// What the TLS driver has done since the last report.
pub struct TlsNews {
    /// The bytes that the system has taken.
    pub written: WrittenBytes,
    /// The handshake, if it has been completed.
    pub handshake: Option<Handshake>,
    /// True once close_notify and FIN are on their way. It is reported once.
    pub fin_sent: bool,
    /// Why the handshake failed or the connection is lost. `None`: neither.
    pub fault: Option<Fault>,
    /// The name for which the handshake needs a certificate from `certificateFor`. `None`: it needs none.
    pub question: Option<String>,
}

/// A completed TLS handshake.
pub struct Handshake {
    /// The outcome of the handshake.
    pub info: Box<Info>,
    /// True: startTls() asked for the handshake. False: it belongs to the connection attempt.
    pub is_upgrade: bool,
}

/// What a relay's task has done since the last report.
pub struct RelayNews {
    /// How many bytes of those that were sent before relay() the system has taken.
    pub written: u64,
    /// How the task ended for this socket. `None`: it has not ended.
    pub end: Option<RelayEnd>,
}

/// The end of a relay's task, for one of the two sockets.
pub struct RelayEnd {
    /// What the task has moved for this socket.
    pub passed: Figures,
    /// How the task ended.
    pub outcome: RelayOutcome,
}

/// How a relay's task ended for this socket.
pub enum RelayOutcome {
    /// Both peers have ended.
    Ended,
    /// This connection is lost.
    Lost(SocketError),
    /// The other socket's connection is lost.
    OtherLost,
    /// close() was called, and the transport has the connection again. `left` holds bytes that are still to be written to it; `registered`
    /// is the result of its registration with the poll set.
    Returned { left: Vec<u8>, registered: Result<(), Failure> },
}

/// The result of [`discard`](super::Transport::discard).
#[derive(Default)]
pub struct Discarded {
    /// True if there were bytes.
    pub any: bool,
    /// What follows the bytes: `Ok` is the peer's end, `Err` a loss. `None`: neither is known.
    pub end: Option<Result<(), Failure>>,
}

/// The result of [`write`](super::Transport::write).
#[derive(Default)]
pub struct WriteReport {
    /// The bytes that the system has taken.
    pub written: WrittenBytes,
    /// How many of these bytes are from `extra`.
    pub of_extra: usize,
    /// Why the connection is lost. `None`: it is not.
    pub failure: Option<Failure>,
}

/// The result of [`finish`](super::Transport::finish).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// FIN is on its way.
    Sent,
    /// FIN is sent later: either a task sends it after the last byte and reports that, or TLS has to begin first.
    UnderWay,
}

/// How much of the written bytes the peer has acknowledged.
pub struct PeerProgress {
    /// How many bytes the peer has acknowledged. If the system does not report that, how many bytes the system has taken. Only the
    /// difference of two values is meaningful.
    pub acknowledged: u64,
    /// True: the flush waits for the peer. False: it waits for a Blob's bytes or for this thread.
    pub peer_owes: bool,
}

impl PeerProgress {
    /// `given` is how many bytes the system took. `unacknowledged` is how many of them the system still holds for the peer. `None`: the
    /// system does not report it. `waits_for_room` says that more bytes wait until the system has room.
    pub fn new(given: u64, unacknowledged: Option<u64>, waits_for_room: bool) -> Self {
        Self {
            acknowledged: given.wrapping_sub(unacknowledged.unwrap_or(0)),
            peer_owes: unacknowledged.map_or(waits_for_room, |bytes| bytes > 0),
        }
    }
}
