//! What connect() has done for it beside its sockets: a look-up, a timer. Each has a number, an owner, and keeps the
//! process alive like a socket; it tells once, and is over. Closing it cancels it.

use std::time::{Duration, Instant};

use super::any_socket::AnySocket;
use super::context::Context;
use super::event::EventKind;
use super::resolver::{self, Family, Pending};
use super::timers::{Deadline, Timers};
use super::turn::Step;
use super::{Id, Net, SocketError};

/// One look-up or timer.
pub struct Errand {
    work: Work,
    /// In `Context::ready`.
    scheduled: bool,
}

enum Work {
    Lookup(Pending),
    Timer {
        /// When it was asked for.
        due: Instant,
        deadline: Deadline,
        has_come: bool,
    },
}

impl Errand {
    fn new(work: Work) -> Self {
        Self { work, scheduled: false }
    }

    /// What is to be told, which is the last of it.
    pub fn step(&mut self) -> Step {
        match &self.work {
            Work::Lookup(pending) => match pending.answer() {
                Some(answer) => Step::Event(EventKind::Lookup(answer), true),
                None => Step::Idle,
            },
            Work::Timer { has_come: true, .. } => Step::Event(EventKind::Timer, true),
            Work::Timer { .. } => Step::Idle,
        }
    }

    /// Its deadline has come.
    pub fn on_deadline(&mut self) {
        if let Work::Timer { due, has_come, .. } = &mut self.work {
            *has_come |= Instant::now() >= *due;
        }
    }

    /// It goes.
    pub fn clear_deadlines(&mut self, timers: &mut Timers) {
        if let Work::Timer { deadline, .. } = &mut self.work {
            deadline.clear(timers);
        }
    }

    /// To be stepped in the next turn.
    pub fn schedule(&mut self, id: Id, context: &mut Context) {
        if !std::mem::replace(&mut self.scheduled, true) {
            context.ready.push(id);
        }
    }

    /// Its turn is over.
    pub fn unschedule(&mut self) {
        self.scheduled = false;
    }
}

impl Net {
    /// Asks the system for a host's addresses. An event tells the answer, unless the errand is closed before.
    pub fn open_lookup(&mut self, owner: u32, host: &str, family: Family) -> Result<Id, SocketError> {
        self.open(owner, |id, context| {
            let pending = resolver::ask(host, family, id, &context.inbox)?;
            Ok(AnySocket::Errand(Errand::new(Work::Lookup(pending))))
        })
    }

    /// Tells once, `after` from now: never earlier, and a little later where it is a second or more.
    pub fn open_timer(&mut self, owner: u32, after: Duration) -> Result<Id, SocketError> {
        self.open(owner, |id, context| {
            let (now, mut deadline) = (Instant::now(), Deadline::default());
            deadline.set(&mut context.timers, now, after, id);
            Ok(AnySocket::Errand(Errand::new(Work::Timer { due: now + after, deadline, has_come: false })))
        })
    }
}
