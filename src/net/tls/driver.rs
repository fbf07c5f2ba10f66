//! The task that moves one TLS connection: socket to session and back, whole records at a time.
//!
//! What it needs to read and to encrypt into belongs to the thread that it runs on: an idle connection keeps neither.

mod traffic;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::connection::{Connection, Info, Output, forget_notes};
use super::error::TlsError;
use super::session::{CHUNK, INBOUND, Shared, announce, shut_down};
use crate::net::panics::{caught, panic_message};
use crate::net::send_queue::Piece;
use crate::net::syscall::Syscall;
use crate::net::{SocketError, hooks};

/// One read. Each has the system acknowledge, and an acknowledgement has the peer's next segments sent on this processor: a fifth of
/// what a megabyte cost with a quarter of it. It still fits a second-level cache.
const READ: usize = 256 * 1024;
/// With less room than that nothing is read.
const ROOM: usize = 64 * 1024;
/// What a read may follow: a record that is not complete yet, or a handshake message of several (64 KiB at most).
const INCOMING: usize = READ + 128 * 1024;
/// Plain bytes encrypted for one write: 256 KiB is where a larger write gains nothing.
const BATCH: usize = 256 * 1024;
/// Written bytes that the JavaScript thread is told of while more are to follow.
const WORTH_TELLING: u64 = 128 * 1024;
/// Rounds of reading and writing before other connections have their turn on this thread.
const ROUNDS: usize = 8;
/// How long a connection that failed waits for the peer to take the alert that says why: closing earlier might destroy it.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long what was sent may take to leave after the environment has ended.
const FAREWELL: Duration = Duration::from_secs(2);
/// The peer's first bytes, kept to show what it speaks if not TLS.
const FIRST: usize = 32;

struct Scratch {
    incoming: Vec<u8>,
    out: Output,
}

