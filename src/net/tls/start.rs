//! Beginning a handshake: a socket of the poll set's becomes the runtime's, and a task gets to work on it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;

use super::config::{self, ClientSetup, ServerSetup};
use super::connection::Connection;
use super::driver::Driver;
use super::error::TlsError;
use super::options::SecureOptions;
use super::session::{Session, Target};
use super::wake_batcher::WakeBatcher;
use crate::net::SocketError;
use crate::net::deadline::TimeLimit;
use crate::net::runtime::runtime;
use crate::net::syscall::Syscall;

/// Which end of TLS this is, and what it goes by. Checked: only the peer can still make it fail.
#[derive(Clone, Debug)]
pub enum Role {
    /// A client, and the name that it verifies.
    Client(Arc<ClientSetup>, ServerName<'static>),
    /// A server.
    Server(ServerContext),
}

/// A server's certificates and rules.
#[derive(Clone, Debug)]
pub struct ServerContext(Arc<ServerSetup>);

/// The client's role under these options; `name` is verified where they give no `sni`.
pub fn client_role(options: &SecureOptions, name: &str) -> Result<Role, SocketError> {
    let of_argument = |error| SocketError::Tls { error, address: None };
    let name = config::server_name(options, name).map_err(of_argument)?;
    Ok(Role::Client(config::client(options).map_err(of_argument)?, name))
}

/// A server's context under these options.
pub fn server_context(options: &SecureOptions) -> Result<ServerContext, SocketError> {
    config::server(options).map(ServerContext).map_err(|error| SocketError::Tls { error, address: None })
}

/// Takes the connection over, with the bytes that were `received` already, and begins the handshake. Its task notifies `target`.
pub fn start(
    stream: mio::net::TcpStream,
    role: &Role,
    remote: SocketAddr,
    received: Vec<u8>,
    limit: Option<TimeLimit>,
    target: Target,
    batcher: &Arc<WakeBatcher>,
) -> Result<Session, SocketError> {
    let failed = |error: io::Error| SocketError::system_at(Syscall::Socket, remote, error);
    let runtime = runtime()?;
    let _inside = runtime.enter();
    let stream = tokio::net::TcpStream::from_std(stream.into()).map_err(failed)?;
    let connection = match role {
        Role::Client(setup, name) => Connection::client(setup, name.clone(), remote),
        Role::Server(ServerContext(setup)) => Connection::server(setup),
    };
    let connection =
        connection.map_err(|error| SocketError::Tls { error: TlsError::from_rustls(&error), address: Some(remote) })?;
    let (session, shared, stream) = Session::new(stream, target, Arc::clone(batcher));
    runtime.spawn(Driver::new(connection, stream, shared, remote, received, limit).run());
    Ok(session)
}
