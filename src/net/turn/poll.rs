//! The poll set: who has it, and what it reports.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Waker};

use super::exchange::TurnKind;
use super::{BATCH, BATCHES, Net};
use crate::net::any_socket::AnySocket;
use crate::net::poll_set::PollSet;
use crate::net::{Id, hooks};

/// How often a turn asks the poll set, if a deadline has passed and each answer is full: enough for 65,536 sockets.
const QUESTIONS: usize = 2048;

impl Net {
    /// The poll set's descriptor, for a wake source to watch.
    #[cfg(unix)]
    pub fn descriptor(&self) -> Option<std::os::fd::RawFd> {
        use std::os::fd::AsRawFd;
        self.poll.as_ref().map(|set| set.poll.as_raw_fd())
    }

    /// A waker that makes the poll set ready. It works from any thread.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Lends the poll set to the waiting thread. Until the set is back, a turn serves only the sockets that are known to be ready.
    pub fn lend_poll(&mut self) -> Option<PollSet> {
        self.poll.take()
    }

    /// Takes the poll set back, with the reports of its last wait.
    pub fn return_poll(&mut self, set: PollSet) {
        // The poll set is put back even after a panic, since without it no socket would get a report. (A panic in a socket's code has
        // already become that socket's error.)
        let _ = catch_unwind(AssertUnwindSafe(|| self.on_ready(&set.events)));
        self.poll = Some(set);
    }

    /// What kind of turn the last one was. After an exchange the next one may follow within microseconds.
    #[cfg_attr(not(unix), allow(dead_code, reason = "only the wake source uv asks, which is Unix's"))]
    pub fn last_turn(&self) -> TurnKind {
        self.exchange.kind()
    }

    /// Whether a deadline has passed. The turn that serves it must ask the poll set.
    #[cfg_attr(not(unix), allow(dead_code, reason = "only the wake source uv asks, which is Unix's"))]
    pub fn has_due_deadline(&mut self) -> bool {
        self.context.timers.is_due()
    }

    /// Asks the poll set again and again, until `deadline` at most. Returns whether a socket is ready: then [`Net::begin_known`] serves it.
    #[cfg_attr(not(unix), allow(dead_code, reason = "only the wake source uv polls, which is Unix's"))]
    pub fn poll_until(&mut self, deadline: Instant) -> bool {
        while let Some(mut set) = self.poll.take() {
            let asked = set.wait(Some(Duration::ZERO));
            let is_ready = asked.is_ok() && !set.events.is_empty();
            if is_ready {
                self.return_poll(set);
                return true;
            }
            self.poll = Some(set);
            if asked.is_err() || Instant::now() >= deadline {
                return false;
            }
        }
        false
    }

    /// Starts a turn: asks the poll set what is ready.
    pub fn begin(&mut self) {
        // What has come in counts before a deadline that has passed: the thread may have been blocked, or the process stopped. So the
        // deadlines of a turn are served at its end, and not before all reports are there.
        self.is_deadline_due = self.poll.is_some() && self.context.timers.is_due();
        let mut questions = if self.is_deadline_due { QUESTIONS } else { 1 };
        let mut is_full = true;
        while questions > 0 && is_full {
            questions -= 1;
            is_full = self.ask();
        }
        hooks::pass("begin");
        self.begin_known();
        self.batches_left = if is_full { BATCHES - 1 } else { 0 };
    }

    /// Goes on with the next batch of this turn: writes what the last one has sent, and asks the poll set. False: the turn is over. Sockets
    /// that have more to do, and what handlers have caused meanwhile, wait for the next turn as always. After bulk nothing more is asked,
    /// since each read may have taken long.
    pub(super) fn begin_batch(&mut self) -> bool {
        if self.batches_left == 0 || self.exchange.has_bulk() {
            return false;
        }
        self.batches_left -= 1;
        self.flush();
        let waiting = self.context.ready.len();
        if !self.ask() {
            self.batches_left = 0;
        }
        self.serve_inbox();
        self.ready_queue.extend(self.context.ready.drain(waiting..));
        !self.ready_queue.is_empty()
    }

    /// Asks the poll set once, and takes its reports. Returns whether there may be more.
    fn ask(&mut self) -> bool {
        let Some(mut set) = self.poll.take() else { return false };
        // If a signal interrupted the call, the next turn asks again. Nothing else can fail with a valid poll set.
        if set.wait(Some(Duration::ZERO)).is_err() {
            self.poll = Some(set);
            return false;
        }
        let is_full = set.events.iter().count() == BATCH;
        self.return_poll(set);
        is_full
    }

    /// Takes the reports of the poll set.
    fn on_ready(&mut self, events: &Events) {
        for event in events {
            let Ok(number) = u32::try_from(event.token().0) else { continue };
            self.with(Id::from_number(number), |socket, id, context| {
                hooks::pass("ready");
                match socket {
                    AnySocket::Stream(stream) => stream.on_ready(event, id, context),
                    AnySocket::Udp(udp) => udp.on_ready(event, id, context),
                    AnySocket::Server(server) => server.readable = true,
                    AnySocket::Operation(_) | AnySocket::Broken(_) => {}
                }
                socket.schedule(id, context);
            });
        }
    }
}
