//! What a transport reports to its socket.

use std::io;
use std::net::SocketAddr;

use crate::net::SocketError;
use crate::net::syscall::Syscall;
use crate::net::tls::{Fault, Info, WrittenBytes};

/// A system call that failed on the connection.
#[derive(Debug)]
pub struct Failure {
    pub syscall: Syscall,
    pub error: io::Error,
}

impl Failure {
    /// The socket's error of it; `remote` is the peer.
    pub fn at(self, remote: SocketAddr) -> SocketError {
        SocketError::system_at(self.syscall, remote, self.error)
    }
}

/// What has become of a connection attempt.
pub enum Attempt {
    /// Nothing yet.
    UnderWay,
    /// The connection is established; our end's address in canonical form, if the system gives it.
    Established { local: Option<SocketAddr> },
    /// It was established, and is lost already. What was received can still be read.
    EstablishedAndLost(Failure),
    /// It failed.
    Failed(Failure),
}

/// What TLS's task has done since the last look.
pub struct TlsNews {
    /// Bytes that have become the system's.
    pub written: WrittenBytes,
    /// The handshake is done.
    pub handshake: Option<Handshake>,
    /// close_notify and FIN are on their way.
    pub fin_sent: bool,
    /// The connection failed or is lost.
    pub fault: Option<Fault>,
}

/// A TLS handshake that is done.
pub struct Handshake {
    /// Its outcome.
    pub info: Box<Info>,
    /// startTls() asked for it. Otherwise it belongs to the connection attempt.
    pub is_upgrade: bool,
}

/// What a relay's task has done since the last look.
pub struct RelayNews {
    /// Bytes of what was sent before relay() that have become the system's.
    pub written: u64,
    /// How the task ended for this socket, once it has.
    pub end: Option<RelayEnd>,
}

/// The end of a relay's task, for one of the two sockets.
pub struct RelayEnd {
    /// Bytes from the other socket that went out.
    pub passed: u64,
    pub outcome: RelayOutcome,
}

/// How it ended for this socket.
pub enum RelayOutcome {
    /// Both peers have ended.
    Ended,
    /// This connection is lost.
    Lost(SocketError),
    /// The other one is lost.
    OtherLost,
    /// close(): the connection is here again. `left` is still to be written to it.
    Returned { left: Vec<u8>, registered: Result<(), Failure> },
}

/// What [`discard`](super::Transport::discard) did.
#[derive(Default)]
pub struct Discarded {
    /// There were bytes.
    pub any: bool,
    /// Nothing follows them: the peer has ended, or the connection is lost.
    pub end: Option<Result<(), Failure>>,
}

/// What [`write`](super::Transport::write) did.
#[derive(Default)]
pub struct WriteReport {
    /// Bytes that have become the system's.
    pub written: WrittenBytes,
    /// How many of `extra` are among them.
    pub of_extra: usize,
    /// The connection is lost.
    pub failure: Option<Failure>,
}

/// What [`finish`](super::Transport::finish) did.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// FIN is on its way.
    Sent,
    /// A task sends it after the last byte, and reports that; or it has to wait for TLS.
    UnderWay,
}

/// How far the peer has come with what was written.
pub struct PeerProgress {
    /// Bytes that the peer has acknowledged; where the system does not say, bytes that the system has taken. Only the difference of two looks
    /// means something.
    pub acknowledged: u64,
    /// It is the peer that has to do something: the flush does not wait for a Blob, nor for this thread.
    pub peer_owes: bool,
}

impl PeerProgress {
    /// Of `given` bytes that the system took, it holds `unacknowledged` for the peer (`None`: it does not say).
    /// `waits_for_room`: more bytes wait until it takes them.
    pub fn new(given: u64, unacknowledged: Option<u64>, waits_for_room: bool) -> Self {
        Self {
            acknowledged: given.wrapping_sub(unacknowledged.unwrap_or(0)),
            peer_owes: unacknowledged.map_or(waits_for_room, |bytes| bytes > 0),
        }
    }
}
