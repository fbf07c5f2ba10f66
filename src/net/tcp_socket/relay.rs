//! relay(), one socket's part: what comes in is read for the other socket, what comes from that one is written (R-relay).

use super::TcpSocket;
use crate::net::context::Context;
use crate::net::relay_signal::RelaySignal;
use crate::net::relay_task::{RelayedStream, TaskHandle};
use crate::net::transport::{Failure, RelayOutcome};
use crate::net::{Id, SocketError, sys};

/// With so many bytes waiting to be written, nothing more is read from the other socket.
const RELAY_HIGH_WATER_MARK: u64 = 256 * 1024;

/// What a relayed socket has beside.
pub(super) struct Relay {
    /// The other socket.
    other: Id,
    /// The other socket has enough to write: nothing is read.
    pub(super) held_up: bool,
    /// The other socket waits for room here.
    full: bool,
    /// The peer's end has been passed on.
    end_passed: bool,
    /// The other socket knows that the relay is over, and how. `None`: it goes on.
    over: Option<RelaySignal>,
    /// Bytes that came from the other socket in turns.
    accepted: u64,
    /// Bytes from the other socket that a task passed on, once it has ended.
    pub(super) passed: u64,
}

impl TcpSocket {
    /// relay(): this socket's part of it. What was sent before leaves first, by its place in the queue. Returns what was read and not
    /// emitted; `held` has room for it.
    pub fn begin_relay(&mut self, other: Id, mut held: Vec<u8>, id: Id, context: &mut Context) -> Vec<u8> {
        self.machine.relay();
        self.take_held(&mut held, context);
        self.relay = Some(Box::new(Relay {
            other,
            held_up: false,
            full: false,
            end_passed: false,
            over: None,
            accepted: 0,
            passed: 0,
        }));
        self.schedule(id, context);
        held
    }

    /// Whether bytes that have come may be read: for a listener, or for the other socket, where that has room.
    pub(super) fn may_read(&self) -> bool {
        self.machine.wants_data() && self.relay.as_ref().is_none_or(|relay| !relay.held_up)
    }

    /// The socket that gets what is read.
    pub fn relayed_to(&self) -> Option<Id> {
        self.relay.as_ref().map(|relay| relay.other)
    }

    /// Bytes from the other socket. Returns whether there is room for more.
    pub fn accept_relayed(&mut self, data: &[u8], id: Id, context: &mut Context) -> bool {
        if !self.machine.can_write() {
            // It is lost, which an event is about to report.
            return true;
        }
        self.machine.ledger.accept(data.len() as u64);
        self.write_or_keep(data, None, id, context);
        self.mark_dirty(id, context);
        let Some(relay) = &mut self.relay else { return true };
        relay.accepted += data.len() as u64;
        relay.full = self.machine.ledger.unwritten() >= RELAY_HIGH_WATER_MARK;
        !relay.full
    }

    /// The other socket has no room.
    pub fn hold_up(&mut self) {
        if let Some(relay) = &mut self.relay {
            relay.held_up = true;
        }
    }

