//! One TLS connection as the JavaScript thread sees it: a stream of plain bytes that never blocks. A task of the shared
//! runtime (`driver`) encrypts, decrypts and does the I/O. Both sides meet in [`SharedSession`], under a lock that neither holds
//! during cryptography or I/O.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::connection::Info;
use super::fault::Fault;
use super::wake_batcher::WakeBatcher;
use crate::net::memory::{self, NoMemory};
use crate::net::send_queue::{Piece, Pool, SendQueue};
use crate::net::sys::unacknowledged;
use crate::net::{Id, SocketError};

/// Decrypted bytes that may wait for a reader: with more than that nothing is read, and TCP pushes back (R-listen).
pub const INBOUND: usize = 256 * 1024;
/// Bytes that may be handed over to be encrypted. The rest waits in the socket's own queue, where a Blob's next piece is asked for.
const OUTBOUND: usize = 256 * 1024;
/// Plain bytes are collected in chunks of this size, and one chunk is one message.
pub const PLAIN_CHUNK: usize = 64 * 1024;
/// Free chunks that the process keeps for all connections: 4 MiB.
const FREE_PLAIN_CHUNKS: usize = 64;

/// Whom a task notifies when there is news.
pub enum Target {
    /// Nobody yet.
    None,
    /// A socket.
    Socket(Id, Arc<WakeBatcher>),
    /// A server. The handshake's number goes into the list of those that are done.
    Server { id: Id, batcher: Arc<WakeBatcher>, done: Arc<Mutex<Vec<usize>>>, number: usize },
}

/// What the driver and the session know of each other. Each field says who writes it.
pub struct SessionState {
    /// Session: whom to notify.
    pub target: Target,
    /// The target has been notified and has not looked yet.
    pub is_notified: bool,
    /// Driver: the handshake is done; its outcome, until the session takes it.
    pub info: Option<Box<Info>>,
    /// Driver: the connection failed or is lost; the session takes it.
    pub fault: Option<Fault>,
    /// Driver: nothing follows what is in `inbound` (close_notify, or a fault).
    pub ended: bool,
    /// Driver: decrypted bytes.
    pub inbound: VecDeque<Vec<u8>>,
    /// Session: plain bytes to be encrypted, and how many they are.
    pub outbound: VecDeque<Piece>,
    pub outbound_len: usize,
    /// Driver: it has taken bytes that the system does not have yet.
    pub is_writing: bool,
    /// Driver: bytes of `outbound` that the system got since the session's last look.
    pub written: WrittenBytes,
    /// Driver: emptied memory of `outbound`, to go back to the pool that it came from.
    pub spent: Vec<Vec<u8>>,
    /// Session: close_notify and FIN are to follow the last byte.
    pub finish: bool,
    /// Driver: they are on their way.
    pub finished: bool,
    /// Session: more waits in the socket's queue.
    pub wants_room: bool,
    /// Session: a handshake that is not done need not be done any more; FIN is enough.
    pub gives_up: bool,
    /// Session: the socket has dropped it.
    pub released: bool,
    /// Session: the environment ends, and what was handed over is to leave all the same.
    pub flush_on_exit: bool,
    /// Session: the connection ends with RST.
    pub reset: bool,
}

/// Where the two sides meet.
pub struct SharedSession {
    state: Mutex<SessionState>,
    /// Decrypted bytes that the socket has not read yet: those in `inbound`, and those that the session has taken out.
    pub queued: AtomicUsize,
    /// The task has stopped reading for want of room.
    pub full: AtomicBool,
    /// Bytes of TLS records that the system has taken.
    pub sent: AtomicU64,
    /// Wakes the task.
    pub wake: Arc<Notify>,
}

impl SharedSession {
    /// The state. A panic under the lock leaves it as it was: every step in it is whole.
    pub fn state(&self) -> MutexGuard<'_, SessionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task has panicked: the connection is lost, and nothing that it decrypted and did not hand over can be trusted.
    pub fn break_down(&self, message: String) {
        let mut state = self.state();
        // A fault from before comes first; nothing follows it.
        let first = state.fault.take().map(Fault::into_error);
        state.fault = Some(Fault::Lost(first.unwrap_or(SocketError::Panic { message })));
        state.ended = true;
        state.is_writing = false;
        notify(state);
    }
}

/// Notifies the target that there is news, unless it is about to look anyway.
pub fn notify(mut state: MutexGuard<'_, SessionState>) {
    if state.is_notified {
        return;
    }
    match &state.target {
        Target::None => {}
        Target::Socket(id, batcher) => {
            let (id, batcher) = (*id, Arc::clone(batcher));
            state.is_notified = true;
            drop(state);
            batcher.post(id);
        }
        Target::Server { id, batcher, done, number } => {
            if state.info.is_none() && state.fault.is_none() {
                return;
            }
            let (id, batcher, done, number) = (*id, Arc::clone(batcher), Arc::clone(done), *number);
            state.is_notified = true;
            drop(state);
            done.lock().unwrap_or_else(PoisonError::into_inner).push(number);
            batcher.post(id);
        }
    }
}

