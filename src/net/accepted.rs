use std::net::SocketAddr;

use super::connection_permits::ConnectionPermit;

/// A connection that a server accepted. `Stream` is what its bytes go through: a plain stream, or a TLS session whose handshake is done.
pub struct Accepted<Stream> {
    pub stream: Stream,
    /// The client's address.
    pub remote: SocketAddr,
    /// Our end's address.
    pub local: SocketAddr,
    /// Counts it among its server's connections until it is "closed".
    pub permit: ConnectionPermit,
}

impl<Stream> Accepted<Stream> {
    /// The same connection over the stream that `make` gives for its own. Where that fails, the connection is dropped.
    pub fn try_map<Other, E>(self, make: impl FnOnce(Stream) -> Result<Other, E>) -> Result<Accepted<Other>, E> {
        let Self { stream, remote, local, permit } = self;
        Ok(Accepted { stream: make(stream)?, remote, local, permit })
    }
}
