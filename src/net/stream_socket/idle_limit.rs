//! idleTimeout: a connection on which no byte comes or goes for so long is lost (R-idle).

use std::time::{Duration, Instant};

use super::StreamSocket;
use crate::net::context::Context;
use crate::net::deadline::DeadlineKind;
use crate::net::{Id, SocketError};

/// The state of idleTimeout.
pub(super) struct IdleLimit {
    /// idleTimeout in milliseconds, more than 0.
    milliseconds: u32,
    /// When this thread last read or wrote bytes. Before that, when the limit began.
    last: Instant,
}

impl IdleLimit {
    /// The limit that an option sets. 0: none. It begins with [`StreamSocket::start_idle_limit`].
    pub fn new(milliseconds: u32) -> Option<Box<Self>> {
        (milliseconds > 0).then(|| Box::new(Self { milliseconds, last: Instant::now() }))
    }

    fn limit(&self) -> Duration {
        Duration::from_millis(self.milliseconds.into())
    }
}

impl StreamSocket {
    /// The connection is established: the limit begins.
    pub(super) fn start_idle_limit(&mut self, id: Id, context: &mut Context) {
        if let Some(idle) = &mut self.idle_limit {
            idle.last = Instant::now();
            context.timers.set(id, DeadlineKind::Idle, idle.last, idle.limit());
        }
    }

    /// setOptions(): the limit changes. The time since the last byte counts.
    pub(super) fn change_idle_limit(&mut self, milliseconds: u32, id: Id, context: &mut Context) {
        let last = self.idle_limit.take().map(|idle| idle.last);
        self.idle_limit = IdleLimit::new(milliseconds);
        match &mut self.idle_limit {
            Some(idle) => {
                idle.last = last.unwrap_or(idle.last);
                if !self.machine.is_connecting() {
                    self.on_idle_timeout(id, context);
                }
            }
            None => context.timers.clear(id, DeadlineKind::Idle),
        }
    }

    /// Bytes have come or gone.
    pub(super) fn note_activity(&mut self) {
        if let Some(idle) = &mut self.idle_limit {
            idle.last = Instant::now();
        }
    }

    /// Checks when the last byte came or went. If that was long enough ago, the connection is lost. Otherwise the deadline is set again.
    pub fn on_idle_timeout(&mut self, id: Id, context: &mut Context) {
        let Some(idle) = &self.idle_limit else { return };
        // After our FIN and close(), the wait for the peer's end has its own limit.
        if self.machine.is_link_gone() || self.machine.is_faulty() || self.linger.is_some() {
            return;
        }
        let last = self.transport.last_activity().map_or(idle.last, |last| last.max(idle.last));
        let now = Instant::now();
        let left = idle.limit().saturating_sub(now.saturating_duration_since(last));
        if left.is_zero() {
            let milliseconds = idle.milliseconds;
            self.cut(SocketError::Idle { address: self.remote.clone(), milliseconds }, id, context);
        } else {
            context.timers.set(id, DeadlineKind::Idle, now, left);
        }
    }
}
