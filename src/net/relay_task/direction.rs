//! One direction of a relay: it moves bytes from one connection to the other.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::Interest;

use crate::net::errno;
use crate::net::memory::{self, NoMemory};
use crate::net::send_queue::{Pool, SendQueue};
use crate::net::stream_handle::{TaskStream, one_write, shut_down};
use crate::net::sys::{self, Pipe};
use crate::net::syscall::Syscall;

/// The most bytes that one direction moves before other tasks run.
const MOVED_AT_ONCE: usize = 1024 * 1024;
/// The size in bytes of the buffer for copied bytes. Each thread has one.
const COPY_BUFFER: usize = 128 * 1024;
/// After a read of at least this many bytes, more are likely to follow. Then the kernel moves the next bytes through a pipe.
const BULK_COPY: usize = 16 * 1024;

thread_local! {
    /// The buffer for copied bytes: [`COPY_BUFFER`] bytes, or none before the thread's first relay.
    static COPIED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One direction.
pub struct Direction {
    /// The side whose bytes are read: 0 or 1.
    pub from: usize,
    /// The side to which the bytes are written.
    pub to: usize,
    /// Bytes that were sent to that side before relay(). They are written first.
    first: SendQueue,
    /// How many bytes of `first` are still to be written.
    first_left: u64,
    /// Takes the memory of `first` when its bytes are written.
    pool: Pool,
    /// Bytes that were read and did not fit into a write at once.
    left: Vec<u8>,
    /// How many bytes of `left` have been written since.
    start: usize,
    /// The pipe through which the kernel moves bytes. `None`: bytes are copied.
    pipe: Option<Pipe>,
    /// How many bytes are in the pipe.
    in_pipe: usize,
    /// True if the last read was at least `BULK_COPY` bytes long.
    bulk: bool,
    /// How many bytes were read so far. Only the difference of two values is meaningful.
    taken: u64,
    /// True once the side that is read has ended.
    ended: bool,
    /// What the direction waits for.
    phase: Phase,
}

/// What a direction waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It waits for bytes from the side that is read.
    AwaitsBytes,
    /// It waits for room on the side that is written.
    AwaitsRoom,
    /// The end was passed on, and nothing is left to do.
    Done,
}

/// Whether [`Direction::pump`] can go on at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pumped {
    /// It can, since there may be more bytes to move.
    More,
    /// It has to wait, or it is done.
    Waits,
}

/// The loss of a connection.
pub struct Loss {
    /// The side whose connection is lost: 0 or 1.
    pub side: usize,
    /// The call that failed.
    pub syscall: Syscall,
    /// The system's error.
    pub error: io::Error,
}

impl Direction {
    pub fn new(from: usize, to: usize, first: SendQueue) -> Self {
        let first_left = first.bytes();
        Self {
            from,
            to,
            first,
            first_left,
            pool: Pool::default(),
            left: Vec::new(),
            start: 0,
            pipe: None,
            in_pipe: 0,
            bulk: false,
            taken: 0,
            ended: false,
            phase: Phase::AwaitsBytes,
        }
    }

    /// How many bytes that were sent before relay() the system has not taken yet.
    pub fn first_left(&self) -> u64 {
        self.first_left
    }

