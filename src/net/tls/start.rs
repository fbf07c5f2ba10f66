//! Begins a handshake: takes the socket out of the poll set, gives it to the tokio runtime, and starts the task that drives it.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;

use super::config::{self, ClientSetup};
use super::connection::Connection;
use super::driver::{Driver, InTask};
use super::error::TlsError;
use super::hello::Hello;
use super::options::SecureOptions;
use super::server_context::ServerContext;
use super::session::Session;
use super::shared_session::Target;
use super::wake_batcher::WakeBatcher;
use crate::net::SocketError;
use crate::net::deadline::TimeLimit;
use crate::net::endpoint::Endpoint;
use crate::net::runtime::runtime;
use crate::net::stream_handle::{PolledStream, TaskStream};
use crate::net::syscall::Syscall;

/// Whether we are the client or the server, with the options. The options are checked already, so only the peer can make the handshake
/// fail.
#[derive(Clone, Debug)]
pub enum Role {
    /// A client: its setup, and the name that the server's certificate must have.
    Client(Arc<ClientSetup>, ServerName<'static>),
    /// A server, with its certificates and options.
    Server(ServerContext),
}

/// The role of a client with these options. `name` is the name to verify if the options have no `sni`.
pub fn client_role(options: &SecureOptions, name: &str) -> Result<Role, SocketError> {
    let of_argument = |error| SocketError::Tls { error, address: None };
    let name = config::server_name(options, name).map_err(of_argument)?;
    Ok(Role::Client(config::client(options).map_err(of_argument)?, name))
}

/// The role of a client that connects to a path. A path is no name that a certificate could have, so the options must have `sni`, or turn
/// verification off (R-unix).
pub fn unix_client_role(options: &SecureOptions) -> Result<Role, SocketError> {
    if options.sni.is_none() && options.reject_unauthorized {
        let reason =
            "a path is no name to verify a server by; give secureTransport.sni, the name in the server's certificate";
        return Err(SocketError::Tls {
            error: TlsError::option("ERR_TLS_BAD_OPTION", reason.to_owned()),
            address: None,
        });
    }
    // An address is never sent to the server, and nothing is verified by it.
    client_role(options, "0.0.0.0")
}

/// Takes over the connection `stream`, and begins the handshake. `received` is the bytes that were read already. The driver notifies
/// `target` when it has news.
pub fn start(
    stream: PolledStream,
    role: &Role,
    remote: Endpoint,
    received: Vec<u8>,
    limit: Option<TimeLimit>,
    target: Target,
    batcher: &Arc<WakeBatcher>,
) -> Result<Session, SocketError> {
    let failed = |error: io::Error| SocketError::system_at(Syscall::Socket, remote.clone(), error);
    let runtime = runtime()?;
    let _inside = runtime.enter();
    let stream = TaskStream::from_std(stream.into()).map_err(failed)?;
    if let Role::Server(context) = role
        && context.kept.is_some()
    {
        let (session, shared, stream) = Session::new(stream, target, Arc::clone(batcher));
        runtime.spawn(Hello { context: context.clone(), stream, shared, remote, received, limit }.run());
        return Ok(session);
    }
    let connection = match role {
        Role::Client(setup, name) => Connection::client(setup, name.clone(), &remote),
        Role::Server(context) => Connection::server(&context.setup, None),
    };
    let connection = connection
        .map_err(|error| SocketError::Tls { error: TlsError::from_rustls(&error), address: Some(remote.clone()) })?;
    let (session, shared, stream) = Session::new(stream, target, Arc::clone(batcher));
    let driver = Driver::new(connection, shared, remote, received, limit);
    runtime.spawn(InTask::new(Box::new(driver), stream).run());
    Ok(session)
}
