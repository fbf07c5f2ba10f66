//! The receiving half of a UDP socket: batches of datagrams, those that wait for resume(), and failures of recvmmsg(2).

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::UdpSocket;
use crate::net::context::Context;
use crate::net::deadline::DeadlineKind;
use crate::net::event::{EventKind, Payload};
use crate::net::sizes::DATAGRAM_BATCH;
use crate::net::step::Step;
use crate::net::sys::{self, Received};
use crate::net::syscall::Syscall;
use crate::net::{Id, SocketError, endpoint, memory};

/// The most datagrams received in one call while they are large. So at most 256 KiB of them are in memory (R-listen).
const LARGE_BATCH: usize = 4;
/// From this size in bytes on, a datagram is large.
const LARGE_DATAGRAM: usize = 8 * 1024;
/// The time before the socket receives again after two failures in a row.
const RECEIVE_PAUSE: Duration = Duration::from_millis(100);

/// How the last calls that received have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ReceiveState {
    /// The last call received datagrams, or there were none.
    #[default]
    Working,
    /// The last call failed. The next one may succeed.
    Failed,
    /// Two calls in a row failed. The next call waits until [`RECEIVE_PAUSE`] is over.
    Paused,
}

impl UdpSocket {
    /// Whether somebody wants datagrams now (R-listen, R-udp-suspend).
    fn wants_data(&self) -> bool {
        self.listening && !self.suspended && !self.closed
    }

    /// Whether it may have datagrams that somebody wants, or errors to emit.
    pub fn has_more(&self) -> bool {
        self.wants_data() && (self.may_receive() || !self.held.is_empty() || !self.batch.is_empty())
            || !self.errors.is_empty()
    }

    /// Whether the system may have datagrams, and no pause is under way.
    fn may_receive(&self) -> bool {
        self.readable && self.receive_state != ReceiveState::Paused
    }

    /// The pause after failures is over.
    pub fn on_receive_pause_over(&mut self) {
        if self.receive_state == ReceiveState::Paused {
            self.receive_state = ReceiveState::Failed;
        }
    }

    /// The next datagram, if somebody wants it. It receives at most one batch a turn.
    pub(super) fn step_received(&mut self, id: Id, context: &mut Context) -> Step {
        if !self.wants_data() {
            self.hold(context);
            return Step::Idle;
        }
        if let Some((from, bytes)) = self.held.pop_front() {
            context.held = bytes;
            return Step::Event(EventKind::Datagram(Payload::Held, from));
        }
        if self.batch.is_empty() && !self.receive(id, context) {
            return Step::Idle;
        }
        let index = self.batch.start;
        self.batch.start += 1;
        let received = context.batches.received[index];
        let payload = Payload::ReadBuffer { start: received.start, len: received.len };
        let kind = EventKind::Datagram(payload, endpoint::canonical(received.from));
        if self.batch.is_empty() { Step::Read(kind) } else { Step::Event(kind) }
    }

    /// Copies the rest of the batch: in the middle of it suspend() was called, or the last listener was removed.
    fn hold(&mut self, context: &Context) {
        for index in std::mem::replace(&mut self.batch, 0..0) {
            let received = context.batches.received[index];
            let bytes = &context.buffer[received.start..received.start + received.len];
            // R-udp-suspend: a datagram for which there is no memory is dropped.
            if let Ok(bytes) = memory::copy(bytes)
                && memory::room_for_one(&mut self.held).is_ok()
            {
                self.held.push_back((endpoint::canonical(received.from), bytes));
            }
        }
    }

    /// Receives a batch from the system. Returns whether it has a datagram for this socket.
    fn receive(&mut self, id: Id, context: &mut Context) -> bool {
        if !self.may_receive() {
            return false;
        }
        let most = if self.last_batch_was_large { LARGE_BATCH } else { DATAGRAM_BATCH };
        let Context { batches, buffer, .. } = context;
        match batches.receive(&self.socket, buffer, most, self.sorts_groups) {
            Ok(()) => {
                self.receive_state = ReceiveState::Working;
                self.readable = batches.received.len() == most || !sys::TAKES_BATCHES;
                self.last_batch_was_large = batches.received.iter().any(|received| received.len >= LARGE_DATAGRAM);
                if self.sorts_groups {
                    batches.received.retain(|received| self.is_for_us(received));
                }
                self.batch = 0..batches.received.len();
                !self.batch.is_empty()
            }
            Err(error) => {
                match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => {
                        self.readable = false;
                        self.receive_state = ReceiveState::Working;
                    }
                    // Most errors concern one datagram, and others may wait behind it, so the socket stays readable: the poll set
                    // need not report them again. An error that repeats must not keep the thread busy, so the second one pauses.
                    _ => {
                        self.fail(SocketError::system(Syscall::Receive, error));
                        if self.receive_state == ReceiveState::Working {
                            self.receive_state = ReceiveState::Failed;
                        } else {
                            self.receive_state = ReceiveState::Paused;
                            context.timers.set(id, DeadlineKind::Receive, Instant::now(), RECEIVE_PAUSE);
                        }
                    }
                }
                false
            }
        }
    }

    /// Whether a datagram is unicast, or for a group that this socket has joined on the interface that received it (R-udp-group).
    fn is_for_us(&self, received: &Received) -> bool {
        let Some(to) = received.to.filter(|to| to.address.is_multicast()) else { return true };
        self.groups.admits(to.address, to.interface, endpoint::canonical(received.from).ip())
    }
}
