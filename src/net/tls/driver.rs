//! The driver moves the bytes of one TLS connection between the system's socket and the session, in whole records.
//!
//! It runs in one of two places, and works in the same way in both. The [`Wire`] is the difference: the system's socket as that place sees it.
//! - `task.rs`: in a task of the shared tokio runtime, beside the JavaScript thread.
//! - `in_turn.rs`: on the JavaScript thread, in its turns.
//! - `traffic.rs`: reading and writing, in both places.
//! - `direct.rs`: memory of the reader, into which bytes can be decrypted.
//! - `load.rs`: which of the two places suits the connection.
//!
//! The buffers for reading and encrypting belong to the thread on which the driver runs, not to the connection. So an idle connection holds
//! no buffer.

mod direct;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
mod in_turn;
mod load;
mod task;
mod traffic;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use tokio::time::Instant;

pub use self::direct::Direct;
pub use self::in_turn::{InTurn, NextPlace};
use self::load::Load;
pub use self::task::InTask;
use super::connection::{Connection, Info, Output, discard_reports};
use super::fault::Fault;
use super::place::Place;
use super::plain_chunks::{PLAIN_CHUNK, put_back};
use super::shared_session::{SharedSession, WrittenBytes, notify};
use crate::net::deadline::TimeLimit;
use crate::net::endpoint::Endpoint;
use crate::net::errno;
use crate::net::memory::{self, NoMemory};
use crate::net::send_queue::Piece;
use crate::net::syscall::Syscall;

/// The most bytes that one read takes. After each read the system acknowledges, and after each acknowledgement it sends the peer's next
/// segments on this processor. So small reads are expensive: with a quarter of this size a megabyte cost a fifth more. This size still fits
/// into a second-level cache.
const TLS_READ: usize = 256 * 1024;
/// The size of the input buffer in bytes. It has room for one read, and before it for the bytes that are left over from earlier reads: an
/// incomplete record, or a handshake message of several records, which has 64 KiB at most.
const INPUT: usize = TLS_READ + 128 * 1024;
/// The most plain bytes that are encrypted for one write. Above 256 KiB a larger write gains nothing.
const ENCRYPTED_AT_ONCE: usize = 256 * 1024;
/// The driver notifies the session of written bytes when all are written, or when this number of bytes is reached.
const NOTIFY_WRITTEN: u64 = 128 * 1024;
/// The most rounds of reading and writing in a row. After that the other connections on this thread have their turn.
const ROUNDS: usize = 8;
/// How many of the peer's first bytes are kept. If they are not TLS, the error message shows them.
const FIRST_BYTES: usize = 32;

/// The buffers of one thread. Each connection uses them while the thread works on it.
#[derive(Default)]
struct Scratch {
    /// Bytes from the system: [`INPUT`] bytes, or none before the thread's first connection.
    input: Vec<u8>,
    /// Records for the system.
    output: Output,
}

impl Scratch {
    /// Allocates the input buffer, if there is none.
    fn prepare(&mut self) -> Result<(), NoMemory> {
        if self.input.is_empty() {
            self.input = memory::zeros(INPUT)?;
        }
        Ok(())
    }
}

