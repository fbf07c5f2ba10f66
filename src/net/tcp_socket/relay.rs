//! relay() below one of its two sockets: what comes in is read for the other, what comes from the other is written (R-relay).

use mio::Interest;
use mio::net::TcpStream;

use super::TcpSocket;
use crate::net::context::Context;
use crate::net::memory::{self, NoMemory};
use crate::net::relay_task::{End, Handle, Lent};
use crate::net::syscall::Syscall;
use crate::net::{Id, SocketError};

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
    /// Lost.
    Lost,
    /// reset().
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
    /// The other socket has been told that this is over, and how.
    over: Option<Note>,
    /// Bytes that came from the other socket.
    taken: u64,
    /// The connection is a task's.
    task: Option<Handle>,
    /// Bytes that the task has passed on.
    passed: u64,
}

impl TcpSocket {
    /// relay(): this socket's part of it. What was sent before leaves first, by its place in the queue. Returns what was read
    /// and not yet told.
    pub fn begin_relay(&mut self, other: Id, mut held: Vec<u8>, id: Id, context: &mut Context) -> Vec<u8> {
        self.machine.relay();
        for mut filled in self.held.drain(..) {
            held.extend_from_slice(&filled.block.as_mut_slice()[..filled.len]);
            context.blocks.hand_back(filled);
        }
        self.relay = Some(Box::new(Relay {
            other,
            held_up: false,
            full: false,
            end_passed: false,
            over: None,
            taken: 0,
            task: None,
            passed: 0,
        }));
        self.schedule(id, context);
        held
    }

    /// Memory for what was read and not yet told.
    pub fn room_for_held(&self) -> Result<Vec<u8>, NoMemory> {
        memory::vec(self.held.iter().map(|filled| filled.len).sum())
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
        self.write_or_keep(data, None, id, context);
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
            Note::Lost | Note::Reset => {
                self.hear_task(id, context);
                // Its own loss is about to be told.
                if !self.machine.is_faulty() {
                    self.reset(id, context);
                }
            }
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

    /// This socket is over: so is the other. After close() each ends by itself, unless reset() is called as well.
    pub fn end_relay(&mut self, note: Note, context: &mut Context) {
        let Some(relay) = &mut self.relay else { return };
        if relay.over.is_none() || (relay.over == Some(Note::Closed) && note == Note::Reset) {
            relay.over = Some(note);
            context.notes.push((relay.other, note));
        }
    }

    /// Bytes from the other socket that the system has got: for the last event but one.
    pub(super) fn relayed(&mut self) -> Option<u64> {
        let relay = self.relay.take()?;
        let passed = relay.task.as_ref().map_or(relay.passed, Handle::passed);
        Some(passed + relay.taken.saturating_sub(self.machine.ledger.unwritten()))
    }

    // --- the task ---

    /// Whether the connection is a task's.
    pub(super) fn is_lent(&self) -> bool {
        self.relay.as_ref().is_some_and(|relay| relay.task.is_some())
    }

    /// Whether a task could move the bytes: those of TLS are another task's, a Blob's have to be asked for here.
    pub fn can_lend(&self) -> bool {
        cfg!(target_os = "linux")
            && self.stream.is_some()
            && self.secure.is_none()
            && !self.queue.has_blob()
            && self.machine.can_write()
    }

    /// Gives the connection to a task.
    pub fn lend(&mut self, id: Id, context: &mut Context) -> Option<Lent> {
        let mut stream = self.stream.take()?;
        // It is closed with the connection otherwise.
        let _ = context.registry.deregister(&mut stream);
        self.readable = false;
        self.writable = false;
        let first = std::mem::take(&mut self.queue);
        Some(Lent { stream: stream.into(), first, id, remote: self.remote })
    }

    /// The task has it; or there is none, and the connection is lost.
    pub fn lent(&mut self, task: Result<Handle, SocketError>, id: Id, context: &mut Context) {
        match (task, &mut self.relay) {
            (Ok(task), Some(relay)) => relay.task = Some(task),
            (Ok(_), None) => {}
            (Err(error), _) => self.machine.lost(error),
        }
        self.schedule(id, context);
    }

    /// What the task has to tell.
    pub(super) fn hear_task(&mut self, id: Id, context: &mut Context) {
        let Some(relay) = &mut self.relay else { return };
        let Some(task) = &relay.task else { return };
        // The task may end between two looks: the end is asked for first.
        let end = task.take_end();
        let written = task.take_first_written();
        self.machine.ledger.wrote(written, 0);
        self.machine.ledger.settle();
        let Some(end) = end else { return };
        relay.passed = task.passed();
        relay.task = None;
        match end {
            End::Ended => {
                relay.end_passed = true;
                self.machine.peer_ended();
                self.machine.pass_end();
                self.machine.fin_sent();
                self.machine.end_passed();
            }
            End::Lost(error) => self.machine.lost(error),
            // Also where close() has been called meanwhile: there is no connection any more.
            End::OtherLost => self.reset(id, context),
            End::Stopped(stream, left) => self.take_back(stream, &left, id, context),
        }
    }

    /// close(): the connection ends here, after what is still to be written to it.
    fn take_back(&mut self, stream: std::net::TcpStream, left: &[u8], id: Id, context: &mut Context) {
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = context.registry.register(&mut stream, id.token(), interest) {
            self.machine.lost(SocketError::system_at(Syscall::Watch, self.remote, error));
            return;
        }
        self.stream = Some(stream);
        self.watches_writes = true;
        self.readable = true;
        self.writable = true;
        // What was sent before relay() is counted already.
        let counted = self.machine.ledger.unwritten();
        let added = (left.len() as u64).saturating_sub(counted);
        self.machine.ledger.accept(added);
        if let Some(relay) = &mut self.relay {
            relay.taken += added;
        }
        self.keep(left, None, id, context);
        self.mark_dirty(id, context);
    }

    /// close() and reset() while a task has the connection.
    pub(super) fn call_back(&mut self, note: Note) {
        let Some(relay) = &mut self.relay else { return };
        let Some(task) = &relay.task else { return };
        match note {
            Note::Closed => task.stop(),
            _ => {
                task.reset();
                relay.passed = task.passed();
                relay.task = None;
            }
        }
    }
}
