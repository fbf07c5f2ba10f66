//! A client's connection to a path (R-unix). On a Unix socket connect(2) returns at once. If the server's backlog is full, connect(2) fails,
//! and this file calls it again after a pause.

use std::time::{Duration, Instant};

use super::{StreamSocket, ledger};
use crate::net::context::Context;
use crate::net::deadline::DeadlineKind;
use crate::net::endpoint::Endpoint;
use crate::net::options::UnixOptions;
use crate::net::sys::PeerCredentials;
use crate::net::tls::{Role, unix_client_role};
use crate::net::transport::Transport;
use crate::net::unix::{UnixAttempt, UnixConnect, UnixPath};
use crate::net::{Id, SocketError};
use crate::proto::Machine;

/// How long a connection attempt goes on if the server's backlog stays full and connectTimeout is not given. TCP gives an attempt about as
/// long.
const FULL_BACKLOG_LIMIT: Duration = Duration::from_secs(120);

/// What a client's connection to a path needs until `open` is emitted.
pub(super) struct UnixClient {
    /// The attempt, while the server's backlog is full. `None`: it is over.
    attempt: Option<Box<UnixAttempt>>,
    /// The options of TLS, which follows the attempt. `None`: no TLS, or it has begun.
    role: Option<Role>,
    /// connectTimeout in milliseconds. 0: no limit. None: the default limits.
    connect_timeout: Option<u32>,
    /// The server's credentials. `None`: the connection is not established, or the system does not report them.
    pub credentials: Option<PeerCredentials>,
}

impl StreamSocket {
    /// Connects to a path. Every failure that concerns the server's end becomes an event (R-tcp-create).
    pub fn connect_to_path(options: &UnixOptions, id: Id, context: &mut Context) -> Result<Self, SocketError> {
        let path = UnixPath::parse(&options.path)?;
        let role = options.secure.as_ref().map(unix_client_role).transpose()?;
        let remote = path.endpoint();
        let attempt = Box::new(UnixAttempt::new(options, path)?);
        let machine = Machine::connecting(ledger(&options.stream), options.stream.allow_half_open);
        let mut socket = Self::new(machine, Transport::gone(), remote, Endpoint::unnamed(), &options.stream);
        socket.unix = Some(Box::new(UnixClient {
            attempt: None,
            role,
            connect_timeout: options.connect_timeout,
            credentials: None,
        }));
        socket.limit_connecting(options.connect_timeout, id, context);
        socket.try_path(attempt, id, context)?;
        Ok(socket)
    }

    /// The pause after a full backlog is over: tries again.
    pub fn on_retry(&mut self, id: Id, context: &mut Context) {
        let attempt = self.unix.as_mut().and_then(|unix| unix.attempt.take());
        if let Some(attempt) = attempt
            && self.machine.is_connecting()
            && let Err(error) = self.try_path(attempt, id, context)
        {
            self.machine.lost(error);
        }
    }

    /// Calls connect(2) once. An error means that the connection cannot be watched, or that TLS cannot begin.
    fn try_path(&mut self, attempt: Box<UnixAttempt>, id: Id, context: &mut Context) -> Result<(), SocketError> {
        let Some(unix) = &mut self.unix else { return Ok(()) };
        match attempt.connect() {
            UnixConnect::Failed(error) => self.machine.lost(error),
            UnixConnect::Full(attempt, pause) => {
                unix.attempt = Some(attempt);
                let now = Instant::now();
                context.timers.set(id, DeadlineKind::Retry, now, pause);
                if unix.connect_timeout.is_none() && self.connect_timeout == 0 {
                    self.limit_connecting(Some(FULL_BACKLOG_LIMIT.as_millis() as u32), id, context);
                }
            }
            UnixConnect::Connected(stream, credentials) => {
                unix.credentials = credentials;
                if unix.connect_timeout.is_none() {
                    // The limit of a full backlog is not that of TLS's handshake, which has one of its own.
                    self.connect_timeout = 0;
                    context.timers.clear(id, DeadlineKind::Connect);
                }
                match unix.role.take() {
                    Some(role) => {
                        self.transport = Transport::connecting(stream, Some(role), unix.connect_timeout);
                        self.begin_tls(id, context);
                    }
                    None => {
                        self.transport = Transport::established(stream, &self.remote);
                        let registered = self.transport.register(false, id, context);
                        registered.map_err(|failure| failure.at(self.remote.clone()))?;
                        self.machine.connected();
                    }
                }
            }
        }
        self.schedule(id, context);
        Ok(())
    }
}
