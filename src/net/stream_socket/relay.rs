//! One socket's part of relay(): its received bytes are read for the other socket, and the other socket's bytes are written (R-relay).

use super::StreamSocket;
use crate::net::context::Context;
use crate::net::figures::Figures;
use crate::net::relay_signal::RelaySignal;
use crate::net::relay_task::{RelayedStream, TaskHandle};
use crate::net::transport::{Failure, RelayOutcome};
use crate::net::{Id, SocketError, sys};

/// If this many bytes wait to be written to a socket, the other socket of the relay does not read.
const RELAY_HIGH_WATER_MARK: u64 = 256 * 1024;

/// The state of a socket that is part of a relay.
pub(super) struct Relay {
    /// The other socket.
    other: Id,
    /// True while the other socket has enough bytes to write. Then this one does not read.
    pub(super) held_up: bool,
    /// True while this socket has enough bytes to write. Then the other one waits for [`RelaySignal::Room`].
    full: bool,
    /// True once the other socket knows that this socket's peer has ended.
    end_passed: bool,
    /// The signal that reported the end of the relay to the other socket. `None`: the relay goes on.
    over: Option<RelaySignal>,
    /// How many bytes this socket has got from the other one in turns, not through a task.
    accepted: u64,
    /// What the task has moved. Set when the task has ended.
    pub(super) passed: Figures,
}

impl StreamSocket {
    /// Begins this socket's part of relay(). Bytes that were sent before are first in the queue, so they are written first. Returns the
    /// bytes that were read and not emitted; `held` has room for them.
    pub fn begin_relay(&mut self, other: Id, mut held: Vec<u8>, id: Id, context: &mut Context) -> Vec<u8> {
        self.machine.relay();
        self.take_held(&mut held, context);
        // The relay passes them on now (R-stats).
        self.receiving.delivered += held.len() as u64;
        self.relay = Some(Box::new(Relay {
            other,
            held_up: false,
            full: false,
            end_passed: false,
            over: None,
            accepted: 0,
            passed: Figures::default(),
        }));
        self.schedule(id, context);
        held
    }

    /// Whether received bytes may be read, for a listener or for the other socket. In a relay, the other socket must have room.
    pub(super) fn may_read(&self) -> bool {
        self.machine.wants_data() && self.relay.as_ref().is_none_or(|relay| !relay.held_up)
    }

    /// The other socket of the relay, which gets the bytes that this one reads. `None`: there is no relay.
    pub fn relayed_to(&self) -> Option<Id> {
        self.relay.as_ref().map(|relay| relay.other)
    }

    /// Takes bytes from the other socket. Returns whether there is room for more.
    pub fn accept_relayed(&mut self, data: &[u8], id: Id, context: &mut Context) -> bool {
        if !self.machine.can_write() {
            // This connection is lost, and an event will report that.
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

    /// The other socket has no room, so this one stops reading.
    pub fn hold_up(&mut self) {
        if let Some(relay) = &mut self.relay {
            relay.held_up = true;
        }
    }

    /// Handles a signal from the other socket.
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
                // If this connection is lost, its own error is about to be emitted.
                if self.machine.is_faulty() {
                    return;
                }
                match signal {
                    RelaySignal::Reset => self.reset(id, context),
                    _ => self.other_lost(id, context),
                }
            }
        }
    }

    /// Called in every step: signals the peer's end to the other socket, once.
    pub(super) fn pass_end_on(&mut self, context: &mut Context) {
        if let Some(relay) = &mut self.relay
            && !relay.end_passed
            && self.machine.has_ended()
        {
            relay.end_passed = true;
            context.relay_signals.push((relay.other, RelaySignal::Ended));
        }
    }

    /// Our FIN is sent, after all bytes of the other socket. Signals that to the other socket.
    pub(super) fn signal_end_passed(&mut self, context: &mut Context) {
        if let Some(relay) = &self.relay {
            context.relay_signals.push((relay.other, RelaySignal::EndPassed));
        }
    }

    /// Called after writing: if there is room again, signals the other socket to go on.
    pub(super) fn offer_room(&mut self, context: &mut Context) {
        if let Some(relay) = &mut self.relay
            && relay.full
            && self.machine.ledger.unwritten() < RELAY_HIGH_WATER_MARK / 2
        {
            relay.full = false;
            context.relay_signals.push((relay.other, RelaySignal::Room));
        }
    }

    /// The relay is over for this socket: signals that to the other one, which then ends too. After close(), each socket ends by itself,
    /// unless reset() is called later.
    pub fn end_relay(&mut self, signal: RelaySignal, context: &mut Context) {
        let Some(relay) = &mut self.relay else { return };
        if relay.over.is_none() || (relay.over == Some(RelaySignal::Closed) && signal == RelaySignal::Reset) {
            relay.over = Some(signal);
            context.relay_signals.push((relay.other, signal));
        }
    }

    /// Ends this socket's part of the relay. Returns how many bytes from the other socket the system has taken, for the event before the
    /// last one. `None`: the socket was in no relay.
    pub(super) fn take_relayed_bytes(&mut self) -> Option<u64> {
        let relay = self.relay.take()?;
        let passed = self.transport.passed().unwrap_or(relay.passed);
        Some(passed.written + relay.accepted.saturating_sub(self.machine.ledger.unwritten()))
    }

    // --- the task ---

    /// Whether a task could move the bytes. It cannot if the queue holds a Blob, whose bytes only this thread can ask for.
    pub fn can_lend(&self) -> bool {
        sys::MOVES_BYTES && self.transport.can_lend() && !self.queue.has_blob() && self.machine.can_write()
    }

    /// Gives the connection to a task.
    pub fn lend(&mut self, id: Id, context: &mut Context) -> Option<RelayedStream> {
        let stream = self.transport.lend(context)?;
        Some(RelayedStream { stream, first: std::mem::take(&mut self.queue), id, remote: self.remote.clone() })
    }

    /// The task has taken the connection. With an error there is no task, and the connection is lost.
    pub fn lent(&mut self, task: Result<TaskHandle, SocketError>, id: Id, context: &mut Context) {
        match task {
            Ok(task) => self.transport.lent(task),
            Err(error) => self.machine.lost(error),
        }
        self.schedule(id, context);
    }

    /// Handles a report of the task: it has written bytes that were sent before relay(), or it has ended.
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
            // This happens even after close(), since there is no connection any more.
            RelayOutcome::OtherLost => self.other_lost(id, context),
            RelayOutcome::Returned { left, registered } => self.take_back(&left, registered, id, context),
        }
    }

    /// The other socket's connection is lost, so this one is reset. readyState changes with the event that reports it (R-task).
    fn other_lost(&mut self, id: Id, context: &mut Context) {
        self.machine.other_lost();
        self.disconnect(true, id, context);
        self.schedule(id, context);
    }

    /// close(): takes the connection back from the task. The connection then ends, after the bytes that are still to be written to it.
    fn take_back(&mut self, left: &[u8], registered: Result<(), Failure>, id: Id, context: &mut Context) {
        if let Err(failure) = registered {
            return self.lost(failure);
        }
        // The ledger has already counted those bytes that were sent before relay().
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
