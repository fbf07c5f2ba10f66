//! When the JavaScript thread looks for the next message for some microseconds before it sleeps. This file only decides. It makes no system
//! call, and reads no clock.
//!
//! A peer on the same machine often answers within microseconds. To sleep and to be woken takes longer than that, and more processor time. So
//! the thread polls after an exchange of short messages if the last waits were short. A poll that finds nothing costs its limit. After such
//! a miss the thread polls again only after several short waits, and after each further miss after more of them.

use std::time::{Duration, Instant};

/// How many short waits are needed before a poll, at most. A poll that always misses then costs its limit once in 256 waits.
const MOST: u32 = 256;

/// What polling and sleeping cost with a wake source.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// How long a poll lasts at most: about what it costs to sleep and to be woken.
    pub limit: Duration,
    /// A wait is short if it takes at most this much longer than the limit: the time to be woken, on a virtual machine too.
    pub wake_up: Duration,
    /// How many short waits in a row are needed before the first poll, at least 1.
    pub first: u32,
}

/// Decides whether to poll.
#[derive(Debug)]
pub struct BusyPoll {
    /// What it costs. A limit of zero: the thread never polls.
    costs: Costs,
    /// How many short waits are needed before the next poll. 0: the thread polls.
    needed: u32,
    /// How many of them the next miss demands: twice as many as the last miss, and one less for each hit.
    next_needed: u32,
    /// Whether an exchange has ended, and the thread has not waited since.
    is_after_exchange: bool,
    /// When the thread began to wait after an exchange. `None`: it has not.
    waits_since: Option<Instant>,
}

impl BusyPoll {
    /// A wake source with these costs. `limit`: the program's own limit for a poll.
    pub fn new(costs: Costs, limit: Option<Duration>) -> Self {
        let costs = Costs { limit: limit.unwrap_or(costs.limit), ..costs };
        Self { costs, needed: costs.first, next_needed: costs.first, is_after_exchange: false, waits_since: None }
    }

    /// A turn has ended. `was_exchange`: it was of a kind after which a poll may pay.
    #[cfg_attr(not(unix), allow(dead_code, reason = "only the wake source uv calls it, which is Unix's"))]
    pub fn turn_ended(&mut self, was_exchange: bool) {
        self.is_after_exchange = was_exchange && !self.costs.limit.is_zero();
    }

    /// Whether the thread is about to wait for the first time after an exchange. Otherwise nothing else needs to be called.
    #[cfg_attr(not(unix), allow(dead_code, reason = "only the wake source uv calls it, which is Unix's"))]
    pub fn begins_wait(&mut self) -> bool {
        std::mem::take(&mut self.is_after_exchange)
    }

    /// How long the thread polls now. `None`: it sleeps at once.
    pub fn limit(&self) -> Option<Duration> {
        (self.needed == 0).then_some(self.costs.limit)
    }

    /// A poll has found something.
    pub fn hit(&mut self) {
        self.next_needed = (self.next_needed - 1).max(self.costs.first);
    }

    /// A poll has found nothing.
    pub fn miss(&mut self) {
        self.needed = self.next_needed;
        self.next_needed = (self.next_needed * 2).min(MOST);
    }

    /// The thread sleeps now. Its wait began at `start`.
    pub fn sleeps(&mut self, start: Instant) {
        self.waits_since = Some(start);
    }

    /// A socket is ready. `now` is only asked for the time if the thread has slept after an exchange.
    pub fn wakes(&mut self, now: impl FnOnce() -> Instant) {
        let Some(start) = self.waits_since.take() else { return };
        if now().saturating_duration_since(start) <= self.costs.limit + self.costs.wake_up {
            self.needed = self.needed.saturating_sub(1);
        } else {
            self.needed = self.needed.max(self.costs.first);
        }
    }
}

#[cfg(test)]
#[path = "busy_poll_tests.rs"]
mod tests;
