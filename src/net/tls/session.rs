//! One TLS connection as the JavaScript thread sees it: a stream of plain bytes that never blocks. A task of the shared
//! runtime (`driver`) does the rest; both meet in [`Shared`], under a lock that is held over neither cryptography nor I/O.

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
use super::courier::Courier;
use crate::net::memory::{self, NoMemory};
use crate::net::send_queue::{Piece, Pool, SendQueue};
use crate::net::sys::unacknowledged;
use crate::net::{Id, SocketError};

/// Decrypted bytes that wait for a reader: beyond that nothing is read, and TCP pushes back (R-listen).
pub const INBOUND: usize = 256 * 1024;
/// Bytes handed over to be encrypted. The rest waits in the socket's own queue, where a Blob's next piece is asked for.
const OUTBOUND: usize = 256 * 1024;
/// Plain bytes are collected in chunks of this size, and one chunk is one message.
pub const CHUNK: usize = 64 * 1024;
/// Free chunks kept for all connections of the process: 4 MiB.
const FREE_CHUNKS: usize = 64;

/// Whom a task tells that there is news.
pub enum Target {
    /// Nobody yet.
    None,
    /// A socket.
    Socket(Id, Arc<Courier>),
    /// A server, under this number of the handshake.
    Server(Id, Arc<Courier>, Arc<Mutex<Vec<usize>>>, usize),
}

/// What both sides know.
pub struct State {
    pub target: Target,
    /// The target has been told, and has not looked yet.
    pub announced: bool,
    /// The handshake is done: what there is to tell, until it is taken.
    pub info: Option<Box<Info>>,
    /// Failed or lost.
    pub fault: Option<SocketError>,
    /// The fault is a FIN without close_notify.
    pub truncated: bool,
    /// Nothing will follow what is in `inbound`: close_notify, or a fault.
    pub ended: bool,
    pub inbound: VecDeque<Vec<u8>>,
    pub outbound: VecDeque<Piece>,
    pub outbound_len: usize,
    /// The task has taken bytes that the system does not have yet.
    pub writing: bool,
    /// Bytes of `outbound` that the system has since the last look, and how many of those were Blobs'.
    pub written: u64,
    pub written_of_blobs: u64,
    /// Emptied memory of `outbound`, to go back where it came from.
    pub spent: Vec<Vec<u8>>,
    /// close_notify and FIN are to follow the last byte; they have.
    pub finish: bool,
    pub finished: bool,
    /// More waits in the socket's queue.
    pub wants_room: bool,
    /// close_notify cannot be waited for: where the handshake is not done, FIN is enough.
    pub gives_up: bool,
    /// The socket has let go; what was handed over is to leave all the same; with RST.
    pub released: bool,
    pub farewell: bool,
    pub reset: bool,
}

/// Where the two sides meet.
pub struct Shared {
    state: Mutex<State>,
    /// Decrypted bytes that the socket has not had yet: those in `inbound`, and those that the session has taken out.
    pub queued: AtomicUsize,
    /// The task has stopped reading for want of room.
    pub full: AtomicBool,
    /// Bytes of TLS records that the system has taken.
    pub sent: AtomicU64,
    /// Wakes the task.
    pub notify: Notify,
}

impl Shared {
    /// The state. A panic under the lock leaves it as it was: every step in it is whole.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task has panicked: the connection is lost, and what was received and not handed over is not to be believed.
    pub fn break_down(&self, message: String) {
        let mut state = self.state();
        // What is told already comes first; behind it nothing follows.
        state.fault.get_or_insert(SocketError::Panic { message });
        state.truncated = false;
        state.ended = true;
        state.writing = false;
        announce(state);
    }
}

/// Notes for the target that there is news, unless it is about to look anyway.
pub fn announce(mut state: MutexGuard<'_, State>) {
    if state.announced {
        return;
    }
    match &state.target {
        Target::None => {}
        Target::Socket(id, courier) => {
            let (id, courier) = (*id, Arc::clone(courier));
            state.announced = true;
            drop(state);
            courier.post(id);
        }
        Target::Server(id, courier, done, key) => {
            if state.info.is_none() && state.fault.is_none() {
                return;
            }
            let (id, courier, done, key) = (*id, Arc::clone(courier), Arc::clone(done), *key);
            state.announced = true;
            drop(state);
            done.lock().unwrap_or_else(PoisonError::into_inner).push(key);
            courier.post(id);
        }
    }
}

