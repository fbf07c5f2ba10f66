//! A listening socket of either family.

use std::io;
use std::sync::Arc;

use mio::event::Source;
use mio::net::TcpListener;
use mio::{Interest, Registry, Token};

use super::endpoint::Endpoint;
use super::ip_address;
use super::stream_handle::PolledStream;
use super::sys::{PeerCredentials, UnixListener};

/// A listening socket.
pub enum Listener {
    /// It listens on a TCP port.
    Tcp(TcpListener),
    /// It listens at a path.
    Unix(UnixListener),
}

/// A connection that was just accepted.
pub struct NewConnection {
    /// The connection.
    pub stream: PolledStream,
    /// The client's end.
    pub remote: Endpoint,
    /// The client's credentials. `None`: it is a TCP connection, or the system does not report them.
    pub credentials: Option<PeerCredentials>,
}

impl Listener {
    /// Accepts the next connection. It does not block.
    pub fn accept(&self) -> io::Result<NewConnection> {
        match self {
            Self::Tcp(listener) => {
                let (stream, remote) = listener.accept()?;
                Ok(NewConnection { stream, remote: ip_address::canonical(remote).into(), credentials: None })
            }
            Self::Unix(listener) => {
                let accepted = listener.accept()?;
                let remote = Endpoint::Unix(Arc::from(accepted.name));
                Ok(NewConnection { stream: accepted.stream, remote, credentials: accepted.credentials })
            }
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(listener) => listener,
            Self::Unix(listener) => listener,
        }
    }
}

impl Source for Listener {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.source().register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.source().reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().deregister(registry)
    }
}
