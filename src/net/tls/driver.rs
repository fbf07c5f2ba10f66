//! The driver: the task that moves one TLS connection's bytes between the socket and the session, whole records at a time.
//!
//! The buffers that it reads and encrypts into belong to the thread that it runs on, so an idle connection keeps none.

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

use super::connection::{Connection, Info, Output, discard_reports};
use super::fault::Fault;
use super::session::{INBOUND, PLAIN_CHUNK, SharedSession, WrittenBytes, notify, shut_down};
use crate::net::deadline::TimeLimit;
use crate::net::hooks;
use crate::net::panics::{caught, panic_message};
use crate::net::send_queue::Piece;
use crate::net::syscall::Syscall;

/// The most that one read takes. Each read makes the system acknowledge, and each acknowledgement makes it send the peer's next segments
/// on this processor: with a quarter of this size a megabyte cost a fifth more. This size still fits a second-level cache.
const TLS_READ: usize = 256 * 1024;
/// With less room than this nothing is read.
const LEAST_ROOM: usize = 64 * 1024;
/// The input buffer: one read, behind what it may have to follow (an incomplete record, or a handshake message of several records,
/// 64 KiB at most).
const INPUT: usize = TLS_READ + 128 * 1024;
/// Plain bytes encrypted for one write: 256 KiB is where a larger write gains nothing.
const ENCRYPTED_AT_ONCE: usize = 256 * 1024;
/// Written bytes from which on the JavaScript thread is notified although more are to follow.
const NOTIFY_WRITTEN: u64 = 128 * 1024;
/// Rounds of reading and writing before other connections have their turn on this thread.
const ROUNDS: usize = 8;
/// How long a connection that failed waits for the peer to read the alert that says why: closing earlier might destroy the alert.
const ALERT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long what was sent may take to leave after the environment has ended.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);
/// How many of the peer's first bytes are kept, to show what it speaks if that is not TLS.
const FIRST_BYTES: usize = 32;

/// Buffers of one thread, for whichever connection it works on.
struct Scratch {
    /// Bytes from the system.
    input: Vec<u8>,
    /// Records for the system.
    output: Output,
}

impl Scratch {
    fn new() -> Self {
        Self { input: vec![0; INPUT], output: Output::default() }
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

/// Moves one connection's bytes.
pub struct Driver {
    connection: Connection,
    stream: Arc<TcpStream>,
    shared: Arc<SharedSession>,
    /// The peer, for errors.
    remote: SocketAddr,
    /// When the handshake has to be done. `None`: no limit, or it is done.
    limit: Option<TimeLimit>,
    /// Records that the system has not taken yet, and how many bytes of them it has.
    unwritten: Vec<u8>,
    unwritten_start: usize,
    /// Plain bytes taken over from the session and not encrypted yet.
    batch: VecDeque<Piece>,
    /// Plain bytes that are the system's when all that is encrypted has been written.
    in_flight: WrittenBytes,
    /// Emptied memory of `batch`.
    spent: Vec<Vec<u8>>,
    /// The beginning of an incomplete record.
    partial: Vec<u8>,
    /// Decrypted bytes that the session does not have yet.
    plain: Vec<Vec<u8>>,
    /// The peer's first bytes, until the handshake is done.
    first: Vec<u8>,
    /// The handshake is done.
    established: bool,
    /// Its outcome, until the session has it.
    info: Option<Box<Info>>,
    /// Which directions are over.
    ends: Ends,
    /// What the session knows of `ends`.
    reported: Ends,
    /// Not reported yet.
    fault: Option<Fault>,
    /// The connection is lost, or TLS has failed: nothing is sent any more, but for an alert.
    lost: bool,
    /// The peer is to get an alert.
    alert: bool,
    /// close_notify has been encrypted.
    close_notify: bool,
    /// The handshake is not to be done any more: what still comes is dropped.
    given_up: bool,
    /// Since when the socket has released the connection.
    released: Option<Instant>,
    /// An error was reported that turned out to be none: such reports are not waited for any more.
    ignores_errors: bool,
}

/// Which directions of a connection are over.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Ends {
    /// The peer has ended, or nothing can come any more.
    input: bool,
    /// close_notify and FIN are on their way.
    output: bool,
}

/// What the task does next.
enum Outcome {
    /// It waits for the socket, the session or the clock.
    Wait,
    /// It goes on after other tasks.
    Yield,
    /// It waits for the peer to read the alert, then ends.
    Linger,
    /// It ends.
    Done,
}

/// What the session wants.
struct Requests {
    /// How many bytes may be read.
    room: usize,
    /// close_notify and FIN follow now.
    finish: bool,
    gives_up: bool,
    released: bool,
    flush_on_exit: bool,
    reset: bool,
}

impl Driver {
    /// A driver for a connection that is about to begin its handshake. `received`: bytes that came before.
    pub fn new(
        connection: Connection,
        stream: Arc<TcpStream>,
        shared: Arc<SharedSession>,
        remote: SocketAddr,
        received: Vec<u8>,
        limit: Option<TimeLimit>,
    ) -> Self {
        Self {
            connection,
            stream,
            shared,
            remote,
            limit,
            unwritten: Vec::new(),
            unwritten_start: 0,
            batch: VecDeque::new(),
            in_flight: WrittenBytes::default(),
            spent: Vec::new(),
            partial: received,
            plain: Vec::new(),
            first: Vec::new(),
            established: false,
            info: None,
            ends: Ends::default(),
            reported: Ends::default(),
            fault: None,
            lost: false,
            alert: false,
            close_notify: false,
            given_up: false,
            released: None,
            ignores_errors: false,
        }
    }

