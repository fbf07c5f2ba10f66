//! What the session and the driver of one TLS connection share. Neither holds the lock during cryptography or I/O.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::answer::Answer;
use super::connection::Info;
use super::fault::Fault;
use super::inbound_room::InboundRoom;
use super::place::Place;
use super::wake_batcher::WakeBatcher;
use crate::net::activity::Activity;
use crate::net::send_queue::{Piece, Pool};
use crate::net::{Id, SocketError};

/// The receiver of the driver's notifications.
pub enum Target {
    /// No receiver: the server has taken the handshake's result and no socket is assigned yet, or the session was dropped.
    None,
    /// The session itself, which calls the driver and then looks at `is_notified`.
    Turn,
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
    /// Driver: itself ([`InTask`](super::driver::InTask)), for the JavaScript thread, after its task has ended. `None`: it runs in the task, or the session has taken it.
    pub returned: Option<Box<dyn Any + Send>>,
}

impl SessionState {
    /// Puts the memory of encrypted pieces back into the pool.
    pub fn recycle(&mut self, pool: &mut Pool) {
        for memory in self.spent.drain(..) {
            pool.put_back(memory);
        }
    }

    /// Whether close_notify and FIN are sent, and the session has taken the news of all bytes before them. A driver in a task may have sent
    /// both the bytes and the end since the session last took the news.
    pub fn has_reported_finish(&self) -> bool {
        self.finished && self.written.bytes == 0
    }

    /// Whether the peer's end follows `inbound`. While a fault is not reported yet, the end after it does not count.
    pub fn is_at_end(&self) -> bool {
        self.ended && self.fault.is_none()
    }
}

/// What the session and the driver share.
pub struct SharedSession {
    /// The state under the lock.
    pub(super) state: Mutex<SessionState>,
    /// How many decrypted bytes the socket has not read yet, in `inbound` and in `Session::chunks`.
    pub room: InboundRoom,
    /// How many bytes of TLS records the system has taken.
    pub sent: AtomicU64,
    /// When bytes last came or went.
    pub activity: Activity,
    /// Wakes the driver's task.
    pub wake: Arc<Notify>,
    /// Where the driver may run.
    pub place: Place,
}

impl SharedSession {
    /// The state of a connection whose driver has not started.
    pub fn new(target: Target, place: Place) -> Arc<Self> {
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
            returned: None,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            room: InboundRoom::new(),
            sent: AtomicU64::new(0),
            activity: Activity::new(),
            wake: Arc::default(),
            place,
        })
    }

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
        Target::Turn => state.is_notified = true,
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

/// Counts of plain bytes whose records the system has taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct WrittenBytes {
    /// All of these bytes.
    pub bytes: u64,
    /// Those of `bytes` that came from Blobs.
    pub of_blobs: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_counts_as_reported_only_after_the_bytes_before_it() {
        let shared = SharedSession::new(Target::None, Place::Task);
        let mut state = shared.state();
        assert!(!state.has_reported_finish());
        state.finished = true;
        state.written.bytes = 23;
        assert!(!state.has_reported_finish(), "23 bytes are not reported");
        state.written = WrittenBytes::default();
        assert!(state.has_reported_finish());
    }
}