thread_local! {
    /// The scratch memory of this thread of the runtime.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The state of one connection. It does not include the system's socket, the [`Wire`].
pub struct Driver {
    /// rustls's state of the connection.
    connection: Connection,
    /// The state that the driver shares with the session.
    shared: Arc<SharedSession>,
    /// The peer's address, for error messages.
    remote: Endpoint,
    /// The limit for the handshake. `None`: there is no limit, or the handshake is done.
    limit: Option<TimeLimit>,
    /// Records of which the system has not taken all bytes yet.
    unwritten: Vec<u8>,
    /// How many bytes of `unwritten` the system has taken.
    unwritten_start: usize,
    /// Plain bytes that were taken from the session and are not encrypted yet.
    batch: VecDeque<Piece>,
    /// Plain bytes that are encrypted and not reported yet. They are reported as written once `batch` and `unwritten` are empty.
    in_flight: WrittenBytes,
    /// Memory of pieces of `batch` that are encrypted. It goes back to the session.
    spent: Vec<Vec<u8>>,
    /// Received bytes that are not processed yet: the beginning of an incomplete record or handshake message.
    partial: Vec<u8>,
    /// Decrypted bytes that are not passed to the session yet.
    plain: Vec<Vec<u8>>,
    /// The peer's first bytes, at most [`FIRST_BYTES`]. Empty once the handshake is done.
    first: Vec<u8>,
    /// True once the handshake is done.
    established: bool,
    /// What the handshake has agreed on. `None`: the handshake is not done, or the session has it.
    info: Option<Box<Info>>,
    /// Which directions have ended.
    ends: Ends,
    /// The value of `ends` that was last reported to the session.
    reported: Ends,
    /// How the connection failed. `None`: it has not failed, or the session has the fault.
    fault: Option<Fault>,
    /// True: the connection is lost, or TLS has failed. Nothing is sent any more except an alert.
    lost: bool,
    /// True: TLS has failed, and the peer gets an alert.
    alert: bool,
    /// True once close_notify is encrypted.
    close_notify: bool,
    /// True: the socket has given up the unfinished handshake. Bytes that still arrive are dropped.
    given_up: bool,
    /// When the driver saw that the socket has released the connection. `None`: it has not.
    released: Option<Instant>,
    /// Whether much is moved.
    load: Load,
}

/// Which directions of a connection have ended.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Ends {
    /// True: the peer has ended its direction, or no more bytes can be received.
    input: bool,
    /// True: close_notify and FIN are sent, or FIN alone for a handshake that was given up.
    output: bool,
}

/// The system's socket, as the place where the driver runs sees it. Its calls do not block.
trait Wire {
    /// Reads once.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes once.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Sends FIN.
    fn shut_down(&mut self);
}

/// What follows after the driver has worked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It waits until the system's socket is ready, the session has something for it or the time limit is over.
    Wait,
    /// It lets other connections have their turn, and then goes on.
    Yield,
    /// It waits until the peer has had time to read the alert, and then ends.
    Linger,
    /// It ends.
    Done,
}

/// What the session has asked the driver to do.
struct Requests {
    /// How many bytes may be read now.
    room: usize,
    /// True: all sent bytes were taken from the session, and close_notify and FIN follow them.
    finish: bool,
    /// True: if the handshake is not done, it is not needed any more.
    gives_up: bool,
    /// True: the socket has released the connection.
    released: bool,
    /// True: the environment ends, and sent bytes are still to be written.
    flush_on_exit: bool,
    /// True: the connection ends with RST.
    reset: bool,
}

impl Driver {
    /// A driver for a connection whose handshake has not begun. `received` is the bytes that the socket has read already.
    pub fn new(
        connection: Connection,
        shared: Arc<SharedSession>,
        remote: Endpoint,
        received: Vec<u8>,
        limit: Option<TimeLimit>,
    ) -> Self {
        Self {
            connection,
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
            load: Load::default(),
        }
    }

    /// Calls `work` with the thread's buffers. If there is no memory for them, the connection is lost. After a panic it replaces them by new
    /// ones, so that the next connection finds no bytes of this one.
    fn with_scratch(&mut self, work: impl FnOnce(&mut Self, &mut Scratch) -> Outcome) -> Outcome {
        SCRATCH.with_borrow_mut(|scratch| {
            if scratch.prepare().is_err() {
                self.break_off(Syscall::Read, errno::no_buffers());
                self.ends.input = true;
            }
            catch_unwind(AssertUnwindSafe(|| work(self, scratch))).unwrap_or_else(|panic| {
                *scratch = Scratch::default();
                discard_reports();
                resume_unwind(panic)
            })
        })
    }

