//! The kinds of deadlines that sockets have, and the time limits that options set for connecting and for TLS handshakes.

use std::time::Instant;

use super::SocketError;
use super::endpoint::Endpoint;
use super::tls::TlsError;

/// The purpose of a deadline. A socket has at most one of each kind. `turn/deadlines.rs` decides what each kind does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadlineKind {
    /// Stream: connectTimeout. It ends when the connection is established, with TLS when the handshake is done.
    Connect,
    /// Stream: the time limit of the handshake, while startTls() waits for earlier bytes to be sent. (During the handshake the TLS driver
    /// keeps it.)
    Handshake,
    /// Stream: the server's backlog was full. The time of the next try to connect (R-unix).
    Retry,
    /// Stream: closeTimeout. The time of the next check of the peer's progress (R-tcp-close).
    Close,
    /// Stream: the longest wait for the peer's FIN after our FIN (R-tcp-close).
    Linger,
    /// Stream: idleTimeout. The time of the next check (R-idle).
    Idle,
    /// Server: accept(2) failed. The time of the next try (R-srv-error).
    Accept,
    /// UDP: the system had no buffer for a datagram. The time of the next try to send.
    Send,
    /// UDP: a receiving call failed. The time of the next try to receive.
    Receive,
    /// A timer of connect().
    Timer,
}

impl DeadlineKind {
    /// The first kind in the order of the variants.
    pub const FIRST: Self = Self::Connect;
}

/// Which option set a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// connectTimeout of a connection attempt.
    Connect,
    /// The handshake's own limit: handshakeTimeout of a server, or connectTimeout of startTls().
    Handshake,
}

/// The time limit of a connection attempt or of a handshake.
#[derive(Clone, Copy)]
pub struct TimeLimit {
    /// The moment at which the limit passes.
    pub at: Instant,
    /// The limit in milliseconds, as the user gave it, for the error's message.
    pub milliseconds: u128,
    /// The option that set the limit.
    pub kind: LimitKind,
}

impl TimeLimit {
    /// The error to report once the limit has passed.
    pub fn error(self, remote: Endpoint) -> SocketError {
        match self.kind {
            LimitKind::Connect => SocketError::TimedOut { address: remote, milliseconds: self.milliseconds },
            LimitKind::Handshake => {
                SocketError::Tls { error: TlsError::timed_out(self.milliseconds), address: Some(remote) }
            }
        }
    }
}
