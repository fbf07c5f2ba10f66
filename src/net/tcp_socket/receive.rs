//! The receiving half of a TCP socket: what has become of the attempt, bytes, the peer's end, a loss.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Instant;

use super::TcpSocket;
use crate::net::Id;
use crate::net::blocks::Filled;
use crate::net::context::Context;
use crate::net::event::{EventKind, Payload};
use crate::net::memory::{self, NoMemory};
use crate::net::sizes::READ_SIZE;
use crate::net::step::Step;
use crate::net::syscall::Syscall;
use crate::net::transport::{Attempt, Failure};

/// A read this large is likely followed by another: then the next goes straight into the engine's memory.
const BULK_READ: usize = READ_SIZE / 4;

/// Bytes that are read for another socket are written at once: 256 KiB a call is where more gains nothing.
const RELAY_READ: usize = 256 * 1024;

/// What reading has come to.
#[derive(Default)]
pub(super) struct Receiving {
    /// The last read was a large one.
    is_bulk: bool,
    /// What one large read gave beyond the current message (R-listen: 256 KiB at most).
    held: VecDeque<Filled>,
    /// How many blocks this turn has emitted.
    pub blocks_filled: usize,
}

impl Receiving {
    /// Whether something was read that has not been emitted.
    pub fn has_held(&self) -> bool {
        !self.held.is_empty()
    }
}

/// What one read gave.
pub(super) enum Reading {
    /// Bytes.
    Message(Payload),
    /// The machine has changed, or there are held bytes.
    Changed,
    /// So many blocks must be lent first.
    NeedsBlocks(usize),
    /// Nothing.
    Nothing,
}

impl TcpSocket {
    /// Looks what has become of the attempt.
    pub(super) fn look_at_attempt(&mut self, id: Id, context: &mut Context) {
        match self.transport.attempt(id, context) {
            Attempt::UnderWay => {}
            Attempt::Established { local } => {
                if let Some(local) = local {
                    self.local = local;
                }
                if !self.begin_tls(id, context) {
                    self.machine.connected();
                }
            }
            Attempt::EstablishedAndLost(failure) => {
                // `open` comes first, and what was received.
                self.machine.connected();
                self.lost(failure);
            }
            Attempt::Failed(failure) => self.lost(failure),
        }
    }

    /// A loss, and an end with no byte before it, are noticed also where nobody reads (R-tcp-message).
    pub(super) fn look_for_end(&mut self) {
        if self.machine.is_faulty() {
            return;
        }
        // What the system received before it can still be read (R-tcp-lost).
        if let Some(failure) = self.transport.take_error() {
            return self.lost(failure);
        }
        if self.transport.may_have_ended() && !self.receiving.has_held() && self.machine.peer_may_send() {
            let is_reading = self.machine.wants_data() || self.machine.drops_data();
            match self.transport.peek_end(is_reading) {
                Ok(true) => self.machine.peer_ended(),
                Ok(false) => {}
                Err(failure) => self.lost(failure),
            }
        }
    }

    pub(super) fn lost(&mut self, failure: Failure) {
        self.machine.lost(failure.at(self.remote));
    }

    /// Whether there are bytes that came before a loss, for somebody who is to get them.
    pub(super) fn has_unread(&mut self) -> bool {
        self.machine.is_faulty() && (self.receiving.has_held() || !self.is_cut && self.transport.has_unread())
    }

    /// The next message of what a large read gave. The last one may end the socket's share of the turn.
    pub(super) fn next_held(&mut self, context: &Context) -> Option<Step> {
        let Filled { block, len } = self.receiving.held.pop_front()?;
        self.receiving.blocks_filled += 1;
        let message = EventKind::Message(Payload::Block { number: block.number(), len });
        let reads_on = self.transport.is_readable() && self.receiving.is_bulk;
        let goes_on =
            self.receiving.has_held() || reads_on && context.blocks.may_fill_more(self.receiving.blocks_filled);
        Some(if goes_on { Step::Event(message) } else { Step::Read(message) })
    }

    /// Drops what a large read gave: nobody is to get it.
    pub fn drop_held(&mut self, context: &mut Context) {
        for filled in self.receiving.held.drain(..) {
            context.blocks.hand_back(filled);
        }
    }

    /// Memory for what a large read gave and was not emitted.
    pub fn room_for_held(&self) -> Result<Vec<u8>, NoMemory> {
        memory::vec(self.receiving.held.iter().map(|filled| filled.len).sum())
    }

    /// Appends that to `bytes`, which has room for it.
    pub(super) fn take_held(&mut self, bytes: &mut Vec<u8>, context: &mut Context) {
        for mut filled in self.receiving.held.drain(..) {
            bytes.extend_from_slice(&filled.block.as_mut_slice()[..filled.len]);
            context.blocks.hand_back(filled);
        }
    }

    pub(super) fn read(&mut self, context: &mut Context) -> Reading {
        let filled = self.receiving.blocks_filled;
        let in_blocks = self.receiving.is_bulk && self.relay.is_none() && !context.blocks.are_refused();
        let read = if in_blocks {
            if let Some(missing) = context.blocks.missing(filled) {
                return Reading::NeedsBlocks(missing);
            }
            self.transport.read_blocks(context.blocks.next(filled), &mut context.pending_wakes)
        } else {
            let size = if self.relay.is_some() { RELAY_READ } else { READ_SIZE };
            self.transport.read(&mut context.buffer[..size], &mut context.pending_wakes)
        };
        match read {
            Ok(0) => {
                if !self.machine.is_faulty() {
                    self.machine.peer_ended();
                }
                Reading::Changed
            }
            Ok(len) => {
                self.receiving.is_bulk = len >= BULK_READ;
                if in_blocks {
                    context.blocks.take_filled(filled, len, &mut self.receiving.held);
                    Reading::Changed
                } else {
                    Reading::Message(Payload::ReadBuffer { start: 0, len })
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if self.machine.is_faulty() {
                    Reading::Changed
                } else {
                    Reading::Nothing
                }
            }
            Err(error) => {
                self.lost(Failure { syscall: Syscall::Read, error });
                Reading::Changed
            }
        }
    }

    /// After close(): what still comes is read and dropped. Returns whether the machine has changed.
    pub(super) fn drop_bytes(&mut self, context: &mut Context) -> bool {
        let discarded = self.transport.discard(&mut context.buffer[..READ_SIZE], &mut context.pending_wakes);
        if discarded.any
            && let Some(linger) = &mut self.linger
        {
            linger.last_bytes = Instant::now();
        }
        match discarded.end {
            None => return false,
            Some(Ok(())) => self.machine.peer_ended(),
            Some(Err(failure)) => self.lost(failure),
        }
        true
    }
}