/// The JavaScript thread's end of a TLS connection. Dropped, it releases the connection.
pub struct Session {
    shared: Arc<SharedSession>,
    stream: Arc<TcpStream>,
    /// Chunks taken out of `inbound`, all at once.
    chunks: VecDeque<Vec<u8>>,
    /// How many bytes of the first chunk have been read.
    start: usize,
    /// The task waits for room, there is some, and it has not been woken yet.
    wakes_reader: bool,
    batcher: Arc<WakeBatcher>,
}

/// What has happened since the last look.
pub struct SessionNews {
    /// The handshake is done.
    pub info: Option<Box<Info>>,
    /// The connection failed or is lost.
    pub fault: Option<Fault>,
    /// Bytes that the system has got.
    pub written: WrittenBytes,
    /// More can be handed over.
    pub has_room: bool,
    /// There are bytes to read, or their end.
    pub readable: bool,
    /// close_notify and FIN are on their way.
    pub finished: bool,
}

/// Plain bytes that have become the system's.
#[derive(Clone, Copy, Debug, Default)]
pub struct WrittenBytes {
    /// How many.
    pub bytes: u64,
    /// How many of those came from Blobs.
    pub of_blobs: u64,
}

/// What waits to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Bytes.
    Bytes,
    /// Bytes, and nothing follows them.
    BytesAndEnd,
    /// Only the peer's end.
    End,
    /// Nothing yet.
    Nothing,
}

impl Session {
    /// A connection whose task is about to start.
    pub fn new(
        stream: TcpStream,
        target: Target,
        batcher: Arc<WakeBatcher>,
    ) -> (Self, Arc<SharedSession>, Arc<TcpStream>) {
        batcher.add_connection();
        let state = SessionState {
            target,
            is_notified: false,
            info: None,
            fault: None,
            ended: false,
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
            outbound_len: 0,
            is_writing: false,
            written: WrittenBytes::default(),
            spent: Vec::new(),
            finish: false,
            finished: false,
            wants_room: false,
            gives_up: false,
            released: false,
            flush_on_exit: false,
            reset: false,
        };
        let shared = Arc::new(SharedSession {
            state: Mutex::new(state),
            queued: AtomicUsize::new(0),
            full: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            wake: Arc::default(),
        });
        let stream = Arc::new(stream);
        let session = Self {
            shared: Arc::clone(&shared),
            stream: Arc::clone(&stream),
            chunks: VecDeque::new(),
            start: 0,
            wakes_reader: false,
            batcher,
        };
        (session, shared, stream)
    }

    /// From now on the news is for this socket, which has to look at once.
    pub fn assign(&self, id: Id) {
        self.shared.state().target = Target::Socket(id, Arc::clone(&self.batcher));
    }

    /// Takes what has happened since the last look.
    pub fn news(&self, pool: &mut Pool) -> SessionNews {
        let mut state = self.shared.state();
        state.is_notified = false;
        if matches!(state.target, Target::Server { .. }) {
            // Its number may soon be another handshake's.
            state.target = Target::None;
        }
        for memory in state.spent.drain(..) {
            pool.put_back(memory);
        }
        SessionNews {
            info: state.info.take(),
            fault: state.fault.take(),
            written: std::mem::take(&mut state.written),
            has_room: state.outbound_len < OUTBOUND,
            readable: state.ended || self.shared.queued.load(SeqCst) > 0,
            finished: state.finished,
        }
    }

    /// What waits to be read. (A fault that has not been reported yet is no end.)
    pub fn waiting(&self) -> Waiting {
        let state = self.shared.state();
        match (self.shared.queued.load(SeqCst) > 0, state.ended && state.fault.is_none()) {
            (true, false) => Waiting::Bytes,
            (true, true) => Waiting::BytesAndEnd,
            (false, true) => Waiting::End,
            (false, false) => Waiting::Nothing,
        }
    }

