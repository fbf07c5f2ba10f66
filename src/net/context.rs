//! What a socket gets with each call: the memory, timers and lists that all sockets of one environment share. A socket keeps no reference
//! to it.

use std::sync::Arc;

use mio::{Registry, Waker};
use tokio::sync::Notify;

use super::blocks::Blocks;
use super::direct_budget::DirectBudget;
use super::inbox::Inbox;
use super::known_interfaces::KnownInterfaces;
use super::relay_signal::RelaySignal;
use super::runtime::runtime;
use super::send_queue::Pool;
use super::sizes::{DATAGRAM_BATCH, DATAGRAM_STRIDE};
use super::sys::Batches;
use super::timers::Timers;
use super::tls::{Place, WakeBatcher};
use super::{Id, SocketError};

/// The state that all sockets of one environment share.
pub struct Context {
    /// The poll set's registry: sockets register themselves here.
    pub registry: Arc<Registry>,
    /// Free chunks for bytes that wait to be sent.
    pub pool: Pool,
    /// The deadlines of all sockets.
    pub timers: Timers,
    /// The sockets for which other threads have news.
    pub inbox: Arc<Inbox>,
    /// Wakes the TLS drivers, and is woken by them. `None` until the first TLS connection.
    wake_batcher: Option<Arc<WakeBatcher>>,
    /// Where TLS connections are driven after their handshakes.
    pub tls_place: Place,
    /// TLS drivers that got something to do in this turn. They are woken at the end of the turn.
    pub pending_wakes: Vec<Arc<Notify>>,
    /// Sockets whose sends are to be flushed at the end of the batch, or of the turn.
    pub dirty: Vec<Id>,
    /// Sockets that have something to do in the next turn.
    pub ready: Vec<Id>,
    /// Relay signals, each with the socket that it is for, until `Net` delivers them.
    pub relay_signals: Vec<(Id, RelaySignal)>,
    /// The read buffer. Streams use its start, UDP uses `DATAGRAM_BATCH` strides of it. (Pages that were never touched cost nothing.)
    pub buffer: Vec<u8>,
    /// The datagrams of one receiving call, and the arguments of the system calls for them.
    pub batches: Batches,
    /// What is known of interfaces, for the details of datagrams and the options of send().
    pub interfaces: KnownInterfaces,
    /// The bytes of the current event, if its payload is `Payload::Held`.
    pub held: Vec<u8>,
    /// Memory that JavaScript has lent for large reads.
    pub blocks: Blocks,
    /// How much may still be read directly in this turn.
    pub direct_budget: DirectBudget,
}

impl Context {
    /// A context in which nothing is open.
    pub fn new(registry: Registry, waker: Arc<Waker>) -> Self {
        Self {
            registry: Arc::new(registry),
            pool: Pool::default(),
            timers: Timers::new(Arc::clone(&waker)),
            inbox: Arc::new(Inbox::new(waker)),
            wake_batcher: None,
            tls_place: Place::Both,
            pending_wakes: Vec::new(),
            dirty: Vec::new(),
            ready: Vec::new(),
            relay_signals: Vec::new(),
            buffer: vec![0; DATAGRAM_BATCH * DATAGRAM_STRIDE],
            batches: Batches::default(),
            interfaces: KnownInterfaces::default(),
            held: Vec::new(),
            blocks: Blocks::default(),
            direct_budget: DirectBudget::default(),
        }
    }

    /// The environment's wake batcher. The first call starts it.
    pub fn wake_batcher(&mut self) -> Result<Arc<WakeBatcher>, SocketError> {
        if let Some(batcher) = &self.wake_batcher {
            return Ok(Arc::clone(batcher));
        }
        let batcher = WakeBatcher::start(runtime()?, &self.inbox, self.tls_place);
        self.wake_batcher = Some(Arc::clone(&batcher));
        Ok(batcher)
    }

    /// The end of a turn: wakes the TLS drivers that got something to do in this turn.
    pub fn wake_tasks(&mut self) {
        if let Some(batcher) = &self.wake_batcher {
            batcher.wake_all(&mut self.pending_wakes);
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(batcher) = &self.wake_batcher {
            batcher.end();
        }
    }
}
