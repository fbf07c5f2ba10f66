//! relay() below one of its two sockets: what comes in is read for the other, what comes from the other is written (R-relay).

use super::{DIRECT_WRITE, TcpSocket};
use crate::net::Id;
use crate::net::context::Context;

/// With this much waiting to be written, nothing more is read from the other socket.
const BOUND: u64 = 256 * 1024;

/// What one socket of a relay has to tell the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// There is room for more again.
    Room,
    /// The peer has ended: FIN follows.
    Ended,
    /// FIN has gone out.
    Passed,
    /// close().
    Closed,
    /// Lost, or reset().
    Reset,
}

/// What a relayed socket has beside.
pub(super) struct Relay {
    /// The other socket.
    other: Id,
    /// The other socket has enough to write: nothing is read.
    pub(super) held_up: bool,
    /// The other socket waits for room here.
    full: bool,
    end_passed: bool,
    /// The other socket has been told that this is over.
    over: bool,
    /// Bytes that came from the other socket.
    taken: u64,
}

impl TcpSocket {
    /// relay(): this socket's part of it. What was sent before leaves first, by its place in the queue. Returns what was read
    /// and not yet told.
    pub fn begin_relay(&mut self, other: Id, id: Id, context: &mut Context) -> Vec<u8> {
        self.machine.relay();
        let mut held = Vec::new();
        for mut filled in self.held.drain(..) {
            held.extend_from_slice(&filled.block.as_mut_slice()[..filled.len]);
            context.blocks.hand_back(filled);
        }
        self.relay =
            Some(Box::new(Relay { other, held_up: false, full: false, end_passed: false, over: false, taken: 0 }));
        self.schedule(id, context);
        held
    }

    /// Whether bytes that have come may be read: for a listener, or for the other socket, where that has room.
    pub(super) fn may_read(&self) -> bool {
        self.machine.wants_data() && self.relay.as_ref().is_none_or(|relay| !relay.held_up)
    }

    /// Whom what is read is for.
    pub fn relayed_to(&self) -> Option<Id> {
        self.relay.as_ref().map(|relay| relay.other)
    }

    /// Bytes from the other socket. Returns whether there is room for more.
    pub fn take_relayed(&mut self, data: &[u8], id: Id, context: &mut Context) -> bool {
        if !self.machine.can_write() {
            // It is lost, and that is about to be told.
            return true;
        }
        self.machine.ledger.accept(data.len() as u64);
        let mut rest = data;
        if data.len() >= DIRECT_WRITE && !self.queue.has_blob() {
            rest = &data[self.write(data, usize::MAX, id, context)..];
        }
        self.queue.push(rest, &mut context.pool);
        self.mark_dirty(id, context);
        let Some(relay) = &mut self.relay else { return true };
        relay.taken += data.len() as u64;
        relay.full = self.machine.ledger.unwritten() >= BOUND;
        !relay.full
    }

    /// The other socket has no room.
    pub fn hold_up(&mut self) {
        if let Some(relay) = &mut self.relay {
            relay.held_up = true;
        }
    }

    /// What the other socket has to tell.
    pub fn on_note(&mut self, note: Note, id: Id, context: &mut Context) {
        match note {
            Note::Room => {
                if let Some(relay) = &mut self.relay {
                    relay.held_up = false;
                }
                self.schedule(id, context);
            }
            Note::Ended => {
                self.machine.pass_end();
                self.mark_dirty(id, context);
            }
            Note::Passed => {
                self.machine.end_passed();
                self.schedule(id, context);
            }
            Note::Closed => self.close(id, context),
            Note::Reset => self.reset(id, context),
        }
    }

    /// After a step: the peer's end is passed on.
    pub(super) fn pass_end_on(&mut self, context: &mut Context) {
        if let Some(relay) = &mut self.relay
            && !relay.end_passed
            && self.machine.has_ended()
        {
            relay.end_passed = true;
            context.notes.push((relay.other, Note::Ended));
        }
    }

    /// FIN has gone out: the other socket's peer has ended, and everything has been passed on.
    pub(super) fn tell_end_passed(&mut self, context: &mut Context) {
        if let Some(relay) = &self.relay {
            context.notes.push((relay.other, Note::Passed));
        }
    }

    /// After a flush: the other socket may go on.
    pub(super) fn offer_room(&mut self, context: &mut Context) {
        if let Some(relay) = &mut self.relay
            && relay.full
            && self.machine.ledger.unwritten() < BOUND / 2
        {
            relay.full = false;
            context.notes.push((relay.other, Note::Room));
        }
    }

    /// This socket is over: so is the other.
    pub fn end_relay(&mut self, note: Note, context: &mut Context) {
        if let Some(relay) = &mut self.relay
            && !std::mem::replace(&mut relay.over, true)
        {
            context.notes.push((relay.other, note));
        }
    }

    /// Bytes from the other socket that the system has got: for the last event but one.
    pub(super) fn relayed(&mut self) -> Option<u64> {
        let relay = self.relay.take()?;
        Some(relay.taken.saturating_sub(self.machine.ledger.unwritten()))
    }
}