impl Scratch {
    fn new() -> Self {
        Self { incoming: vec![0; INCOMING], out: Output::default() }
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

/// When a handshake has to be done.
#[derive(Clone, Copy)]
pub struct Limit {
    /// The moment.
    pub at: std::time::Instant,
    /// As the user gave it, for the message.
    pub milliseconds: u128,
    /// It is connectTimeout's: "ETIMEDOUT". Otherwise the handshake's own.
    pub is_connect: bool,
}

impl Limit {
    /// What there is to tell once it has passed.
    pub fn passed(self, remote: SocketAddr) -> SocketError {
        if self.is_connect {
            SocketError::TimedOut { address: remote, milliseconds: self.milliseconds }
        } else {
            SocketError::Tls { error: TlsError::timed_out(self.milliseconds), address: Some(remote) }
        }
    }
}

/// Moves one connection.
pub struct Driver {
    connection: Connection,
    stream: Arc<TcpStream>,
    shared: Arc<Shared>,
    remote: SocketAddr,
    limit: Option<Limit>,
    /// Encrypted, and not taken by the system yet.
    out: Vec<u8>,
    written: usize,
    /// Taken over, not encrypted yet.
    batch: VecDeque<Piece>,
    /// Plain bytes that are the system's when all that is encrypted has been written, and how many of those were Blobs'.
    in_flight: (u64, u64),
    spent: Vec<Vec<u8>>,
    /// The beginning of a record.
    partial: Vec<u8>,
    plain: Vec<Vec<u8>>,
    first: Vec<u8>,
    established: bool,
    info: Option<Box<Info>>,
    /// Reading is over: the peer has ended, or nothing can come any more.
    ended: bool,
    /// Not told yet.
    fault: Option<(SocketError, bool)>,
    lost: bool,
    /// The peer is owed an alert.
    alert: bool,
    close_notify: bool,
    finished: bool,
    /// The handshake is not to be done any more: what still comes is dropped.
    given_up: bool,
    /// Whether the session knows of these two.
    told: (bool, bool),
    /// Since when the socket has let go.
    released: Option<Instant>,
    ignores_errors: bool,
}

enum Outcome {
    Wait,
    Yield,
    Linger,
    Done,
}

/// What the session wants.
struct Orders {
    room: usize,
    finish: bool,
    gives_up: bool,
    released: bool,
    farewell: bool,
    reset: bool,
}

impl Driver {
    /// A driver for a connection that is about to begin its handshake.
    pub fn new(
        connection: Connection,
        stream: Arc<TcpStream>,
        shared: Arc<Shared>,
        remote: SocketAddr,
        received: Vec<u8>,
        limit: Option<Limit>,
    ) -> Self {
        Self {
            connection,
            stream,
            shared,
            remote,
            limit,
            out: Vec::new(),
            written: 0,
            batch: VecDeque::new(),
            in_flight: (0, 0),
            spent: Vec::new(),
            partial: received,
            plain: Vec::new(),
            first: Vec::new(),
            established: false,
            info: None,
            ended: false,
            fault: None,
            lost: false,
            alert: false,
            close_notify: false,
            finished: false,
            given_up: false,
            told: (false, false),
            released: None,
            ignores_errors: false,
        }
    }

    /// Runs until both directions have ended, or the socket lets go. A panic becomes the socket's error, as everywhere.
    pub async fn run(self) {
        let shared = Arc::clone(&self.shared);
        if let Err(panic) = caught(self.work()).await {
            shared.break_down(panic_message(&*panic));
        }
    }

    async fn work(mut self) {
        let mut outcome = self.with_scratch(Self::greet);
        loop {
            match outcome {
                Outcome::Wait => {
                    self.rest();
                    if self.wait().await {
                        self.time_is_up();
                    }
                }
                Outcome::Yield => tokio::task::yield_now().await,
                Outcome::Linger => return self.linger().await,
                Outcome::Done => return,
            }
            outcome = self.with_scratch(Self::pump);
        }
    }

    /// Works with the thread's memory. A panic leaves nothing in it that the next connection on this thread would find.
    fn with_scratch(&mut self, work: fn(&mut Self, &mut Scratch) -> Outcome) -> Outcome {
        SCRATCH.with_borrow_mut(|scratch| {
            catch_unwind(AssertUnwindSafe(|| work(self, scratch))).unwrap_or_else(|panic| {
                *scratch = Scratch::new();
                forget_notes();
                resume_unwind(panic)
            })
        })
    }

    /// A client speaks first. A server may have been spoken to already; more than fits is no handshake.
    fn greet(&mut self, scratch: &mut Scratch) -> Outcome {
        let length = self.partial.len().min(scratch.incoming.len());
        scratch.incoming[..length].copy_from_slice(&self.partial[..length]);
        self.partial.clear();
        self.process(scratch, length);
        self.pump(scratch)
    }

    fn pump(&mut self, scratch: &mut Scratch) -> Outcome {
        for _ in 0..ROUNDS {
            let orders = self.exchange();
            if orders.reset {
                return Outcome::Done;
            }
            if orders.released && self.released.is_none() {
                self.released = Some(Instant::now());
            }
            if self.lost && self.ended {
                return if self.alert { Outcome::Linger } else { Outcome::Done };
            }
            if orders.gives_up && !self.established && !self.lost && !std::mem::replace(&mut self.given_up, true) {
                shut_down(&self.stream);
                self.finished = true;
                self.limit = None;
            }
            let mut busy = self.write(scratch, &orders);
            if self.released.is_some() {
                if self.lost || !orders.farewell || (self.is_idle() && (self.finished || !orders.finish)) {
                    return Outcome::Done;
                }
            } else {
                busy |= self.read_up_to(orders.room, scratch);
            }
            let settled = self.finished && self.ended && !self.has_news();
            if settled {
                return Outcome::Done;
            }
            if !busy && !self.has_news() {
                return Outcome::Wait;
            }
        }
        Outcome::Yield
    }

    /// Nothing waits to be encrypted or written.
    fn is_idle(&self) -> bool {
        self.out.is_empty() && self.batch.is_empty()
    }

    fn has_news(&self) -> bool {
        (self.ended, self.finished) != self.told
            || !self.plain.is_empty()
            || self.fault.is_some()
            || self.info.is_some()
            || (self.is_idle() && self.in_flight.0 > 0)
    }

    /// Tells the session what has happened, and asks what it wants.
    fn exchange(&mut self) -> Orders {
        let mut state = self.shared.state();
        let mut news = false;
        if let Some(info) = self.info.take() {
            state.info = Some(info);
            news = true;
        }
        if self.established && !self.plain.is_empty() {
            let bytes = self.plain.iter().map(Vec::len).sum();
            for piece in self.plain.drain(..) {
                append(&mut state.inbound, piece);
            }
            news |= self.shared.queued.fetch_add(bytes, SeqCst) == 0;
        }
        if let Some((fault, truncated)) = self.fault.take() {
            // What came first is what is told; behind a truncated end, a loss makes it more than that.
            state.fault.get_or_insert(fault);
            state.truncated = truncated;
            news = true;
        }
        (state.ended, state.finished) = (self.ended, self.finished);
        news |= std::mem::replace(&mut self.told, (self.ended, self.finished)) != self.told;
        if self.is_idle() && self.in_flight.0 > 0 {
            let (bytes, of_blobs) = std::mem::take(&mut self.in_flight);
            state.written += bytes;
            state.written_of_blobs += of_blobs;
            state.spent.append(&mut self.spent);
        }
        if self.established && self.is_idle() && !self.lost {
            std::mem::swap(&mut self.batch, &mut state.outbound);
            state.outbound_len = 0;
        }
        state.writing = !self.is_idle() || self.in_flight.0 > 0;
        news |= state.written >= WORTH_TELLING || (state.written > 0 && self.batch.is_empty());
        news |= !self.batch.is_empty() && std::mem::take(&mut state.wants_room);
        let room = self.room();
        let orders = Orders {
            room,
            // Not before the last byte has been taken over.
            finish: state.finish && state.outbound.is_empty(),
            gives_up: state.gives_up,
            released: state.released,
            farewell: state.farewell,
            reset: state.reset,
        };
        if news {
            announce(state);
        }
        orders
    }

    /// How many bytes may be read before the session has to take some.
    fn room(&self) -> usize {
        let room = || INBOUND.saturating_sub(self.shared.queued.load(SeqCst));
        if room() < ROOM {
            self.shared.full.store(true, SeqCst);
            // The session may have taken them meanwhile, and not have seen that there was somebody to tell.
            if self.shared.queued.load(SeqCst) > INBOUND / 2 {
                return 0;
            }
        }
        self.shared.full.store(false, SeqCst);
        room()
    }

    /// Lets go of what only a busy connection needs.
    fn rest(&mut self) {
        if self.partial.is_empty() {
            self.partial = Vec::new();
        }
        if self.plain.is_empty() {
            self.plain = Vec::new();
        }
    }

    /// Waits until the socket, the session or the clock has something. Returns whether it was the clock.
    async fn wait(&mut self) -> bool {
        hooks::pass("tls wait");
        let shared = Arc::clone(&self.shared);
        let stream = Arc::clone(&self.stream);
        let mut interest: Option<Interest> = None;
        let mut add = |more: Interest| interest = Some(interest.map_or(more, |interest| interest | more));
        if !self.ended && !shared.full.load(SeqCst) && self.released.is_none() {
            add(Interest::READABLE);
        }
        if !self.out.is_empty() {
            add(Interest::WRITABLE);
        }
        if !self.lost && !self.ignores_errors {
            add(Interest::ERROR);
        }
        let deadline = match self.released {
            Some(since) => Some(since + FAREWELL),
            None => self.limit.map(|limit| limit.at.into()),
        };
        let mut notified = pin!(shared.notify.notified());
        let mut ready = pin!(async {
            match interest {
                // Reading, where it is waited for, finds the error itself.
                Some(interest) => stream
                    .ready(interest)
                    .await
                    .is_ok_and(|ready| ready.is_error() && !ready.is_readable() && !ready.is_read_closed()),
                None => pending().await,
            }
        });
        let mut late = pin!(async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => pending().await,
            }
        });
        let (is_late, is_error) = poll_fn(|context| {
            let is_notified = notified.as_mut().poll(context).is_ready();
            match ready.as_mut().poll(context) {
                Poll::Ready(is_error) => Poll::Ready((false, is_error)),
                Poll::Pending if is_notified => Poll::Ready((false, false)),
                Poll::Pending => late.as_mut().poll(context).map(|()| (true, false)),
            }
        })
        .await;
        // Where nothing is read, for want of room or after the peer's end, a loss shows only so; and tokio tells of it until
        // nobody waits for it any more.
        if is_error {
            match stream.take_error() {
                Ok(Some(error)) => self.break_off(Syscall::Read, error),
                _ => self.ignores_errors = true,
            }
        }
        is_late
    }

