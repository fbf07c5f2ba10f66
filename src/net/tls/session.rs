//! The JavaScript thread's side of one TLS connection: a stream of plain bytes that never blocks. A task of the shared tokio runtime, the
//! driver (`driver.rs`), encrypts, decrypts and does the I/O. The session and the driver share a [`SharedSession`]. Neither holds its lock
//! during cryptography or I/O.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSliceMut};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use socket2::SockRef;
use tokio::sync::Notify;

use super::answer::Answer;
use super::connection::Info;
use super::fault::Fault;
use super::plain_chunks::{PlainChunks, put_back};
use super::wake_batcher::WakeBatcher;
use crate::net::activity::Activity;
use crate::net::send_queue::{Piece, Pool, SendQueue};
use crate::net::stream_handle::{TaskStream, reset_at_end};
use crate::net::sys::unacknowledged;
use crate::net::{Id, SocketError};

/// The most decrypted bytes that may wait for the socket. When there are more, the driver stops reading, and TCP's flow control stops the
/// peer (R-listen).
pub const INBOUND: usize = 256 * 1024;
/// The most plain bytes that may wait for the driver, except that the last piece may exceed it. The other bytes wait in the socket's own
/// queue, which asks for the next piece of a Blob.
const OUTBOUND: usize = 256 * 1024;

/// The receiver of the driver's notifications.
pub enum Target {
    /// No receiver: the server has taken the handshake's result and no socket is assigned yet, or the session was dropped.
    None,
    /// The socket with this id, through the wake batcher.
    Socket(Id, Arc<WakeBatcher>),
    /// The server with this id, once the handshake is done, has failed or has a question. The driver then adds `number` to `done`.
    Server {
        /// The server.
        id: Id,
        /// The wake batcher of the server's environment.
        batcher: Arc<WakeBatcher>,
        /// The numbers of the server's handshakes that have news.
        done: Arc<Mutex<Vec<usize>>>,
        /// The number of this handshake.
        number: usize,
    },
}

/// The state that the driver and the session share. Each comment begins with the side that writes the field.
pub struct SessionState {
    /// Session: the receiver of the driver's notifications.
    pub target: Target,
    /// Both: true from a notification until the session takes the news.
    pub is_notified: bool,
    /// Driver: what the handshake has agreed on. `None`: it is not done, or the session has taken this.
    pub info: Option<Box<Info>>,
    /// Driver: how the connection has failed. `None`: it has not, or the session has taken the fault.
    pub fault: Option<Fault>,
    /// Driver: the name for which a server's handshake needs a certificate from `certificateFor`. `None`: it needs none, or the session has
    /// taken the question.
    pub question: Option<String>,
    /// Session: the answer to the question. `None`: there is none yet, or the driver has taken it.
    pub answer: Option<Box<Answer>>,
    /// Driver: true if no bytes follow those in `inbound`, because the peer has ended or because of a fault.
    pub ended: bool,
    /// Driver: decrypted bytes, which the session takes out.
    pub inbound: VecDeque<Vec<u8>>,
    /// Session: plain bytes to be encrypted, which the driver takes out.
    pub outbound: VecDeque<Piece>,
    /// Both: the number of bytes in `outbound`. The driver sets 0 when it takes the pieces.
    pub outbound_len: usize,
    /// Driver: true while it has taken bytes from `outbound` that are not reported in `written` yet.
    pub is_writing: bool,
    /// Driver: bytes that were encrypted and written since the session last took the news.
    pub written: WrittenBytes,
    /// Driver: memory of encrypted pieces, which the session puts back into the pool.
    pub spent: Vec<Vec<u8>>,
    /// Session: true if close_notify and FIN are to follow the last byte.
    pub finish: bool,
    /// Driver: true once close_notify and FIN are sent.
    pub finished: bool,
    /// Session: true if more bytes wait in the socket's queue. The driver notifies the session when `outbound` has room.
    pub wants_room: bool,
    /// Session: true if a handshake that is not done is not needed any more. The driver then sends FIN without close_notify.
    pub gives_up: bool,
    /// Session: true once the session was dropped.
    pub released: bool,
    /// Session: true if the environment ends. The driver still writes the bytes in `outbound` after the session was dropped.
    pub flush_on_exit: bool,
    /// Session: true if the connection ends with RST now.
    pub reset: bool,
}

impl SessionState {
    /// Whether the peer's end follows `inbound`. While a fault is not reported yet, the end after it does not count.
    fn is_at_end(&self) -> bool {
        self.ended && self.fault.is_none()
    }
}

