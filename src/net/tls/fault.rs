use crate::net::SocketError;

/// How a TLS connection failed.
#[derive(Debug)]
pub enum Fault {
    /// The connection is lost, or TLS has failed: nothing more can be sent.
    Lost(SocketError),
    /// The peer's FIN came without close_notify (R-tls-end). While "closing" this is an end like any other.
    Truncated(SocketError),
}

impl Fault {
    /// What the socket's `error` event says of it.
    pub fn into_error(self) -> SocketError {
        match self {
            Self::Lost(error) | Self::Truncated(error) => error,
        }
    }

    /// This fault, and another one after it: the first error is the one that is reported, and after a loss nothing more can be sent.
    pub fn followed_by(self, later: Self) -> Self {
        match (self, later) {
            (Self::Truncated(first), Self::Truncated(_)) => Self::Truncated(first),
            (first, _) => Self::Lost(first.into_error()),
        }
    }
}
