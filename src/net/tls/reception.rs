//! A server's handshakes: those under way, and those done whose `connect` event is still to come.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use slab::Slab;

use super::connection::Info;
use super::driver::Limit;
use super::session::{Session, Target};
use super::start::{Role, ServerContext, start};
use crate::net::context::Context;
use crate::net::seats::Seat;
use crate::net::send_queue::Pool;
use crate::net::{Id, SocketError};

/// A client whose handshake is done.
pub struct Arrival {
    pub session: Session,
    pub info: Box<Info>,
    pub remote: SocketAddr,
    pub local: SocketAddr,
    pub seat: Seat,
    /// It failed after all, before it was delivered.
    pub fault: Option<(SocketError, bool)>,
}

struct Handshake {
    session: Session,
    remote: SocketAddr,
    local: SocketAddr,
    seat: Seat,
}

/// What a TLS server has beside its listening socket.
pub struct Reception {
    context: ServerContext,
    /// handshakeTimeout; `None`: none.
    timeout: Option<Duration>,
    under_way: Slab<Handshake>,
    /// Numbers of handshakes that have come to an end, put there by their tasks.
    done: Arc<Mutex<Vec<usize>>>,
    arrivals: VecDeque<Arrival>,
    failures: VecDeque<SocketError>,
}

impl Reception {
    /// Nobody there.
    pub fn new(context: ServerContext, timeout: Option<Duration>) -> Self {
        Self {
            context,
            timeout,
            under_way: Slab::new(),
            done: Arc::default(),
            arrivals: VecDeque::new(),
            failures: VecDeque::new(),
        }
    }

    /// setSecureContext(): for handshakes from now on.
    pub fn set_context(&mut self, context: ServerContext) {
        self.context = context;
    }

    /// Begins a handshake with a client that server `id` accepted.
    pub fn begin(
        &mut self,
        stream: mio::net::TcpStream,
        remote: SocketAddr,
        local: SocketAddr,
        seat: Seat,
        id: Id,
        context: &mut Context,
    ) {
        let limit = self.timeout.map(|timeout| Limit {
            at: Instant::now() + timeout,
            milliseconds: timeout.as_millis(),
            is_connect: false,
        });
        let courier = match context.courier() {
            Ok(courier) => courier,
            Err(error) => return self.failures.push_back(error),
        };
        let entry = self.under_way.vacant_entry();
        let target = Target::Server(id, Arc::clone(&courier), Arc::clone(&self.done), entry.key());
        match start(stream, &Role::Server(self.context.clone()), remote, Vec::new(), limit, target, &courier) {
            Ok(session) => {
                entry.insert(Handshake { session, remote, local, seat });
            }
            Err(error) => self.failures.push_back(error),
        }
    }

    /// Looks what has become of handshakes. Returns whether there is something to tell.
    pub fn look(&mut self, pool: &mut Pool) -> bool {
        let done = std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner));
        for key in done {
            let Some(Handshake { session, remote, local, seat }) = self.under_way.try_remove(key) else { continue };
            let news = session.news(pool);
            match (news.info, news.fault) {
                (Some(info), fault) => self.arrivals.push_back(Arrival { session, info, remote, local, seat, fault }),
                (None, Some((error, _))) => self.failures.push_back(error),
                (None, None) => {}
            }
        }
        !self.arrivals.is_empty() || !self.failures.is_empty()
    }

    /// A handshake that failed.
    pub fn failure(&mut self) -> Option<SocketError> {
        self.failures.pop_front()
    }

    /// A client that is to be delivered.
    pub fn arrival(&mut self) -> Option<Arrival> {
        self.arrivals.pop_front()
    }

    /// Whether clients wait to be delivered.
    pub fn has_arrivals(&self) -> bool {
        !self.arrivals.is_empty()
    }

    /// Whether failures wait to be told.
    pub fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// The server is closed (R-srv-close): handshakes under way are reset, and arrivals too unless they are still
    /// delivered.
    pub fn close(&mut self, deliver: bool, pool: &mut Pool) {
        self.look(pool);
        self.failures.clear();
        for handshake in self.under_way.drain() {
            handshake.session.reset();
        }
        if !deliver {
            self.reset_arrivals();
        }
    }

    /// Nobody is there for them any more.
    pub fn reset_arrivals(&mut self) {
        for arrival in self.arrivals.drain(..) {
            arrival.session.reset();
        }
    }
}