    fn time_is_up(&mut self) {
        if self.released.is_some() {
            // What is left will not leave any more.
            self.lost = true;
            self.ended = true;
        } else if let Some(limit) = self.limit.take() {
            self.lost = true;
            self.ended = true;
            self.fault = Some((limit.passed(self.remote), false));
        }
    }

    /// The alert has been written. It would be lost if the connection were closed with unread bytes.
    async fn linger(self) {
        shut_down(&self.stream);
        let stream = Arc::clone(&self.stream);
        drop(self);
        let drain = async {
            let mut bytes = [0; 1024];
            loop {
                match stream.try_read(&mut bytes) {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        if stream.readable().await.is_err() {
                            return;
                        }
                    }
                    Err(_) => return,
                }
            }
        };
        // Whether it was taken or not: that is all.
        let _ = timeout(LAST_WORDS, drain).await;
    }
}

/// Puts a chunk behind the others, or a small one into the last.
fn append(inbound: &mut VecDeque<Vec<u8>>, chunk: Vec<u8>) {
    match inbound.back_mut() {
        Some(last) if chunk.len() <= CHUNK / 16 && last.capacity() - last.len() >= chunk.len() => {
            last.extend_from_slice(&chunk);
            super::session::put_back(chunk);
        }
        _ => inbound.push_back(chunk),
    }
}
