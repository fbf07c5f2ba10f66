//! The handshakes of a server: unfinished ones, and finished ones whose `connect` event is not emitted yet.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use slab::Slab;

use super::connection::Info;
use super::fault::Fault;
use super::session::{Session, Target};
use super::start::{Role, ServerContext, start};
use crate::net::accepted::Accepted;
use crate::net::context::Context;
use crate::net::deadline::{LimitKind, TimeLimit};
use crate::net::send_queue::Pool;
use crate::net::stream_handle::PolledStream;
use crate::net::{Id, SocketError};

/// A client whose handshake is done.
pub struct AcceptedTls {
    /// The connection, with its session.
    pub connection: Accepted<Session>,
    /// What the handshake has agreed on.
    pub info: Box<Info>,
    /// How the connection has failed between its handshake and its `connect` event. `None`: it has not failed.
    pub fault: Option<Fault>,
}

/// What a TLS server needs in addition to its listening socket.
pub struct HandshakeQueue {
    /// The certificates and options of the handshakes that begin from now on.
    context: ServerContext,
    /// The option handshakeTimeout. `None`: no limit.
    timeout: Option<Duration>,
    /// The unfinished handshakes. The index of each is its number.
    under_way: Slab<Accepted<Session>>,
    /// The numbers of the handshakes that are done or have failed. Their drivers add them.
    done: Arc<Mutex<Vec<usize>>>,
    /// The clients whose `connect` event is not emitted yet, in order.
    accepted: VecDeque<AcceptedTls>,
    /// The errors of failed handshakes that are not emitted yet, in order.
    failures: VecDeque<SocketError>,
}

impl HandshakeQueue {
    /// A queue without clients.
    pub fn new(context: ServerContext, timeout: Option<Duration>) -> Self {
        Self {
            context,
            timeout,
            under_way: Slab::new(),
            done: Arc::default(),
            accepted: VecDeque::new(),
            failures: VecDeque::new(),
        }
    }

    /// setSecureContext(): sets the context of the handshakes that begin from now on.
    pub fn set_context(&mut self, context: ServerContext) {
        self.context = context;
    }

    /// Begins a handshake with a client that the server `id` has accepted. If it cannot begin, the error is queued.
    pub fn begin(&mut self, client: Accepted<PolledStream>, id: Id, context: &mut Context) {
        if let Err(error) = self.try_begin(client, id, context) {
            self.failures.push_back(error);
        }
    }

    fn try_begin(&mut self, client: Accepted<PolledStream>, id: Id, context: &mut Context) -> Result<(), SocketError> {
        let limit = self.timeout.map(|timeout| TimeLimit {
            at: Instant::now() + timeout,
            milliseconds: timeout.as_millis(),
            kind: LimitKind::Handshake,
        });
        let batcher = context.wake_batcher()?;
        let entry = self.under_way.vacant_entry();
        let target =
            Target::Server { id, batcher: Arc::clone(&batcher), done: Arc::clone(&self.done), number: entry.key() };
        let role = Role::Server(self.context.clone());
        let remote = client.remote.clone();
        let client = client.try_map(|stream| start(stream, &role, remote, Vec::new(), limit, target, &batcher))?;
        entry.insert(client);
        Ok(())
    }

    /// Collects the handshakes that are done or have failed. Returns whether there is anything to emit.
    pub fn collect(&mut self, pool: &mut Pool) -> bool {
        let done = std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner));
        for number in done {
            let Some(connection) = self.under_way.try_remove(number) else { continue };
            let news = connection.stream.news(pool);
            match (news.info, news.fault) {
                (Some(info), fault) => self.accepted.push_back(AcceptedTls { connection, info, fault }),
                (None, Some(fault)) => self.failures.push_back(fault.into_error()),
                (None, None) => {}
            }
        }
        !self.accepted.is_empty() || !self.failures.is_empty()
    }

    /// Takes the error of a handshake that failed.
    pub fn take_failure(&mut self) -> Option<SocketError> {
        self.failures.pop_front()
    }

    /// Takes a client whose `connect` event is to be emitted.
    pub fn take_accepted(&mut self) -> Option<AcceptedTls> {
        self.accepted.pop_front()
    }

    /// Whether any client waits for its `connect` event.
    pub fn has_accepted(&self) -> bool {
        !self.accepted.is_empty()
    }

    /// Whether any error of a handshake waits to be emitted.
    pub fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Resets unfinished handshakes, because the server is closed (R-srv-close).
    pub fn reset_unfinished(&mut self) {
        for handshake in self.under_way.drain() {
            handshake.stream.reset();
        }
    }

    /// Drops the errors of failed handshakes, because a closed server reports none.
    pub fn drop_failures(&mut self) {
        self.failures.clear();
    }

    /// Whether no handshake is under way and no client waits for its `connect` event.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty() && self.accepted.is_empty()
    }

    /// Resets the clients that wait for their `connect` event, because no listener is left for them.
    pub fn reset_accepted(&mut self) {
        for accepted in self.accepted.drain(..) {
            accepted.connection.stream.reset();
        }
    }
}