    /// Reads as from a socket that does not block: 0 is the peer's end.
    pub fn read(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        loop {
            let total = self.fill(slices);
            if total > 0 {
                self.give_room(total);
                return Ok(total);
            }
            let state = self.shared.state();
            if !state.inbound.is_empty() {
                // They came meanwhile, perhaps together with the end.
                continue;
            }
            // A fault that has not been reported yet is no end.
            return if state.ended && state.fault.is_none() { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
    }

    fn fill(&mut self, slices: &mut [IoSliceMut<'_>]) -> usize {
        let mut total = 0;
        for slice in slices {
            let mut room = &mut slice[..];
            while !room.is_empty() && self.has_chunks() {
                let Some(chunk) = self.chunks.front() else { break };
                let rest = &chunk[self.start..];
                let length = rest.len().min(room.len());
                let (filled, left) = room.split_at_mut(length);
                filled.copy_from_slice(&rest[..length]);
                room = left;
                total += length;
                self.start += length;
                if self.start == chunk.len()
                    && let Some(chunk) = self.chunks.pop_front()
                {
                    self.start = 0;
                    put_back(chunk);
                }
            }
        }
        total
    }

    /// Whether there are bytes. Takes all chunks out of `inbound`, where those from before have been read.
    fn has_chunks(&mut self) -> bool {
        if self.chunks.is_empty() && self.shared.queued.load(SeqCst) > 0 {
            std::mem::swap(&mut self.chunks, &mut self.shared.state().inbound);
        }
        !self.chunks.is_empty()
    }

    /// So many bytes wait no more: the task may read on.
    fn give_room(&mut self, bytes: usize) {
        let left = self.shared.queued.fetch_sub(bytes, SeqCst) - bytes;
        self.wakes_reader |= left <= INBOUND / 2 && self.shared.full.swap(false, SeqCst);
    }

    /// Wakes the task where it waited for room and there is some: at the end of the turn, so that it does not take the processor before.
    pub fn wake_reader(&mut self, pending_wakes: &mut Vec<Arc<Notify>>) {
        if std::mem::take(&mut self.wakes_reader) {
            pending_wakes.push(Arc::clone(&self.shared.wake));
        }
    }

    /// Drops the bytes that wait. Returns what there was.
    pub fn discard(&mut self) -> Waiting {
        let mut state = self.shared.state();
        let chunks = std::mem::take(&mut state.inbound);
        let ended = state.ended && state.fault.is_none();
        drop(state);
        let bytes: usize = chunks.iter().chain(&self.chunks).map(Vec::len).sum::<usize>() - self.start;
        self.start = 0;
        if bytes > 0 {
            self.give_room(bytes);
        }
        chunks.into_iter().chain(self.chunks.drain(..)).for_each(put_back);
        match (bytes > 0, ended) {
            (true, false) => Waiting::Bytes,
            (true, true) => Waiting::BytesAndEnd,
            (false, true) => Waiting::End,
            (false, false) => Waiting::Nothing,
        }
    }

    /// Hands over what can be written of `queue`. The task is woken at the end of the turn. Returns whether there is room for more.
    pub fn write(&self, queue: &mut SendQueue, pending_wakes: &mut Vec<Arc<Notify>>) -> bool {
        let mut state = self.shared.state();
        let before = state.outbound_len;
        while state.outbound_len < OUTBOUND {
            let Some(piece) = queue.take() else { break };
            state.outbound_len += piece.bytes().len();
            state.outbound.push_back(piece);
        }
        let (wrote, room) = (state.outbound_len > before, state.outbound_len < OUTBOUND);
        state.wants_room = queue.is_ready();
        drop(state);
        if wrote {
            pending_wakes.push(Arc::clone(&self.shared.wake));
        }
        room
    }

    /// close_notify and FIN are to follow the last byte.
    pub fn finish(&self) {
        self.shared.state().finish = true;
        self.shared.wake.notify_one();
    }

    /// A handshake that is not done need not be done any more: the end is a plain FIN.
    pub fn give_up(&self) {
        self.shared.state().gives_up = true;
        self.shared.wake.notify_one();
    }

    /// Ends the connection with RST.
    pub fn reset(self) {
        // Here, since the task may be busy. Where this fails, the peer sees FIN.
        let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
        self.shared.state().reset = true;
    }

    /// The environment ends: what was handed over is to leave all the same.
    pub fn flush_on_exit(&self) {
        self.shared.state().flush_on_exit = true;
    }

    /// The connection ends with RST, whenever that is.
    pub fn reset_at_end(&self) {
        let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Bytes of TLS records that the system has taken.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Relaxed)
    }

    /// How many of those the peer has not acknowledged. `None`: the system does not say.
    pub fn unacknowledged(&self) -> Option<u64> {
        unacknowledged(&SockRef::from(&*self.stream))
    }

    /// Our end of the connection.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.stream.local_addr().ok()
    }

    /// Whether something was handed over that the system does not have yet.
    pub fn is_busy(&self) -> bool {
        let state = self.shared.state();
        state.fault.is_none() && (state.outbound_len > 0 || state.is_writing || (state.finish && !state.finished))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.batcher.remove_connection();
        let mut state = self.shared.state();
        state.released = true;
        state.target = Target::None;
        let chunks = std::mem::take(&mut state.inbound);
        drop(state);
        chunks.into_iter().chain(self.chunks.drain(..)).for_each(put_back);
        self.shared.wake.notify_one();
    }
}

/// Ends our direction of a connection.
pub fn shut_down(stream: &TcpStream) {
    // Not connected any more: there is nothing to end.
    let _ = SockRef::from(stream).shutdown(Shutdown::Write);
}

/// Free chunks of the process.
static FREE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// An empty chunk for `length` bytes at least, if they fit one.
pub fn chunk(length: usize) -> Result<Vec<u8>, NoMemory> {
    if length < PLAIN_CHUNK / 16 {
        return memory::vec(length);
    }
    let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    free.map_or_else(|| memory::vec(PLAIN_CHUNK), Ok)
}

/// A chunk that is not needed any more.
pub fn put_back(mut chunk: Vec<u8>) {
    if chunk.capacity() != PLAIN_CHUNK {
        return;
    }
    chunk.clear();
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    if free.len() < FREE_PLAIN_CHUNKS {
        free.push(chunk);
    }
}
