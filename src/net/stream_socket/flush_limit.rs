//! closeTimeout: a closing socket goes on flushing as long as the peer takes bytes (R-tcp-close).

use std::time::{Duration, Instant};

use super::StreamSocket;
use crate::net::context::Context;
use crate::net::deadline::DeadlineKind;
use crate::net::{Id, SocketError};

/// How often the peer's progress is checked within closeTimeout: by default every second. So a loss is reported at most one such interval
/// late.
const LOOKS: u32 = 30;

/// The state of closeTimeout during a flush.
pub(super) struct FlushLimit {
    /// When the peer was last seen to make progress. At first, when the flush began.
    since: Instant,
    /// How many bytes the peer had acknowledged at the last check. Only the difference of two values is meaningful.
    acknowledged: u64,
}

impl StreamSocket {
    /// Sets the deadline of closeTimeout, if the socket is closing and has bytes left to send.
    pub(super) fn limit_flush(&mut self, id: Id, context: &mut Context) {
        if !self.machine.is_flushing() || self.flush_limit.is_some() || self.close_timeout == 0 {
            return;
        }
        let Some(progress) = self.transport.progress(self.machine.ledger.written(), self.queue.is_ready()) else {
            return;
        };
        let now = Instant::now();
        context.timers.set(id, DeadlineKind::Close, now, self.close_limit() / LOOKS);
        self.flush_limit = Some(Box::new(FlushLimit { since: now, acknowledged: progress.acknowledged }));
    }

    /// Checks the peer's progress. The connection is lost if the peer has acknowledged nothing for closeTimeout.
    pub fn on_close_timeout(&mut self, id: Id, context: &mut Context) {
        let Some(mut flush) = self.flush_limit.take() else { return };
        if !self.machine.is_flushing() {
            return;
        }
        let Some(progress) = self.transport.progress(self.machine.ledger.written(), self.queue.is_ready()) else {
            return;
        };
        let now = Instant::now();
        // The progress comes from counters that another thread changes, and they are not read at the same moment. So the value can even
        // decrease, which is no progress.
        let has_progressed = progress.acknowledged.wrapping_sub(flush.acknowledged).cast_signed() > 0;
        if has_progressed || !progress.peer_owes {
            flush.since = now;
        }
        flush.acknowledged = progress.acknowledged;
        let left = self.close_limit().saturating_sub(now - flush.since);
        if left.is_zero() {
            self.flush_timed_out(context);
        } else {
            context.timers.set(id, DeadlineKind::Close, now, left.min(self.close_limit() / LOOKS));
            self.flush_limit = Some(flush);
        }
    }

    /// setOptions(): the limit changes. The time since the peer's last progress counts.
    pub(super) fn change_close_timeout(&mut self, milliseconds: u32, id: Id, context: &mut Context) {
        self.close_timeout = milliseconds;
        if milliseconds == 0 {
            self.flush_limit = None;
            context.timers.clear(id, DeadlineKind::Close);
        } else if self.flush_limit.is_some() {
            self.on_close_timeout(id, context);
        } else {
            self.limit_flush(id, context);
        }
    }

    fn flush_timed_out(&mut self, context: &mut Context) {
        self.machine.lost(SocketError::CloseTimedOut {
            address: self.remote.clone(),
            milliseconds: self.close_timeout,
            unsent: self.machine.ledger.unwritten(),
        });
        self.transport.reset_at_end();
        self.queue.clear(&mut context.pool);
    }

    fn close_limit(&self) -> Duration {
        Duration::from_millis(self.close_timeout.into())
    }
}
