//! relay(): joins two sockets of one environment (R-relay).

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::Net;
use crate::net::any_socket::AnySocket;
use crate::net::event::Payload;
use crate::net::syscall::Syscall;
use crate::net::{Id, SocketError, relay_task};
use crate::proto::ReadyState;

impl Net {
    /// relay(): joins two open stream sockets.
    pub fn relay(&mut self, a: Id, b: Id) -> Result<(), SocketError> {
        let is_free_stream = |net: &Self, id: Id| {
            let entry = net.sockets.get(id.index()).filter(|entry| entry.id == id);
            matches!(entry.map(|entry| &entry.socket), Some(AnySocket::Stream(stream)) if stream.relayed_to().is_none())
        };
        let is_open = |net: &Self, id: Id| is_free_stream(net, id) && net.ready_state(id) == ReadyState::Open;
        if a == b || !is_open(self, a) || !is_open(self, b) {
            return Err(SocketError::Closed { member: "relay" });
        }
        let mut room =
            |id| self.stream(id, |stream, _| stream.room_for_held()).transpose().map(Option::unwrap_or_default);
        let held = [(a, b, room(a)?), (b, a, room(b)?)].map(|(one, other, room)| {
            self.stream(one, |stream, context| stream.begin_relay(other, room, one, context)).unwrap_or_default()
        });
        for ((from, to), bytes) in [(a, b), (b, a)].into_iter().zip(held) {
            let room = self.stream(to, |stream, context| stream.accept_relayed(&bytes, to, context));
            if room == Some(false) {
                self.stream(from, |stream, _| stream.hold_up());
            }
        }
        self.lend_to_task(a, b);
        Ok(())
    }

    /// Gives the two connections of a relay to a task that moves the bytes. Does nothing if a task cannot move the bytes of one of them.
    fn lend_to_task(&mut self, a: Id, b: Id) {
        let can = |net: &mut Self, id| net.stream(id, |stream, _| stream.can_lend()) == Some(true);
        if !can(self, a) || !can(self, b) {
            return;
        }
        let lent = [a, b].map(|id| self.stream(id, |stream, context| stream.lend(id, context)).flatten());
        let [Some(of_a), Some(of_b)] = lent else { return };
        let (of_a, of_b) = match relay_task::start([of_a, of_b], &self.context.inbox) {
            Ok([of_a, of_b]) => (Ok(of_a), Ok(of_b)),
            Err(error) => {
                let again = SocketError::system(Syscall::Watch, io::Error::from(io::ErrorKind::OutOfMemory));
                (Err(error), Err(again))
            }
        };
        for (id, task) in [(a, of_a), (b, of_b)] {
            self.stream(id, |stream, context| stream.lent(task, id, context));
        }
    }

    /// Gives bytes that were read from one socket of a relay to the other. Returns whether the other socket has room for more.
    pub(super) fn pass_on(&mut self, payload: Payload, to: Id) -> bool {
        // The read buffer and `held` are taken out of the context, since writing needs the context too. They are put back below.
        let (buffer, held) = (std::mem::take(&mut self.context.buffer), std::mem::take(&mut self.context.held));
        let bytes = match payload {
            Payload::ReadBuffer { start, len } => &buffer[start..start + len],
            Payload::Held => &held[..],
            Payload::Block { .. } => &[],
        };
        let room = catch_unwind(AssertUnwindSafe(|| {
            self.stream(to, |stream, context| stream.accept_relayed(bytes, to, context))
        }));
        (self.context.buffer, self.context.held) = (buffer, held);
        let room = room.unwrap_or_else(|panic| resume_unwind(panic));
        // If the other socket is gone, the bytes are dropped. A relay signal will report its end.
        room.unwrap_or(true)
    }

    /// Delivers the relay signals that sockets have sent.
    pub(super) fn deliver_relay_signals(&mut self) {
        while let Some((id, signal)) = self.context.relay_signals.pop() {
            self.with(id, |socket, id, context| {
                if let AnySocket::Stream(stream) = socket {
                    stream.on_relay_signal(signal, id, context);
                }
            });
        }
    }
}
