//! A server's handshakes: those under way, and those done whose `connect` event is still to come.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use slab::Slab;

use super::connection::Info;
use super::fault::Fault;
use super::session::{Session, Target};
use super::start::{Role, ServerContext, start};
use crate::net::accepted::Accepted;
use crate::net::context::Context;
use crate::net::deadline::{LimitKind, TimeLimit};
use crate::net::send_queue::Pool;
use crate::net::{Id, SocketError};

/// A client whose handshake is done.
pub struct AcceptedTls {
    pub connection: Accepted<Session>,
    /// The handshake's outcome.
    pub info: Box<Info>,
    /// The connection failed after its handshake, before it was delivered.
    pub fault: Option<Fault>,
}

/// What a TLS server has beside its listening socket.
pub struct HandshakeQueue {
    /// For handshakes that begin from now on.
    context: ServerContext,
    /// handshakeTimeout; `None`: no limit.
    timeout: Option<Duration>,
    under_way: Slab<Accepted<Session>>,
    /// Numbers of handshakes that are over, put there by their tasks.
    done: Arc<Mutex<Vec<usize>>>,
    accepted: VecDeque<AcceptedTls>,
    failures: VecDeque<SocketError>,
}

impl HandshakeQueue {
    /// No client yet.
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

    /// setSecureContext(): for handshakes from now on.
    pub fn set_context(&mut self, context: ServerContext) {
        self.context = context;
    }

    /// Begins a handshake with a client that server `id` accepted.
    pub fn begin(&mut self, client: Accepted<TcpStream>, id: Id, context: &mut Context) {
        if let Err(error) = self.try_begin(client, id, context) {
            self.failures.push_back(error);
        }
    }

    fn try_begin(&mut self, client: Accepted<TcpStream>, id: Id, context: &mut Context) -> Result<(), SocketError> {
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
        let remote = client.remote;
        let client = client.try_map(|stream| start(stream, &role, remote, Vec::new(), limit, target, &batcher))?;
        entry.insert(client);
        Ok(())
    }

    /// Looks which handshakes are over. Returns whether there is something to report.
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

    /// Takes a client that is to be delivered.
    pub fn take_accepted(&mut self) -> Option<AcceptedTls> {
        self.accepted.pop_front()
    }

    /// Whether clients wait to be delivered.
    pub fn has_accepted(&self) -> bool {
        !self.accepted.is_empty()
    }

    /// Whether failures wait to be reported.
    pub fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// The server is closed (R-srv-close): handshakes under way are reset, and so are clients that wait, unless they are still to
    /// be delivered.
    pub fn close(&mut self, deliver: bool, pool: &mut Pool) {
        self.collect(pool);
        self.failures.clear();
        for handshake in self.under_way.drain() {
            handshake.stream.reset();
        }
        if !deliver {
            self.reset_accepted();
        }
    }

    /// Resets the clients that wait to be delivered: no listener is left for them.
    pub fn reset_accepted(&mut self) {
        for accepted in self.accepted.drain(..) {
            accepted.connection.stream.reset();
        }
    }
}