    /// Begins the handshake. A client sends its hello. A server processes the bytes that were received before. Bytes that do not fit into the
    /// input buffer are dropped; no handshake is that long.
    fn greet(&mut self, wire: &mut dyn Wire, scratch: &mut Scratch) -> Outcome {
        if self.lost {
            return self.pump(wire, scratch, &mut Direct::none());
        }
        let length = self.partial.len().min(scratch.input.len());
        scratch.input[..length].copy_from_slice(&self.partial[..length]);
        self.partial.clear();
        self.process(wire, scratch, &mut Direct::none(), length);
        self.pump(wire, scratch, &mut Direct::none())
    }

    /// Exchanges reports and requests with the session, writes and reads, until nothing more can be done now. At most [`ROUNDS`] rounds. Bytes
    /// for which `direct` has room are decrypted into it, and do not go to the session.
    fn pump(&mut self, wire: &mut dyn Wire, scratch: &mut Scratch, direct: &mut Direct<'_, '_>) -> Outcome {
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
                wire.shut_down();
                self.ends.output = true;
                self.limit = None;
            }
            let mut busy = self.write(wire, scratch, &requests);
            if self.released.is_some() {
                if self.lost || !requests.flush_on_exit || (self.is_idle() && (self.ends.output || !requests.finish)) {
                    return Outcome::Done;
                }
            } else {
                busy |= self.read_up_to(wire, requests.room, scratch, direct);
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

    /// Whether no bytes wait to be encrypted or written.
    fn is_idle(&self) -> bool {
        self.unwritten.is_empty() && self.batch.is_empty()
    }

    /// Whether something has happened that the session does not know yet.
    fn has_news(&self) -> bool {
        self.ends != self.reported
            || !self.plain.is_empty()
            || self.fault.is_some()
            || self.info.is_some()
            || (self.is_idle() && self.in_flight.bytes > 0)
    }

    /// Reports to the session what has happened, and returns its requests.
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
            has_news |= self.shared.room.add(bytes);
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
        let room = self.shared.room.room();
        let requests = Requests {
            room,
            // close_notify follows only when the last byte was taken from the session.
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

    /// Whether the JavaScript thread is the better place for the driver. It never is during the handshake.
    fn suits_turn(&self) -> bool {
        let is_sound = self.established && !self.lost && !self.given_up && self.released.is_none();
        let is_better = match self.shared.place {
            Place::Turn => true,
            Place::Task => false,
            Place::Both => self.load.is_small(),
        };
        // What is to be written is written first: if the process ends, only a task can still do that.
        is_sound && is_better && self.is_idle()
    }

    /// Whether a task is the better place for the driver.
    fn suits_task(&self) -> bool {
        self.shared.place == Place::Both && self.load.is_bulk()
    }

    /// Frees memory that an idle connection does not need.
    fn rest(&mut self) {
        if self.partial.is_empty() {
            self.partial = Vec::new();
        }
        if self.plain.is_empty() {
            self.plain = Vec::new();
        }
    }

    /// A time limit is over: the limit for the handshake, or the time for writing after the environment has ended.
    fn on_deadline(&mut self) {
        if self.released.is_some() {
            // The bytes that are still unwritten are dropped.
            self.lost = true;
            self.ends.input = true;
        } else if let Some(limit) = self.limit.take() {
            self.lost = true;
            self.ends.input = true;
            self.fault = Some(Fault::Lost(limit.error(self.remote.clone())));
        }
    }
}

/// Appends a chunk to `inbound`. A small chunk is copied into the last one if that has room.
fn append(inbound: &mut VecDeque<Vec<u8>>, chunk: Vec<u8>) {
    match inbound.back_mut() {
        Some(last) if chunk.len() <= PLAIN_CHUNK / 16 && last.capacity() - last.len() >= chunk.len() => {
            last.extend_from_slice(&chunk);
            put_back(chunk);
        }
        _ => inbound.push_back(chunk),
    }
}
