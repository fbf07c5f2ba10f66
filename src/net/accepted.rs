//! A connection between accept(2) and the socket that it becomes. Nothing here reads or writes it.

use super::connection_permits::ConnectionPermit;
use super::endpoint::Endpoint;
use super::sys::PeerCredentials;

/// A connection that a server accepted. `Stream` is a plain stream, or a TLS session whose handshake is done.
pub struct Accepted<Stream> {
    /// The stream or session.
    pub stream: Stream,
    /// The client's end.
    pub remote: Endpoint,
    /// Our end.
    pub local: Endpoint,
    /// The client's credentials. `None`: it is a TCP connection, or the system does not report them.
    pub credentials: Option<PeerCredentials>,
    /// Counts the connection among those of its server until it is "closed".
    pub permit: ConnectionPermit,
}

impl<Stream> Accepted<Stream> {
    /// Returns the same connection with another stream, which `make` makes of the present one. If `make` fails, the connection is dropped.
    pub fn try_map<Other, E>(self, make: impl FnOnce(Stream) -> Result<Other, E>) -> Result<Accepted<Other>, E> {
        let Self { stream, remote, local, credentials, permit } = self;
        Ok(Accepted { stream: make(stream)?, remote, local, credentials, permit })
    }
}