/// The JavaScript thread's end of a TLS connection. Dropped, it lets the connection go.
pub struct Session {
    shared: Arc<Shared>,
    stream: Arc<TcpStream>,
    /// Taken out of `inbound`, all at once; of the first one, this many bytes have been read.
    taken: VecDeque<Vec<u8>>,
    start: usize,
    /// The task waits for room, and there is some.
    reads_on: bool,
    courier: Arc<Courier>,
}

/// What has happened since the last look.
pub struct News {
    /// The handshake is done.
    pub info: Option<Box<Info>>,
    /// Failed or lost; the flag says that it is a FIN without close_notify.
    pub fault: Option<(SocketError, bool)>,
    /// Bytes that the system has got, and how many of those were Blobs'.
    pub written: (u64, u64),
    /// More can be handed over.
    pub has_room: bool,
    /// There are bytes, or their end.
    pub readable: bool,
    /// close_notify and FIN are on their way.
    pub finished: bool,
}

impl Session {
    /// A connection whose task is about to start.
    pub fn new(stream: TcpStream, target: Target, courier: Arc<Courier>) -> (Self, Arc<Shared>, Arc<TcpStream>) {
        courier.add();
        let state = State {
            target,
            announced: false,
            info: None,
            fault: None,
            truncated: false,
            ended: false,
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
            outbound_len: 0,
            writing: false,
            written: 0,
            written_of_blobs: 0,
            spent: Vec::new(),
            finish: false,
            finished: false,
            wants_room: false,
            gives_up: false,
            released: false,
            farewell: false,
            reset: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            queued: AtomicUsize::new(0),
            full: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            notify: Notify::new(),
        });
        let stream = Arc::new(stream);
        let session = Self {
            shared: Arc::clone(&shared),
            stream: Arc::clone(&stream),
            taken: VecDeque::new(),
            start: 0,
            reads_on: false,
            courier,
        };
        (session, shared, stream)
    }

    /// From now on the news is for this socket. It has to look at once.
    pub fn assign(&self, id: Id) {
        self.shared.state().target = Target::Socket(id, Arc::clone(&self.courier));
    }

    /// Looks.
    pub fn news(&self, pool: &mut Pool) -> News {
        let mut state = self.shared.state();
        state.announced = false;
        if matches!(state.target, Target::Server(..)) {
            // Its number may soon be another handshake's.
            state.target = Target::None;
        }
        for memory in state.spent.drain(..) {
            pool.put_back(memory);
        }
        let truncated = state.truncated;
        News {
            info: state.info.take(),
            fault: state.fault.take().map(|fault| (fault, truncated)),
            written: (std::mem::take(&mut state.written), std::mem::take(&mut state.written_of_blobs)),
            has_room: state.outbound_len < OUTBOUND,
            readable: state.ended || self.shared.queued.load(SeqCst) > 0,
            finished: state.finished,
        }
    }

    /// Whether there are bytes to be read, and whether nothing will follow them. (A fault that is still to be told is no end.)
    pub fn waiting(&self) -> (bool, bool) {
        let state = self.shared.state();
        (self.shared.queued.load(SeqCst) > 0, state.ended && state.fault.is_none())
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
                // They came meanwhile, and the end perhaps with them.
                continue;
            }
            // A fault that is still to be told is no end.
            return if state.ended && state.fault.is_none() { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
    }

    fn fill(&mut self, slices: &mut [IoSliceMut<'_>]) -> usize {
        let mut total = 0;
        for slice in slices {
            let mut room = &mut slice[..];
            while !room.is_empty() && self.has_taken() {
                let Some(chunk) = self.taken.front() else { break };
                let rest = &chunk[self.start..];
                let length = rest.len().min(room.len());
                let (filled, left) = room.split_at_mut(length);
                filled.copy_from_slice(&rest[..length]);
                room = left;
                total += length;
                self.start += length;
                if self.start == chunk.len()
                    && let Some(chunk) = self.taken.pop_front()
                {
                    self.start = 0;
                    put_back(chunk);
                }
            }
        }
        total
    }

    /// Takes out what there is, where everything taken before has been read.
    fn has_taken(&mut self) -> bool {
        if self.taken.is_empty() && self.shared.queued.load(SeqCst) > 0 {
            std::mem::swap(&mut self.taken, &mut self.shared.state().inbound);
        }
        !self.taken.is_empty()
    }

    /// So many bytes wait no more: the task may read on.
    fn give_room(&mut self, bytes: usize) {
        let left = self.shared.queued.fetch_sub(bytes, SeqCst) - bytes;
        self.reads_on |= left <= INBOUND / 2 && self.shared.full.swap(false, SeqCst);
    }

    /// The task has room to read on: it is told at the end of the turn, so that it does not take the processor before.
    pub fn tell_of_room(&mut self, kicks: &mut Vec<Arc<Shared>>) {
        if std::mem::take(&mut self.reads_on) {
            kicks.push(Arc::clone(&self.shared));
        }
    }

    /// Drops the bytes that wait. Returns whether there were any, and whether nothing will follow them.
    pub fn discard(&mut self) -> (bool, bool) {
        let mut state = self.shared.state();
        let chunks = std::mem::take(&mut state.inbound);
        let ended = state.ended && state.fault.is_none();
        drop(state);
        let bytes: usize = chunks.iter().chain(&self.taken).map(Vec::len).sum::<usize>() - self.start;
        self.start = 0;
        if bytes > 0 {
            self.give_room(bytes);
        }
        chunks.into_iter().chain(self.taken.drain(..)).for_each(put_back);
        (bytes > 0, ended)
    }

    /// Hands over what can be written of `queue`; the task is told by `kicks`, at the end of the turn. Returns whether there is
    /// room for more.
    pub fn write(&self, queue: &mut SendQueue, kicks: &mut Vec<Arc<Shared>>) -> bool {
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
            kicks.push(Arc::clone(&self.shared));
        }
        room
    }

    /// close_notify and FIN are to follow the last byte.
    pub fn finish(&self) {
        self.shared.state().finish = true;
        self.shared.notify.notify_one();
    }

    /// Where the handshake is not done it need not be any more: the end is a plain FIN.
    pub fn give_up(&self) {
        self.shared.state().gives_up = true;
        self.shared.notify.notify_one();
    }

    /// Lets go with RST.
    pub fn reset(self) {
        // Here, since the task may be busy: failing that, the peer sees FIN.
        let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
        self.shared.state().reset = true;
    }

    /// The environment ends: what was handed over is to leave all the same.
    pub fn farewell(&self) {
        self.shared.state().farewell = true;
    }

    /// RST, whenever it is let go.
    pub fn reset_at_end(&self) {
        let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Bytes of TLS records that the system has taken.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Relaxed)
    }

    /// How many of those the peer has not acknowledged, where the system tells.
    pub fn unacknowledged(&self) -> Option<u64> {
        unacknowledged(&SockRef::from(&*self.stream))
    }

    /// Our end of the connection, and the peer's.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.stream.local_addr().ok()
    }

    /// Something is handed over that the system does not have yet.
    pub fn is_busy(&self) -> bool {
        let state = self.shared.state();
        state.fault.is_none() && (state.outbound_len > 0 || state.writing || (state.finish && !state.finished))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.courier.remove();
        let mut state = self.shared.state();
        state.released = true;
        state.target = Target::None;
        let chunks = std::mem::take(&mut state.inbound);
        drop(state);
        chunks.into_iter().chain(self.taken.drain(..)).for_each(put_back);
        self.shared.notify.notify_one();
    }
}

/// Ends our direction of a connection.
pub fn shut_down(stream: &TcpStream) {
    // Not connected any more: there is nothing to end.
    let _ = SockRef::from(stream).shutdown(Shutdown::Write);
}

static FREE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// An empty chunk for `length` bytes at least, if they fit one.
pub fn chunk(length: usize) -> Result<Vec<u8>, NoMemory> {
    if length < CHUNK / 16 {
        return memory::vec(length);
    }
    let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    free.map_or_else(|| memory::vec(CHUNK), Ok)
}

/// A chunk that is not needed any more.
pub fn put_back(mut chunk: Vec<u8>) {
    if chunk.capacity() != CHUNK {
        return;
    }
    chunk.clear();
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    if free.len() < FREE_CHUNKS {
        free.push(chunk);
    }
}
