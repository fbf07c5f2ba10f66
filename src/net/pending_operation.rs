//! What connect() needs beside sockets: a look-up, a timer. Each has a number and an owner, and keeps the process alive like a socket.
//! It emits one event, and that is its end. Closing it cancels it.

use super::Id;
use super::context::Context;
use super::event::EventKind;
use super::resolver::Pending;
use super::step::Step;

/// One look-up or timer.
pub struct PendingOperation {
    kind: Kind,
    /// In `Context::ready`.
    scheduled: bool,
}

enum Kind {
    Lookup(Pending),
    Timer {
        /// Its deadline has come.
        has_come: bool,
    },
}

impl PendingOperation {
    /// A look-up that has been asked for.
    pub fn lookup(pending: Pending) -> Self {
        Self { kind: Kind::Lookup(pending), scheduled: false }
    }

    /// A timer whose deadline has been set.
    pub fn timer() -> Self {
        Self { kind: Kind::Timer { has_come: false }, scheduled: false }
    }

    /// Its event, if that is due.
    pub fn step(&mut self) -> Step {
        match &self.kind {
            Kind::Lookup(pending) => match pending.answer() {
                Some(answer) => Step::LastEvent(EventKind::Lookup(answer)),
                None => Step::Idle,
            },
            Kind::Timer { has_come: true } => Step::LastEvent(EventKind::Timer),
            Kind::Timer { has_come: false } => Step::Idle,
        }
    }

    /// The timer's deadline has come.
    pub fn timer_fired(&mut self) {
        if let Kind::Timer { has_come } = &mut self.kind {
            *has_come = true;
        }
    }

    /// Makes the next turn step it.
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