    /// The other socket's signal.
    pub fn on_relay_signal(&mut self, signal: RelaySignal, id: Id, context: &mut Context) {
        match signal {
            RelaySignal::Room => {
                if let Some(relay) = &mut self.relay {
                    relay.held_up = false;
                }
                self.schedule(id, context);
            }
            RelaySignal::Ended => {
                self.machine.forward_end();
                self.mark_dirty(id, context);
            }
            RelaySignal::EndPassed => {
                self.machine.end_forwarded();
                self.schedule(id, context);
            }
            RelaySignal::Closed => self.close(id, context),
            RelaySignal::Lost | RelaySignal::Reset => {
                self.on_relay_news(id, context);
                // Where it is lost itself, that is about to be reported.
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
            context.relay_signals.push((relay.other, RelaySignal::Ended));
        }
    }

    /// FIN has gone out: the other socket's peer has ended, and everything has been passed on.
    pub(super) fn signal_end_passed(&mut self, context: &mut Context) {
        if let Some(relay) = &self.relay {
            context.relay_signals.push((relay.other, RelaySignal::EndPassed));
        }
    }

    /// After a flush: the other socket may go on.
    pub(super) fn offer_room(&mut self, context: &mut Context) {
        if let Some(relay) = &mut self.relay
            && relay.full
            && self.machine.ledger.unwritten() < RELAY_HIGH_WATER_MARK / 2
        {
            relay.full = false;
            context.relay_signals.push((relay.other, RelaySignal::Room));
        }
    }

    /// This socket is over: so is the other. After close() each ends by itself, unless reset() is called as well.
    pub fn end_relay(&mut self, signal: RelaySignal, context: &mut Context) {
        let Some(relay) = &mut self.relay else { return };
        if relay.over.is_none() || (relay.over == Some(RelaySignal::Closed) && signal == RelaySignal::Reset) {
            relay.over = Some(signal);
            context.relay_signals.push((relay.other, signal));
        }
    }

    /// Ends this socket's part. Returns how many of the other socket's bytes the system got: for the last event but one. `None`: it was not
    /// relayed.
    pub(super) fn take_relayed_bytes(&mut self) -> Option<u64> {
        let relay = self.relay.take()?;
        let passed = self.transport.passed().unwrap_or(relay.passed);
        Some(passed + relay.accepted.saturating_sub(self.machine.ledger.unwritten()))
    }

    // --- the task ---

    /// Whether a task could move the bytes. A Blob's bytes have to be asked for here.
    pub fn can_lend(&self) -> bool {
        sys::MOVES_BYTES && self.transport.can_lend() && !self.queue.has_blob() && self.machine.can_write()
    }

    /// Gives the connection to a task.
    pub fn lend(&mut self, id: Id, context: &mut Context) -> Option<RelayedStream> {
        let stream = self.transport.lend(context)?;
        Some(RelayedStream { stream, first: std::mem::take(&mut self.queue), id, remote: self.remote })
    }

    /// The task has the connection; or there is no task, and the connection is lost.
    pub fn lent(&mut self, task: Result<TaskHandle, SocketError>, id: Id, context: &mut Context) {
        match task {
            Ok(task) => self.transport.lent(task),
            Err(error) => self.machine.lost(error),
        }
        self.schedule(id, context);
    }

    /// The task has news: what was sent before has left, or the task has ended.
    pub(super) fn on_relay_news(&mut self, id: Id, context: &mut Context) {
        let Some(news) = self.transport.relay_news(id, context) else { return };
        self.machine.ledger.wrote(news.written, 0);
        self.machine.ledger.settle();
        let (Some(end), Some(relay)) = (news.end, &mut self.relay) else { return };
        relay.passed = end.passed;
        match end.outcome {
            RelayOutcome::Ended => {
                relay.end_passed = true;
                self.machine.peer_ended();
                self.machine.forward_end();
                self.machine.fin_sent();
                self.machine.end_forwarded();
            }
            RelayOutcome::Lost(error) => self.machine.lost(error),
            // Also where close() was called meanwhile: there is no connection any more.
            RelayOutcome::OtherLost => self.reset(id, context),
            RelayOutcome::Returned { left, registered } => self.take_back(&left, registered, id, context),
        }
    }

    /// close(): the connection ends here, after what is still to be written to it.
    fn take_back(&mut self, left: &[u8], registered: Result<(), Failure>, id: Id, context: &mut Context) {
        if let Err(failure) = registered {
            return self.lost(failure);
        }
        // What was sent before relay() is counted already.
        let counted = self.machine.ledger.unwritten();
        let added = (left.len() as u64).saturating_sub(counted);
        self.machine.ledger.accept(added);
        if let Some(relay) = &mut self.relay {
            relay.accepted += added;
        }
        self.keep(left, None, id, context);
        self.mark_dirty(id, context);
    }
}