/// What the session and the driver share.
pub struct SharedSession {
    /// The state under the lock.
    state: Mutex<SessionState>,
    /// How many decrypted bytes the socket has not read yet, in `inbound` and in `Session::chunks`.
    pub queued: AtomicUsize,
    /// True while the driver does not read because too many bytes are queued.
    pub full: AtomicBool,
    /// How many bytes of TLS records the system has taken.
    pub sent: AtomicU64,
    /// When bytes last came or went.
    pub activity: Activity,
    /// Wakes the driver.
    pub wake: Arc<Notify>,
}

impl SharedSession {
    /// Locks the state. After a panic under the lock the state can still be used, since no change of it can be interrupted halfway.
    pub fn state(&self) -> MutexGuard<'_, SessionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The driver has panicked, so the connection is lost. Decrypted bytes that were not passed to the session are dropped, since they may
    /// be wrong.
    pub fn break_down(&self, message: String) {
        self.lose(SocketError::Panic { message });
    }

    /// The driver ends, and the connection is lost.
    pub fn lose(&self, error: SocketError) {
        let mut state = self.state();
        // An earlier fault is reported instead of this one.
        let first = state.fault.take().map(Fault::into_error);
        state.fault = Some(Fault::Lost(first.unwrap_or(error)));
        state.ended = true;
        state.is_writing = false;
        notify(state);
    }
}

/// Notifies the target that there is news, unless an earlier notification is still pending.
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
            if state.info.is_none() && state.fault.is_none() && state.question.is_none() {
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

/// The JavaScript thread's side of a TLS connection. When the session is dropped, the driver ends the connection.
pub struct Session {
    /// What the session shares with the driver.
    shared: Arc<SharedSession>,
    /// The system's socket. The driver reads and writes it; the session only sets options and asks for its state.
    stream: Arc<TaskStream>,
    /// Chunks that were taken out of `inbound`, all at once.
    chunks: PlainChunks,
    /// True: the driver has stopped reading, there is room again, and the driver is to be woken.
    wakes_reader: bool,
    /// The wake batcher of the environment.
    batcher: Arc<WakeBatcher>,
}

/// What has happened since the last call of [`Session::news`].
pub struct SessionNews {
    /// What the handshake has agreed on. `None`: it is not done, or this was reported before.
    pub info: Option<Box<Info>>,
    /// How the connection has failed. `None`: it has not, or the fault was reported before.
    pub fault: Option<Fault>,
    /// The name for which the handshake needs a certificate from `certificateFor`. `None`: it needs none, or this was reported before.
    pub question: Option<String>,
    /// Bytes that were written since the last call.
    pub written: WrittenBytes,
    /// True if [`Session::write`] can take more bytes.
    pub has_room: bool,
    /// True if there are bytes to read, or the end of the connection.
    pub readable: bool,
    /// True once close_notify and FIN are sent.
    pub finished: bool,
}

/// Counts of plain bytes whose records the system has taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct WrittenBytes {
    /// All of these bytes.
    pub bytes: u64,
    /// Those of `bytes` that came from Blobs.
    pub of_blobs: u64,
}

/// What waits to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Bytes.
    Bytes,
    /// Bytes, and then the peer's end.
    BytesAndEnd,
    /// Only the peer's end.
    End,
    /// Nothing yet.
    Nothing,
}

impl Waiting {
    /// `bytes`: some wait. `end`: nothing follows them.
    fn of(bytes: bool, end: bool) -> Self {
        match (bytes, end) {
            (true, false) => Self::Bytes,
            (true, true) => Self::BytesAndEnd,
            (false, true) => Self::End,
            (false, false) => Self::Nothing,
        }
    }
}

