use std::sync::Arc;

use mio::{Registry, Token, Waker};

use super::SocketError;
use super::blocks::Blocks;
use super::inbox::Inbox;
use super::runtime::runtime;
use super::send_queue::Pool;
use super::sys::Batches;
use super::tcp_socket::Note;
use super::timers::Timers;
use super::tls::{Courier, Shared};

/// A socket's number: index and generation, 31 bits, so that JavaScript keeps it as a small integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u32);

/// A million sockets in one environment.
const INDEX_BITS: u32 = 20;
const GENERATION_MASK: u32 = (1 << (31 - INDEX_BITS)) - 1;

impl Id {
    /// The slot `index` in its `generation`-th use.
    pub fn new(index: usize, generation: u32) -> Option<Self> {
        let index = u32::try_from(index).ok().filter(|index| *index < 1 << INDEX_BITS)?;
        Some(Self((generation & GENERATION_MASK) << INDEX_BITS | index))
    }

    /// The number as it crossed to JavaScript and back.
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The number that crosses to JavaScript.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The slot.
    pub fn index(self) -> usize {
        (self.0 & ((1 << INDEX_BITS) - 1)) as usize
    }

    /// The name under which the poll set knows the socket.
    pub fn token(self) -> Token {
        Token(self.0 as usize)
    }
}

/// The poll set's name for the waker: no socket's, those have 31 bits.
pub const WAKER: Token = Token(u32::MAX as usize);

/// One read takes at most this much from a socket before the others have their turn; what V8 gets in bulk mode.
pub const READ_SIZE: usize = 64 * 1024;

/// Datagrams taken in one system call.
pub const BATCH: usize = 32;

/// Distance of two datagrams in the read buffer: no datagram is longer than 64 KiB, and the odd step keeps their
/// first bytes out of one another's cache sets.
pub const STRIDE: usize = READ_SIZE + 320;

/// What the sockets of one environment share.
pub struct Context {
    /// Where sockets are registered with the poll set.
    pub registry: Registry,
    /// Free chunks for what waits to be sent.
    pub pool: Pool,
    /// Deadlines.
    pub timers: Timers,
    /// What other threads have to say.
    pub inbox: Arc<Inbox>,
    /// There is one as soon as there is TLS.
    courier: Option<Arc<Courier>>,
    /// TLS sessions that have been handed something in this turn.
    pub kicks: Vec<Arc<Shared>>,
    /// Sockets whose sends are to be flushed at the end of the turn.
    pub dirty: Vec<Id>,
    /// Sockets that have something to do in the next turn.
    pub ready: Vec<Id>,
    /// What relayed sockets have to tell one another.
    pub notes: Vec<(Id, Note)>,
    /// Read buffer: the start of it for TCP, `BATCH` strides of it for UDP (untouched pages cost nothing).
    pub buffer: Vec<u8>,
    /// Datagrams received together, and the arguments of the calls for them.
    pub batches: Batches,
    /// The bytes of the event at hand, where a socket had held them.
    pub held: Vec<u8>,
    /// Memory that JavaScript lent for large reads.
    pub blocks: Blocks,
}

impl Context {
    /// Nothing open.
    pub fn new(registry: Registry, waker: Arc<Waker>) -> Self {
        Self {
            registry,
            pool: Pool::default(),
            timers: Timers::new(Arc::clone(&waker)),
            inbox: Arc::new(Inbox::new(waker)),
            courier: None,
            kicks: Vec::new(),
            dirty: Vec::new(),
            ready: Vec::new(),
            notes: Vec::new(),
            buffer: vec![0; BATCH * STRIDE],
            batches: Batches::default(),
            held: Vec::new(),
            blocks: Blocks::default(),
        }
    }

    /// What wakes TLS sessions, and is woken by them.
    pub fn courier(&mut self) -> Result<Arc<Courier>, SocketError> {
        if let Some(courier) = &self.courier {
            return Ok(Arc::clone(courier));
        }
        let courier = Courier::start(runtime()?, &self.inbox);
        self.courier = Some(Arc::clone(&courier));
        Ok(courier)
    }

    /// TLS sessions that have been handed something get to work.
    pub fn kick(&mut self) {
        if let Some(courier) = &self.courier {
            courier.kick(&mut self.kicks);
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(courier) = &self.courier {
            courier.end();
        }
    }
}
