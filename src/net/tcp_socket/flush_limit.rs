//! closeTimeout: the flush of a closing socket goes on for as long as the peer takes bytes (R-tcp-close).

use std::time::{Duration, Instant};

use socket2::SockRef;

use super::TcpSocket;
use crate::net::context::Context;
use crate::net::sys::unacknowledged;
use crate::net::timers::{Deadline, Timers};
use crate::net::{Id, SocketError};

/// The peer's progress is looked at so many times within closeTimeout, by default each second. A loss is told so much too late
/// at most, one look's share: the last byte may have been acknowledged right after a look.
const LOOKS: u32 = 30;

/// The limit of a flush under way.
pub(super) struct FlushLimit {
    /// The socket.
    id: Id,
    /// When the peer's progress is looked at next.
    due: Instant,
    deadline: Deadline,
    /// Since when the peer has acknowledged nothing.
    since: Instant,
    /// Bytes that the peer had acknowledged at the last look. Only the difference of two looks means something.
    acknowledged: u64,
}

impl TcpSocket {
    /// Sets the deadline where the socket is closing and has bytes left to send.
    pub(super) fn limit_flush(&mut self, id: Id, context: &mut Context) {
        if !self.machine.is_flushing() || self.flush_limit.is_some() || self.close_timeout == 0 || self.is_lent() {
            return;
        }
        let now = Instant::now();
        let after = self.close_limit() / LOOKS;
        let mut deadline = Deadline::default();
        deadline.set(&mut context.timers, now, after, id);
        let acknowledged = self.acknowledged(self.unacknowledged());
        self.flush_limit = Some(Box::new(FlushLimit { id, due: now + after, deadline, since: now, acknowledged }));
    }

    /// The deadline has come: the connection is lost where the peer has acknowledged nothing for closeTimeout.
    pub(super) fn look_at_flush(&mut self, context: &mut Context) {
        let now = Instant::now();
        let Some(mut flush) = self.flush_limit.take_if(|flush| flush.due <= now) else { return };
        flush.deadline.clear(&mut context.timers);
        if !self.machine.is_flushing() {
            return;
        }
        let held = self.unacknowledged();
        let acknowledged = self.acknowledged(held);
        // Counters that another thread moves may be seen a little apart: backwards is no progress.
        let has_progressed = acknowledged.wrapping_sub(flush.acknowledged).cast_signed() > 0;
        if has_progressed || !self.peer_owes(held) {
            flush.since = now;
        }
        flush.acknowledged = acknowledged;
        let left = self.close_limit().saturating_sub(now - flush.since);
        if left.is_zero() {
            self.flush_timed_out(context);
        } else {
            let after = left.min(self.close_limit() / LOOKS);
            flush.deadline.set(&mut context.timers, now, after, flush.id);
            flush.due = now + after;
            self.flush_limit = Some(flush);
        }
    }

    /// The flush is over.
    pub(super) fn end_flush_limit(&mut self, timers: &mut Timers) {
        if let Some(mut flush) = self.flush_limit.take() {
            flush.deadline.clear(timers);
        }
    }

    fn flush_timed_out(&mut self, context: &mut Context) {
        self.machine.lost(SocketError::CloseTimedOut {
            address: self.remote,
            milliseconds: self.close_timeout,
            unsent: self.machine.ledger.unwritten(),
        });
        self.reset_at_end();
        self.queue.clear(&mut context.pool);
    }

    fn close_limit(&self) -> Duration {
        Duration::from_millis(self.close_timeout.into())
    }

    /// Bytes that the system holds for the peer, where it tells.
    fn unacknowledged(&self) -> Option<u64> {
        match &self.stream {
            Some(stream) => unacknowledged(&SockRef::from(stream)),
            None => self.session()?.unacknowledged(),
        }
    }

    /// Bytes that the peer has acknowledged; where the system does not tell, bytes that it has taken from us.
    fn acknowledged(&self, held: Option<u64>) -> u64 {
        let taken = self.session().map_or(self.machine.ledger.written(), |session| session.sent());
        taken.wrapping_sub(held.unwrap_or(0))
    }

    /// Whether it is the peer that keeps the flush waiting: not a Blob that is slow to be read, nor this thread, which was busy.
    fn peer_owes(&self, held: Option<u64>) -> bool {
        if self.is_shaking_hands() {
            return true;
        }
        match held {
            Some(held) => held > 0,
            None => (self.queue.is_ready() && !self.writable) || self.is_session_busy(),
        }
    }
}
