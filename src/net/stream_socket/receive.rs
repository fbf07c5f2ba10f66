//! The receiving half of a stream socket: the result of the connection attempt, received bytes, the peer's end, a loss.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use super::StreamSocket;
use super::framing::Frames;
use super::returned::Returned;
use crate::net::Id;
use crate::net::blocks::Filled;
use crate::net::context::Context;
use crate::net::event::{EventKind, Payload};
use crate::net::memory::{self, NoMemory};
use crate::net::sizes::READ_SIZE;
use crate::net::step::Step;
use crate::net::syscall::Syscall;
use crate::net::transport::{Attempt, Failure};
use crate::proto::Framing;

/// After a read of at least this many bytes, more are likely to follow. Then the next read goes straight into the engine's memory.
const BULK_READ: usize = READ_SIZE / 4;

/// The most bytes of one read for the other socket of a relay, which writes them at once. Larger calls gain nothing.
const RELAY_READ: usize = 256 * 1024;

/// The state of reading.
#[derive(Default)]
pub(super) struct Receiving {
    /// True if the last read was at least `BULK_READ` bytes long.
    pub(super) is_bulk: bool,
    /// Blocks that one large read has filled and that are not emitted yet: 256 KiB at most (R-listen).
    held: VecDeque<Filled>,
    /// Bytes that the program has given back. They come before `held`. `None`: there are none.
    pub(super) returned: Option<Box<Returned>>,
    /// Bytes that are to become frames. `None`: the option `framing` is not set.
    pub(super) frames: Option<Box<Frames>>,
    /// How many blocks this socket has emitted in this turn, or read directly: 64 KiB, or a rest, is one.
    pub blocks_filled: usize,
    /// How many bytes were emitted, or passed on to the other socket of a relay.
    pub delivered: u64,
}

impl Receiving {
    /// The state of a socket that has read nothing.
    pub fn new(framing: Option<&Arc<Framing>>) -> Self {
        Self { frames: framing.map(|framing| Box::new(Frames::new(Arc::clone(framing)))), ..Self::default() }
    }

    /// Whether returned bytes, filled blocks or frames wait to be emitted.
    pub fn has_held(&self) -> bool {
        !self.held.is_empty() || self.returned.is_some() || self.frames.as_ref().is_some_and(|frames| frames.is_ready())
    }

    /// Whether bytes that were read wait, also those of an unfinished frame.
    fn has_bytes(&self) -> bool {
        self.has_held() || self.frames.as_ref().is_some_and(|frames| frames.has_bytes())
    }

    /// A new turn begins for this socket.
    pub fn begin_turn(&mut self) {
        self.blocks_filled = 0;
        if let Some(frames) = &mut self.frames {
            frames.renew();
        }
    }
}

/// The result of one read.
pub(super) enum Reading {
    /// So many bytes, for an event.
    Message(Payload, usize),
    /// The machine's state has changed, or blocks were filled. The caller looks again for an event.
    Changed,
    /// This many blocks must be lent before the read.
    NeedsBlocks(usize),
    /// There was nothing to read.
    Nothing,
}

impl StreamSocket {
    /// Checks the result of the connection attempt.
    pub(super) fn look_at_attempt(&mut self, id: Id, context: &mut Context) {
        match self.transport.attempt(id, context) {
            Attempt::UnderWay => {}
            Attempt::Established { local } => {
                if let Some(local) = local {
                    self.local = local.into();
                }
                if !self.begin_tls(id, context) {
                    self.machine.connected();
                }
            }
            Attempt::EstablishedAndLost(failure) => {
                // `open` and the bytes that were received are emitted before the loss.
                self.machine.connected();
                self.lost(failure);
            }
            Attempt::Failed(failure) => self.lost(failure),
        }
    }

    /// Detects a loss, and the peer's end if no byte comes before it. This works even if no listener reads the bytes (R-tcp-message).
    pub(super) fn look_for_end(&mut self) {
        if self.machine.is_faulty() {
            return;
        }
        // Bytes that the system received before the error can still be read (R-tcp-lost).
        if let Some(failure) = self.transport.take_error() {
            return self.lost(failure);
        }
        if self.transport.may_have_ended() && !self.receiving.has_bytes() && self.machine.peer_may_send() {
            let is_reading = self.machine.wants_data() || self.machine.drops_data();
            match self.transport.peek_end(is_reading) {
                Ok(true) => self.machine.peer_ended(),
                Ok(false) => {}
                Err(failure) => self.lost(failure),
            }
        }
    }

    pub(super) fn lost(&mut self, failure: Failure) {
        self.machine.lost(failure.at(self.remote.clone()));
    }

    /// Whether the connection is lost and bytes that came before the loss are still to be read.
    pub(super) fn has_unread(&mut self) -> bool {
        self.machine.is_faulty() && (self.receiving.has_held() || !self.is_cut && self.transport.has_unread())
    }

