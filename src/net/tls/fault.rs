//! The ways in which a TLS connection ends too early. The sentences are in `error.rs`.

use crate::net::SocketError;

/// How a TLS connection failed.
#[derive(Debug)]
pub enum Fault {
    /// The connection is lost, or TLS has failed. Nothing more can be sent.
    Lost(SocketError),
    /// The peer has sent FIN without close_notify (R-tls-end). In the state "closing" the socket treats this as a normal end.
    Truncated(SocketError),
}

impl Fault {
    /// The error for the socket's `error` event.
    pub fn into_error(self) -> SocketError {
        match self {
            Self::Lost(error) | Self::Truncated(error) => error,
        }
    }

    /// Combines this fault with a later one. The error is that of this fault. If one of the two is `Lost`, the result is `Lost`.
    pub fn followed_by(self, later: Self) -> Self {
        match (self, later) {
            (Self::Truncated(first), Self::Truncated(_)) => Self::Truncated(first),
            (first, _) => Self::Lost(first.into_error()),
        }
    }
}
