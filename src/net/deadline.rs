//! What a deadline of a socket is for, and the limits that users set on a connection's beginning.

use std::net::SocketAddr;
use std::time::Instant;

use super::SocketError;
use super::tls::TlsError;

/// What a deadline is for. A socket has at most one of each kind; `turn/deadlines.rs` says what each one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadlineKind {
    /// TCP: connectTimeout, until the connection is established and, with TLS, its handshake is done.
    Connect,
    /// TCP: the handshake's limit, while startTls() waits for what was sent before it. (Then TLS's own task keeps it.)
    Handshake,
    /// TCP: closeTimeout; the next look at the peer's progress (R-tcp-close).
    Close,
    /// TCP: the peer has not ended its direction since our FIN (R-tcp-close).
    Linger,
    /// Server: accept(2) failed; when to try again (R-srv-error).
    Accept,
    /// UDP: the system had no buffer for a datagram; when to send again.
    Send,
    /// UDP: a receive failed; when to receive again.
    Receive,
    /// A timer of connect()'s.
    Timer,
}

impl DeadlineKind {
    /// The kind that is first in order.
    pub const FIRST: Self = Self::Connect;
}

/// Which option set a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// connectTimeout of a connection attempt.
    Connect,
    /// The handshake's own: handshakeTimeout of a server, connectTimeout of startTls().
    Handshake,
}

/// When a connection has to be established, or its handshake done.
#[derive(Clone, Copy)]
pub struct TimeLimit {
    /// The moment.
    pub at: Instant,
    /// The limit as the user gave it, for the message.
    pub milliseconds: u128,
    /// Which option set it.
    pub kind: LimitKind,
}

impl TimeLimit {
    /// The error once it has passed.
    pub fn error(self, remote: SocketAddr) -> SocketError {
        match self.kind {
            LimitKind::Connect => SocketError::TimedOut { address: remote, milliseconds: self.milliseconds },
            LimitKind::Handshake => {
                SocketError::Tls { error: TlsError::timed_out(self.milliseconds), address: Some(remote) }
            }
        }
    }
}