impl Session {
    /// A session whose driver has not started. Returns the session, and what the driver needs.
    pub fn new(
        stream: TaskStream,
        target: Target,
        batcher: Arc<WakeBatcher>,
    ) -> (Self, Arc<SharedSession>, Arc<TaskStream>) {
        batcher.add_connection();
        let state = SessionState {
            target,
            is_notified: false,
            info: None,
            fault: None,
            question: None,
            answer: None,
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
            activity: Activity::new(),
            wake: Arc::default(),
        });
        let stream = Arc::new(stream);
        let session = Self {
            shared: Arc::clone(&shared),
            stream: Arc::clone(&stream),
            chunks: PlainChunks::default(),
            wakes_reader: false,
            batcher,
        };
        (session, shared, stream)
    }

    /// From now on the driver notifies the socket `id`. The caller takes the news once after this, since the driver may have news already.
    pub fn assign(&self, id: Id) {
        self.shared.state().target = Target::Socket(id, Arc::clone(&self.batcher));
    }

    /// Returns what has happened since the last call. Memory of written bytes goes to `pool`.
    pub fn news(&self, pool: &mut Pool) -> SessionNews {
        let mut state = self.shared.state();
        state.is_notified = false;
        if matches!(state.target, Target::Server { .. }) && (state.info.is_some() || state.fault.is_some()) {
            // The server may soon give this handshake's number to another handshake.
            state.target = Target::None;
        }
        for memory in state.spent.drain(..) {
            pool.put_back(memory);
        }
        SessionNews {
            info: state.info.take(),
            fault: state.fault.take(),
            question: state.question.take(),
            written: std::mem::take(&mut state.written),
            has_room: state.outbound_len < OUTBOUND,
            readable: state.ended || self.shared.queued.load(SeqCst) > 0,
            finished: state.finished,
        }
    }

    /// What waits to be read. While a fault is not reported yet, the end after it does not count.
    pub fn waiting(&self) -> Waiting {
        let state = self.shared.state();
        Waiting::of(self.shared.queued.load(SeqCst) > 0, state.is_at_end())
    }

    /// Reads like a non-blocking socket: returns 0 at the peer's end, and WouldBlock if there are no bytes now.
    pub fn read(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        loop {
            let shared = &self.shared;
            let total = self.chunks.read(slices, |chunks| {
                if shared.queued.load(SeqCst) > 0 {
                    std::mem::swap(chunks, &mut shared.state().inbound);
                }
            });
            if total > 0 {
                self.give_room(total);
                return Ok(total);
            }
            let state = self.shared.state();
            if !state.inbound.is_empty() {
                // The driver has added bytes meanwhile, perhaps together with the end.
                continue;
            }
            return if state.is_at_end() { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
    }

    /// `bytes` fewer bytes are queued. If the driver has stopped reading and there is room again, it is to be woken.
    fn give_room(&mut self, bytes: usize) {
        let left = self.shared.queued.fetch_sub(bytes, SeqCst) - bytes;
        self.wakes_reader |= left <= INBOUND / 2 && self.shared.full.swap(false, SeqCst);
    }

    /// Adds the driver to `pending_wakes` if it waits for room and there is some. The driver is woken at the end of the turn, so that it
    /// does not take the processor from the turn.
    pub fn wake_reader(&mut self, pending_wakes: &mut Vec<Arc<Notify>>) {
        if std::mem::take(&mut self.wakes_reader) {
            pending_wakes.push(Arc::clone(&self.shared.wake));
        }
    }

    /// Drops the bytes that wait to be read. Returns what has waited.
    pub fn discard(&mut self) -> Waiting {
        let mut state = self.shared.state();
        let chunks = std::mem::take(&mut state.inbound);
        let ended = state.is_at_end();
        drop(state);
        let bytes = self.chunks.clear() + chunks.iter().map(Vec::len).sum::<usize>();
        if bytes > 0 {
            self.give_room(bytes);
        }
        chunks.into_iter().for_each(put_back);
        Waiting::of(bytes > 0, ended)
    }

    /// Gives pieces of `queue` to the driver, as far as there is room, and adds the driver to `pending_wakes`. Returns whether there is
    /// room for more.
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

    /// Makes the driver send close_notify and FIN after the last byte.
    pub fn finish(&self) {
        self.shared.state().finish = true;
        self.shared.wake.notify_one();
    }

    /// Answers the question for a certificate.
    pub fn answer(&self, answer: Answer) {
        self.shared.state().answer = Some(Box::new(answer));
        self.shared.wake.notify_one();
    }

    /// Ends a handshake that is not done. The driver sends FIN without close_notify.
    pub fn give_up(&self) {
        self.shared.state().gives_up = true;
        self.shared.wake.notify_one();
    }

    /// Ends the connection with RST now.
    pub fn reset(self) {
        // The option is set here, because the driver may be busy.
        self.reset_at_end();
        self.shared.state().reset = true;
    }

    /// The environment ends. The driver still writes the bytes that it was given, after the session was dropped.
    pub fn flush_on_exit(&self) {
        self.shared.state().flush_on_exit = true;
    }

    /// Makes the connection end with RST when its socket is closed later.
    pub fn reset_at_end(&self) {
        reset_at_end(&*self.stream);
    }

    /// When bytes last came or went.
    pub fn last_activity(&self) -> Instant {
        self.shared.activity.last()
    }

    /// The system's socket.
    pub fn socket(&self) -> SockRef<'_> {
        SockRef::from(&*self.stream)
    }

    /// How many bytes of TLS records the system has taken.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Relaxed)
    }

    /// How many bytes the peer has not acknowledged. `None`: the system does not report it.
    pub fn unacknowledged(&self) -> Option<u64> {
        unacknowledged(&SockRef::from(&*self.stream))
    }

    /// Whether the driver still has to write bytes that it was given, or close_notify and FIN.
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
        self.chunks.clear();
        chunks.into_iter().for_each(put_back);
        self.shared.wake.notify_one();
    }
}
