//! The JavaScript thread's side of one TLS connection: a stream of plain bytes that never blocks. The driver (`driver.rs`) encrypts, decrypts
//! and does the I/O. It runs in a task of the shared tokio runtime, or on the JavaScript thread, when the session calls it. In both cases
//! the session and the driver share a [`SharedSession`]. Neither holds its lock during cryptography or I/O.
//!
//! The driver moves between the two places as a whole, with its socket. So no byte is lost or overtakes another one.

mod place;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSliceMut};
use std::sync::atomic::Ordering::Relaxed;

use std::sync::Arc;
use std::time::Instant;

use mio::Registry;
use tokio::sync::Notify;

use self::place::DriverPlace;
use super::answer::Answer;
use super::connection::Info;
use super::driver::Direct;
use super::fault::Fault;
use super::place::DrivenIn;
use super::plain_chunks::{PlainChunks, put_back};
use super::shared_session::{SharedSession, Target, WrittenBytes};
use super::wake_batcher::WakeBatcher;
use crate::net::Id;
use crate::net::send_queue::{Pool, SendQueue};
use crate::net::stream_handle::{TaskStream, reset_at_end};
use crate::net::sys::unacknowledged;

/// The most plain bytes that may wait for the driver, except that the last piece may exceed it. The other bytes wait in the socket's own
/// queue, which asks for the next piece of a Blob.
const OUTBOUND: usize = 256 * 1024;

/// The least room in bytes for which bytes are decrypted into the rest of the reader's memory, after those that have waited. A smaller read
/// would cost more than it brings.
const LEAST_DIRECT: usize = 16 * 1024;

