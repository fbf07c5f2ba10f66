//! The receiving half of a UDP socket: batches of datagrams, datagrams that wait for resume(), and failed receives.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::UdpSocket;
use crate::net::context::Context;
use crate::net::deadline::DeadlineKind;
use crate::net::event::{EventKind, Payload};
use crate::net::packet_details::PacketDetails;
use crate::net::sizes::DATAGRAM_BATCH;
use crate::net::step::Step;
use crate::net::sys::{self, Received};
use crate::net::syscall::Syscall;
use crate::net::{Id, SocketError, ip_address, memory};

/// The most datagrams that one call receives while they are large. So at most 256 KiB of datagrams are in memory (R-listen).
const LARGE_BATCH: usize = 4;
/// A datagram of at least this size, in bytes, is large.
const LARGE_DATAGRAM: usize = 8 * 1024;
/// The time before the socket receives again after two failures in a row.
const RECEIVE_PAUSE: Duration = Duration::from_millis(100);

/// A datagram that was received and then held back.
pub(super) struct Held {
    /// The sender.
    from: SocketAddr,
    /// The bytes.
    bytes: Vec<u8>,
    /// What the message reports about it. None: the socket has no packetInfo.
    details: Option<Box<PacketDetails>>,
}

/// The result of the last calls that receive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ReceiveState {
    /// The last call has received datagrams, or the system had none.
    #[default]
    Working,
    /// The last call has failed. The socket receives again at once.
    Failed,
    /// At least two calls in a row have failed. The socket receives again when [`RECEIVE_PAUSE`] is over.
    Paused,
}

impl UdpSocket {
    /// Whether the program wants datagrams now (R-listen, R-udp-suspend): it has a listener and has not called suspend() or close().
    fn wants_data(&self) -> bool {
        self.listening && !self.suspended && !self.closed
    }

    /// Whether there may be datagrams that the program wants, or errors to emit.
    pub fn has_more(&self) -> bool {
        self.wants_data() && (self.may_receive() || !self.held.is_empty() || !self.batch.is_empty())
            || !self.errors.is_empty()
    }

    /// Whether the system may have datagrams, and no pause is under way.
    fn may_receive(&self) -> bool {
        self.readable && self.receive_state != ReceiveState::Paused
    }

    /// Ends the pause after failures. The pause has lasted `RECEIVE_PAUSE`.
    pub fn on_receive_pause_over(&mut self) {
        if self.receive_state == ReceiveState::Paused {
            self.receive_state = ReceiveState::Failed;
        }
    }

    /// Returns the next datagram, if the program wants datagrams. Receives at most one batch in a turn.
    pub(super) fn step_received(&mut self, id: Id, context: &mut Context) -> Step {
        if !self.wants_data() {
            self.hold(context);
            return Step::Idle;
        }
        if let Some(Held { from, bytes, details }) = self.held.pop_front() {
            self.figures.read += bytes.len() as u64;
            context.held = bytes;
            return Step::Event(EventKind::Datagram(Payload::Held, from, details));
        }
        if self.batch.is_empty() && !self.receive(id, context) {
            return Step::Idle;
        }
        let index = self.batch.start;
        self.batch.start += 1;
        let received = context.batches.received[index];
        self.figures.read += received.len as u64;
        let payload = Payload::ReadBuffer { start: received.start, len: received.len };
        let details = self.details(received, context);
        let kind = EventKind::Datagram(payload, ip_address::canonical(received.from), details);
        if self.batch.is_empty() { Step::Read(kind) } else { Step::Event(kind) }
    }

    /// The rest of the batch, as long as it is what the socket emits next.
    pub fn upcoming<'a>(&self, context: &'a Context) -> impl Iterator<Item = (SocketAddr, &'a [u8])> + use<'a> {
        let is_next = self.wants_data() && self.held.is_empty() && self.errors.is_empty() && !self.packet_info;
        let indices = if is_next { self.batch.clone() } else { 0..0 };
        let received = indices.filter_map(|index| context.batches.received.get(index));
        received.map(|&Received { start, len, from, .. }| {
            (ip_address::canonical(from), &context.buffer[start..start + len])
        })
    }

    /// Takes the next `count` datagrams of the batch, which JavaScript has. Returns whether they were the last ones.
    pub fn take_upcoming(&mut self, count: usize, context: &Context) -> bool {
        let taken = self.batch.start..self.batch.end.min(self.batch.start + count);
        self.batch.start = taken.end;
        self.figures.read += context.batches.received[taken.clone()].iter().map(|one| one.len as u64).sum::<u64>();
        !taken.is_empty() && self.batch.is_empty()
    }

    /// Copies the rest of the batch. suspend() was called in the middle of the batch, or the last listener was removed.
    fn hold(&mut self, context: &mut Context) {
        for index in std::mem::replace(&mut self.batch, 0..0) {
            let received = context.batches.received[index];
            let details = self.details(received, context);
            let bytes = &context.buffer[received.start..received.start + received.len];
            // R-udp-suspend: a datagram for which there is no memory is dropped.
            if let Ok(bytes) = memory::copy(bytes)
                && memory::room_for_one(&mut self.held).is_ok()
            {
                self.held.push_back(Held { from: ip_address::canonical(received.from), bytes, details });
            }
        }
    }

    /// What the message of a datagram reports about it. None: the socket has no packetInfo.
    fn details(&self, received: Received, context: &mut Context) -> Option<Box<PacketDetails>> {
        let info = received.info.filter(|_| self.packet_info)?;
        Some(Box::new(context.interfaces.details(info)))
    }

    /// Receives a batch from the system. Returns whether the batch has a datagram for this socket.
    fn receive(&mut self, id: Id, context: &mut Context) -> bool {
        if !self.may_receive() {
            return false;
        }
        let most = if self.last_batch_was_large { LARGE_BATCH } else { DATAGRAM_BATCH };
        let Context { batches, buffer, .. } = context;
        match batches.receive(&self.socket, buffer, most, self.sorts_groups || self.packet_info) {
            Ok(()) => {
                self.receive_state = ReceiveState::Working;
                self.readable = batches.received.len() == most || !sys::TAKES_BATCHES;
                self.last_batch_was_large = batches.received.iter().any(|received| received.len >= LARGE_DATAGRAM);
                if self.sorts_groups || self.peer.is_some() {
                    batches.received.retain(|received| self.is_for_us(received));
                }
                if self.packet_info {
                    context.interfaces.expire(Instant::now());
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
                    // Most errors concern one datagram, and others may wait behind it. The poll set need not report those again, so the
                    // socket stays readable. An error that repeats must not keep the thread busy, so after the second error in a row the
                    // socket pauses.
                    _ => {
                        self.fail(match self.peer {
                            Some(peer) => SocketError::system_at(Syscall::Receive, peer.address(), sys::refusal(error)),
                            None => SocketError::system(Syscall::Receive, error),
                        });
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

    /// Whether a datagram is for this socket: it is unicast, or it was sent to a group that the socket has joined on the interface that has
    /// received it (R-udp-group). A connected socket also gets nothing that others have sent before it was connected (R-udp-connected).
    fn is_for_us(&self, received: &Received) -> bool {
        if self.peer.is_some_and(|peer| !peer.is(ip_address::canonical(received.from))) {
            return false;
        }
        let Some(info) = received.info.filter(|info| info.address.is_multicast()) else { return true };
        self.groups.admits(info.address, info.interface, ip_address::canonical(received.from).ip())
    }
}
