use std::net::SocketAddr;

use super::connection_permits::ConnectionPermit;

/// A connection that a server accepted. `Stream` is a plain stream, or a TLS session whose handshake is done.
pub struct Accepted<Stream> {
    /// The stream or session.
    pub stream: Stream,
    /// The client's address.
    pub remote: SocketAddr,
    /// Our end's address.
    pub local: SocketAddr,
    /// Counts the connection among those of its server until it is "closed".
    pub permit: ConnectionPermit,
}

impl<Stream> Accepted<Stream> {
    /// Returns the same connection with another stream, which `make` makes of the present one. If `make` fails, the connection is dropped.
    pub fn try_map<Other, E>(self, make: impl FnOnce(Stream) -> Result<Other, E>) -> Result<Accepted<Other>, E> {
        let Self { stream, remote, local, permit } = self;
        Ok(Accepted { stream: make(stream)?, remote, local, permit })
    }
}