/// The JavaScript thread's side of a TLS connection. When the session is dropped, the driver ends the connection.
pub struct Session {
    /// What the session shares with the driver.
    shared: Arc<SharedSession>,
    /// Where the driver is.
    driver: DriverPlace,
    /// Chunks that were taken out of `inbound`, all at once.
    chunks: PlainChunks,
    /// True: the driver has stopped reading, there is room again, and the driver's task is to be woken.
    wakes_reader: bool,
    /// The wake batcher of the environment.
    batcher: Arc<WakeBatcher>,
    /// Where the driver has gone and that is not reported yet, in order. `None`: nobody watches its moves.
    moves: Option<VecDeque<DrivenIn>>,
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
        let shared = SharedSession::new(target, batcher.place);
        let stream = Arc::new(stream);
        let session = Self {
            shared: Arc::clone(&shared),
            driver: DriverPlace::Task(Arc::clone(&stream)),
            chunks: PlainChunks::default(),
            wakes_reader: false,
            batcher,
            moves: None,
        };
        (session, shared, stream)
    }

    /// From now on the driver notifies the socket `id`. The caller takes the news once after this, since the driver may have news already.
    pub fn assign(&self, id: Id) {
        self.shared.state().target = Target::Socket(id, Arc::clone(&self.batcher));
    }

    /// Lets a driver on this thread work, or takes over one that its task has given back, and then returns the news as
    /// [`Session::news`] does. `reads`: received bytes are decrypted, although nobody reads them now.
    pub fn work_and_news(&mut self, reads: bool, id: Id, registry: &Arc<Registry>, pool: &mut Pool) -> SessionNews {
        self.take_over(id, registry);
        self.work(reads);
        let news = self.news(pool);
        SessionNews { readable: news.readable || self.can_read(), ..news }
    }

    /// Returns what has happened since the last call. Memory of written bytes goes to `pool`.
    pub fn news(&self, pool: &mut Pool) -> SessionNews {
        let mut state = self.shared.state();
        state.is_notified = false;
        if matches!(state.target, Target::Server { .. }) && (state.info.is_some() || state.fault.is_some()) {
            // The server may soon give this handshake's number to another handshake.
            state.target = Target::None;
        }
        state.recycle(pool);
        SessionNews {
            info: state.info.take(),
            fault: state.fault.take(),
            question: state.question.take(),
            written: std::mem::take(&mut state.written),
            has_room: state.outbound_len < OUTBOUND,
            readable: state.ended || self.shared.room.queued() > 0,
            finished: state.finished,
        }
    }

    /// What waits to be read. While a fault is not reported yet, the end after it does not count.
    pub fn waiting(&self) -> Waiting {
        let state = self.shared.state();
        Waiting::of(self.shared.room.queued() > 0, state.is_at_end())
    }

    /// Reads like a non-blocking socket: returns 0 at the peer's end, and WouldBlock if there are no bytes now.
    pub fn read(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        loop {
            let total = self.read_queued(slices);
            if self.can_read() && self.queued() == 0 {
                let mut direct = Direct::after(total, &mut *slices);
                if total == 0 || direct.room() >= LEAST_DIRECT {
                    self.go(&mut direct);
                    if direct.filled() > 0 {
                        return Ok(total + direct.filled());
                    }
                }
            }
            if total > 0 {
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

    /// Reads bytes that wait in the session. Returns how many.
    fn read_queued(&mut self, slices: &mut [IoSliceMut<'_>]) -> usize {
        let shared = &self.shared;
        let total = self.chunks.read(slices, |chunks| {
            if shared.room.queued() > 0 {
                std::mem::swap(chunks, &mut shared.state().inbound);
            }
        });
        if total > 0 {
            self.give_room(total);
        }
        total
    }

    /// Whether a read can fill memory of `size` bytes, as far as is known.
    pub fn fills(&self, size: usize) -> bool {
        self.can_read() || self.queued() >= size
    }

    /// How many of the memories of `size` bytes a read is to fill: as many as it can fill to their ends, but one at least.
    pub fn most_filled(&self, size: usize) -> usize {
        if self.can_read() { usize::MAX } else { (self.queued() / size).max(1) }
    }

    /// `bytes` fewer bytes are queued. If the driver has stopped reading and there is room again, it is to be woken.
    fn give_room(&mut self, bytes: usize) {
        self.wakes_reader |= self.shared.room.take(bytes);
    }

    /// Adds the driver to `pending_wakes` if it waits for room and there is some. The driver is woken at the end of the turn, so that it
    /// does not take the processor from the turn.
    pub fn wake_reader(&mut self, pending_wakes: &mut Vec<Arc<Notify>>) {
        if std::mem::take(&mut self.wakes_reader) && matches!(self.driver, DriverPlace::Task(_)) {
            pending_wakes.push(Arc::clone(&self.shared.wake));
        }
    }

    /// Drops the bytes that wait to be read. Returns what has waited.
    pub fn discard(&mut self) -> Waiting {
        if self.can_read() {
            self.go(&mut Direct::none());
        }
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

    /// Gives pieces of `queue` to the driver, as far as there is room. A driver in a task is added to `pending_wakes`; it reports later which
    /// bytes the system has taken. A driver on this thread writes them, and the result says which. Memory of written bytes goes to `pool`.
    pub fn write(
        &mut self,
        queue: &mut SendQueue,
        pool: &mut Pool,
        pending_wakes: &mut Vec<Arc<Notify>>,
    ) -> (WrittenBytes, bool) {
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
        match &self.driver {
            DriverPlace::Task(_) if wrote => pending_wakes.push(Arc::clone(&self.shared.wake)),
            DriverPlace::Turn(..) if wrote => {
                self.go(&mut Direct::none());
                let mut state = self.shared.state();
                state.recycle(pool);
                return (std::mem::take(&mut state.written), state.outbound_len < OUTBOUND);
            }
            _ => {}
        }
        (WrittenBytes::default(), room)
    }

    /// Makes the driver send close_notify and FIN after the last byte. Returns whether both are sent, and nothing of it remains for
    /// [`Session::news`].
    pub fn finish(&mut self) -> bool {
        self.shared.state().finish = true;
        match &self.driver {
            DriverPlace::Task(_) => self.shared.wake.notify_one(),
            DriverPlace::Turn(..) => self.go(&mut Direct::none()),
            DriverPlace::Gone => {}
        }
        self.shared.state().has_reported_finish()
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
        self.with_socket(|socket| reset_at_end(socket));
    }

    /// When bytes last came or went.
    pub fn last_activity(&self) -> Instant {
        self.shared.activity.last()
    }

    /// How many bytes of TLS records the system has taken.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Relaxed)
    }

    /// How many bytes the peer has not acknowledged. `None`: the system does not report it.
    pub fn unacknowledged(&self) -> Option<u64> {
        self.with_socket(|socket| unacknowledged(&socket)).flatten()
    }

    /// Whether the driver still has to write bytes that it was given, or close_notify and FIN.
    pub fn is_busy(&self) -> bool {
        let state = self.shared.state();
        state.fault.is_none() && (state.outbound_len > 0 || state.is_writing || (state.finish && !state.finished))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.released = true;
        state.target = Target::None;
        let chunks = std::mem::take(&mut state.inbound);
        drop(state);
        let returned = self.take_returned();
        self.chunks.clear();
        chunks.into_iter().for_each(put_back);
        if let Some(task) = returned {
            task.resume();
        }
        match std::mem::replace(&mut self.driver, DriverPlace::Gone) {
            DriverPlace::Task(_) => {
                self.batcher.remove_connection();
                self.shared.wake.notify_one();
            }
            DriverPlace::Turn(driver, _) => driver.release(),
            DriverPlace::Gone => {}
        }
    }
}