    /// Takes the next returned bytes, frame or filled block as a message. The last message may end the socket's part in this turn.
    pub(super) fn next_held(&mut self, context: &mut Context) -> Option<Step> {
        if let Some(message) = self.next_returned(context) {
            // The step after the last ones looks for the peer's end, which may be due now.
            return Some(if self.receiving.returned.is_some() { Step::Read(message) } else { Step::Event(message) });
        }
        if self.receiving.frames.is_some() {
            return self.next_frame(context);
        }
        let Filled { block, len } = self.receiving.held.pop_front()?;
        self.receiving.blocks_filled += 1;
        self.receiving.delivered += len as u64;
        let message = EventKind::Message(Payload::Block { number: block.number(), len });
        let reads_on = self.transport.is_readable() && self.receiving.is_bulk;
        let goes_on =
            self.receiving.has_held() || reads_on && context.blocks.may_fill_more(self.receiving.blocks_filled);
        Some(if goes_on { Step::Event(message) } else { Step::Read(message) })
    }

    /// Drops the returned bytes, the frames and the filled blocks, since no listener will get their bytes.
    pub fn drop_held(&mut self, context: &mut Context) {
        self.drop_returned();
        if let Some(frames) = &mut self.receiving.frames {
            frames.clear();
        }
        for filled in self.receiving.held.drain(..) {
            context.blocks.hand_back(filled);
        }
    }

    /// Allocates memory for the returned bytes, those of frames and those of all filled blocks.
    pub fn room_for_held(&self) -> Result<Vec<u8>, NoMemory> {
        let returned = self.receiving.returned.as_ref().map_or(0, |returned| returned.len());
        let framed = self.receiving.frames.as_ref().map_or(0, |frames| frames.waiting().len());
        memory::vec(returned + framed + self.receiving.held.iter().map(|filled| filled.len).sum::<usize>())
    }

    /// Moves the returned bytes, those of frames and those of all filled blocks to the end of `bytes`, which has room for them.
    pub(super) fn take_held(&mut self, bytes: &mut Vec<u8>, context: &mut Context) {
        self.take_returned(bytes);
        if let Some(frames) = &mut self.receiving.frames {
            bytes.extend_from_slice(frames.waiting());
            frames.clear();
        }
        for mut filled in self.receiving.held.drain(..) {
            bytes.extend_from_slice(&filled.block.as_mut_slice()[..filled.len]);
            context.blocks.hand_back(filled);
        }
    }

    /// Reads once: into blocks if much is likely to come, otherwise into the environment's read buffer.
    pub(super) fn read(&mut self, context: &mut Context) -> Reading {
        let filled = self.receiving.blocks_filled;
        let in_blocks = self.receiving.is_bulk
            && self.relay.is_none()
            && self.receiving.frames.is_none()
            && !context.blocks.are_refused()
            && self.transport.fills_block(READ_SIZE);
        let read = if in_blocks {
            if let Some(missing) = context.blocks.missing(filled) {
                return Reading::NeedsBlocks(missing);
            }
            self.transport.read_blocks(context.blocks.next(filled), &mut context.pending_wakes)
        } else {
            let size = if self.relay.is_some() { RELAY_READ } else { READ_SIZE };
            self.transport.read(&mut context.buffer[..size], &mut context.pending_wakes)
        };
        match self.after_read(read) {
            Ok(len) if in_blocks => {
                context.blocks.take_filled(filled, len, &mut self.receiving.held);
                Reading::Changed
            }
            Ok(len) if self.receiving.frames.is_some() => self.frame(len, context),
            Ok(len) => Reading::Message(Payload::ReadBuffer { start: 0, len }, len),
            Err(reading) => reading,
        }
    }

    /// Takes the result of a read. Returns how many bytes were read, at least one. Without bytes it returns what that means.
    pub(super) fn after_read(&mut self, read: io::Result<usize>) -> Result<usize, Reading> {
        match read {
            Ok(0) => {
                if !self.machine.is_faulty() && self.end_frames() {
                    self.machine.peer_ended();
                }
                Err(Reading::Changed)
            }
            Ok(len) => {
                self.note_activity();
                self.receiving.is_bulk = len >= BULK_READ;
                Ok(len)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err(if self.machine.is_faulty() { Reading::Changed } else { Reading::Nothing })
            }
            Err(error) => {
                self.lost(Failure { syscall: Syscall::Read, error });
                Err(Reading::Changed)
            }
        }
    }

    /// After close(): reads the bytes that still come, and drops them. Returns whether the machine's state has changed.
    pub(super) fn drop_bytes(&mut self, context: &mut Context) -> bool {
        let discarded = self.transport.discard(&mut context.buffer[..READ_SIZE], &mut context.pending_wakes);
        if discarded.any {
            self.note_activity();
            if let Some(linger) = &mut self.linger {
                linger.last_bytes = Instant::now();
            }
        }
        match discarded.end {
            None => return false,
            Some(Ok(())) => self.machine.peer_ended(),
            Some(Err(failure)) => self.lost(failure),
        }
        true
    }
}