    /// How many bytes were read so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    pub fn awaits_bytes(&self) -> bool {
        self.phase == Phase::AwaitsBytes
    }

    pub fn awaits_room(&self) -> bool {
        self.phase == Phase::AwaitsRoom
    }

    /// Takes the bytes that are still to be written, once the relay is over.
    pub fn take_left(&mut self) -> Result<Vec<u8>, NoMemory> {
        let waiting = usize::try_from(self.first.bytes()).unwrap_or(usize::MAX);
        let mut left = memory::vec(waiting.saturating_add(self.left.len() - self.start + self.in_pipe))?;
        while self.first.is_ready() {
            let mut slices = Vec::new();
            self.first.slices(&[], &mut slices);
            let before = left.len();
            slices.iter().for_each(|slice| left.extend_from_slice(slice));
            self.first.consume(left.len() - before, &mut self.pool);
        }
        left.extend_from_slice(&self.left[self.start..]);
        if let Some(pipe) = &self.pipe {
            pipe.read_rest(self.in_pipe, &mut left);
        }
        self.in_pipe = 0;
        Ok(left)
    }

    /// Moves the bytes that can be moved. Adds to `passed` the number of bytes from the other side that were written.
    pub fn pump(&mut self, streams: &[Arc<TaskStream>], passed: &AtomicU64) -> Result<Pumped, Loss> {
        if self.is_done() {
            return Ok(Pumped::Waits);
        }
        let [Some(from), Some(to)] = [streams.get(self.from), streams.get(self.to)] else { return Ok(Pumped::Waits) };
        let mut moved = 0;
        loop {
            match self.write(to) {
                Ok(written) => {
                    moved += written;
                    passed.fetch_add(written as u64, Ordering::Relaxed);
                }
                Err(error) => return self.waits_or_broke(Phase::AwaitsRoom, self.to, Syscall::Write, error),
            }
            if self.has_left() {
                continue;
            }
            if self.ended {
                self.phase = Phase::Done;
                self.release_pipe();
                shut_down(&**to);
                return Ok(Pumped::Waits);
            }
            if moved >= MOVED_AT_ONCE {
                return Ok(Pumped::More);
            }
            match self.read(from, to, passed) {
                Ok(0) => self.ended = true,
                Ok(read) => {
                    self.taken = self.taken.wrapping_add(read as u64);
                    self.bulk = read >= BULK_COPY;
                    moved += 1;
                }
                Err(error) => return self.waits_or_broke(Phase::AwaitsBytes, self.from, Syscall::Read, error),
            }
        }
    }

    /// A call failed: waits in `phase` if it would have blocked, and otherwise returns the loss.
    fn waits_or_broke(
        &mut self,
        phase: Phase,
        side: usize,
        syscall: Syscall,
        error: io::Error,
    ) -> Result<Pumped, Loss> {
        match error.kind() {
            ErrorKind::WouldBlock => {
                self.phase = phase;
                if !self.has_left() {
                    self.release_pipe();
                }
                Ok(Pumped::Waits)
            }
            ErrorKind::Interrupted => Ok(Pumped::More),
            _ => Err(Loss { side, syscall, error }),
        }
    }

    fn has_left(&self) -> bool {
        self.first_left > 0 || self.start < self.left.len() || self.in_pipe > 0
    }

    /// Writes some of the bytes that wait. Returns how many of them came from the other side: 0 if they were sent before relay().
    fn write(&mut self, to: &TaskStream) -> io::Result<usize> {
        if self.first_left > 0 {
            let mut slices: Vec<IoSlice<'_>> = Vec::new();
            self.first.slices(&[], &mut slices);
            let written = to.try_write_vectored(&slices)?;
            drop(slices);
            self.first.consume(written, &mut self.pool);
            self.first_left -= written as u64;
            return Ok(0);
        }
        if self.start < self.left.len() {
            let written = to.try_write(one_write(&self.left[self.start..]))?;
            self.start += written;
            if self.start == self.left.len() {
                (self.left, self.start) = (Vec::new(), 0);
            }
            return Ok(written);
        }
        match &self.pipe {
            Some(pipe) if self.in_pipe > 0 => {
                let written = to.try_io(Interest::WRITABLE, || pipe.empty_into(to, self.in_pipe))?;
                self.in_pipe -= written;
                Ok(written)
            }
            _ => Ok(0),
        }
    }

    /// Reads once. In bulk, the bytes go into the pipe. Otherwise they go through the buffer, and are written at once as far as they fit.
    fn read(&mut self, from: &TaskStream, to: &TaskStream, passed: &AtomicU64) -> io::Result<usize> {
        if self.bulk && self.pipe.is_none() {
            self.pipe = sys::take_pipe();
        }
        if let Some(pipe) = &self.pipe {
            let read = from.try_io(Interest::READABLE, || pipe.fill_from(from))?;
            self.in_pipe = read;
            return Ok(read);
        }
        COPIED.with_borrow_mut(|buffer| {
            if buffer.is_empty() {
                *buffer = memory::zeros(COPY_BUFFER).map_err(|_| errno::no_buffers())?;
            }
            let read = from.try_read(buffer)?;
            // Bytes that do not fit now wait in `left`. If the write failed because of a loss, the next write shows it.
            let written = if read > 0 { to.try_write(&buffer[..read]).unwrap_or(0) } else { 0 };
            passed.fetch_add(written as u64, Ordering::Relaxed);
            memory::append(&mut self.left, &buffer[written..read]).map_err(|_| errno::no_buffers())?;
            Ok(read)
        })
    }

    fn release_pipe(&mut self) {
        if self.in_pipe == 0
            && let Some(pipe) = self.pipe.take()
        {
            sys::put_back_pipe(pipe);
        }
    }
}