    /// Runs until both directions have ended, or the socket releases the connection. A panic becomes the socket's error.
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
                        self.on_deadline();
                    }
                }
                Outcome::Yield => tokio::task::yield_now().await,
                Outcome::Linger => return self.linger().await,
                Outcome::Done => return,
            }
            outcome = self.with_scratch(Self::pump);
        }
    }

    /// Works with the thread's buffers. After a panic they are made anew, so that the next connection finds nothing of this one's.
    fn with_scratch(&mut self, work: fn(&mut Self, &mut Scratch) -> Outcome) -> Outcome {
        SCRATCH.with_borrow_mut(|scratch| {
            catch_unwind(AssertUnwindSafe(|| work(self, scratch))).unwrap_or_else(|panic| {
                *scratch = Scratch::new();
                discard_reports();
                resume_unwind(panic)
            })
        })
    }

    /// A client speaks first. A server may have received something already; more than fits is no handshake.
    fn greet(&mut self, scratch: &mut Scratch) -> Outcome {
        let length = self.partial.len().min(scratch.input.len());
        scratch.input[..length].copy_from_slice(&self.partial[..length]);
        self.partial.clear();
        self.process(scratch, length);
        self.pump(scratch)
    }

    fn pump(&mut self, scratch: &mut Scratch) -> Outcome {
        for _ in 0..ROUNDS {
            let requests = self.exchange();
            if requests.reset {
                return Outcome::Done;
            }
            if requests.released && self.released.is_none() {
                self.released = Some(Instant::now());
            }
            if self.lost && self.ends.input {
                return if self.alert { Outcome::Linger } else { Outcome::Done };
            }
            if requests.gives_up && !self.established && !self.lost && !std::mem::replace(&mut self.given_up, true) {
                shut_down(&self.stream);
                self.ends.output = true;
                self.limit = None;
            }
            let mut busy = self.write(scratch, &requests);
            if self.released.is_some() {
                if self.lost || !requests.flush_on_exit || (self.is_idle() && (self.ends.output || !requests.finish)) {
                    return Outcome::Done;
                }
            } else {
                busy |= self.read_up_to(requests.room, scratch);
            }
            let settled = self.ends.output && self.ends.input && !self.has_news();
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
        self.unwritten.is_empty() && self.batch.is_empty()
    }

    fn has_news(&self) -> bool {
        self.ends != self.reported
            || !self.plain.is_empty()
            || self.fault.is_some()
            || self.info.is_some()
            || (self.is_idle() && self.in_flight.bytes > 0)
    }

    /// Reports to the session what has happened, and takes its requests.
    fn exchange(&mut self) -> Requests {
        let mut state = self.shared.state();
        let mut has_news = false;
        if let Some(info) = self.info.take() {
            state.info = Some(info);
            has_news = true;
        }
        if self.established && !self.plain.is_empty() {
            let bytes = self.plain.iter().map(Vec::len).sum();
            for chunk in self.plain.drain(..) {
                append(&mut state.inbound, chunk);
            }
            has_news |= self.shared.queued.fetch_add(bytes, SeqCst) == 0;
        }
        if let Some(fault) = self.fault.take() {
            state.fault = Some(match state.fault.take() {
                Some(first) => first.followed_by(fault),
                None => fault,
            });
            has_news = true;
        }
        (state.ended, state.finished) = (self.ends.input, self.ends.output);
        has_news |= std::mem::replace(&mut self.reported, self.ends) != self.ends;
        if self.is_idle() && self.in_flight.bytes > 0 {
            let WrittenBytes { bytes, of_blobs } = std::mem::take(&mut self.in_flight);
            state.written.bytes += bytes;
            state.written.of_blobs += of_blobs;
            state.spent.append(&mut self.spent);
        }
        if self.established && self.is_idle() && !self.lost {
            std::mem::swap(&mut self.batch, &mut state.outbound);
            state.outbound_len = 0;
        }
        state.is_writing = !self.is_idle() || self.in_flight.bytes > 0;
        let written = state.written.bytes;
        has_news |= written >= NOTIFY_WRITTEN || (written > 0 && self.batch.is_empty());
        has_news |= !self.batch.is_empty() && std::mem::take(&mut state.wants_room);
        let room = self.room();
        let requests = Requests {
            room,
            // Not before the last byte has been taken over.
            finish: state.finish && state.outbound.is_empty(),
            gives_up: state.gives_up,
            released: state.released,
            flush_on_exit: state.flush_on_exit,
            reset: state.reset,
        };
        if has_news {
            notify(state);
        }
        requests
    }

    /// How many bytes may be read before the session has to take some.
    fn room(&self) -> usize {
        let room = || INBOUND.saturating_sub(self.shared.queued.load(SeqCst));
        if room() < LEAST_ROOM {
            self.shared.full.store(true, SeqCst);
            // The session may have taken them meanwhile, without seeing that this task waits.
            if self.shared.queued.load(SeqCst) > INBOUND / 2 {
                return 0;
            }
        }
        self.shared.full.store(false, SeqCst);
        room()
    }

    /// Frees what only a busy connection needs.
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
        if !self.ends.input && !shared.full.load(SeqCst) && self.released.is_none() {
            add(Interest::READABLE);
        }
        if !self.unwritten.is_empty() {
            add(Interest::WRITABLE);
        }
        if !self.lost && !self.ignores_errors {
            add(Interest::ERROR);
        }
        let deadline = match self.released {
            Some(since) => Some(since + EXIT_TIMEOUT),
            None => self.limit.map(|limit| limit.at.into()),
        };
        let mut notified = pin!(shared.wake.notified());
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
        // Where nothing is read, for want of room or after the peer's end, only this shows a loss. tokio reports it again and again
        // until nobody waits for it any more.
        if is_error {
            match stream.take_error() {
                Ok(Some(error)) => self.break_off(Syscall::Read, error),
                _ => self.ignores_errors = true,
            }
        }
        is_late
    }

    /// The handshake's limit has passed, or the time for what was to leave on exit.
    fn on_deadline(&mut self) {
        if self.released.is_some() {
            // What is left will not leave any more.
            self.lost = true;
            self.ends.input = true;
        } else if let Some(limit) = self.limit.take() {
            self.lost = true;
            self.ends.input = true;
            self.fault = Some(Fault::Lost(limit.error(self.remote)));
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
        // Whether the peer has read it or not, the connection ends.
        let _ = timeout(ALERT_TIMEOUT, drain).await;
    }
}

/// Puts a chunk behind the others, or a small one into the last.
fn append(inbound: &mut VecDeque<Vec<u8>>, chunk: Vec<u8>) {
    match inbound.back_mut() {
        Some(last) if chunk.len() <= PLAIN_CHUNK / 16 && last.capacity() - last.len() >= chunk.len() => {
            last.extend_from_slice(&chunk);
            super::session::put_back(chunk);
        }
        _ => inbound.push_back(chunk),
    }
}
