//! Look-ups and timers, which connect() needs in addition to sockets. Each has a number and an owner, and keeps the process alive as a
//! socket does. It emits one event and is then removed. Closing it cancels it.

use super::Id;
use super::context::Context;
use super::event::EventKind;
use super::resolver::Pending;
use super::step::Step;

/// One look-up or timer.
pub struct PendingOperation {
    /// The kind, with what belongs to it.
    kind: Kind,
    /// True while the operation is in `Context::ready`.
    scheduled: bool,
}

/// The kinds of operation.
enum Kind {
    /// A look-up.
    Lookup(Pending),
    /// A timer.
    Timer {
        /// True once its deadline has passed.
        has_come: bool,
    },
}

impl PendingOperation {
    /// A look-up that has been started.
    pub fn lookup(pending: Pending) -> Self {
        Self { kind: Kind::Lookup(pending), scheduled: false }
    }

    /// A timer whose deadline has been set.
    pub fn timer() -> Self {
        Self { kind: Kind::Timer { has_come: false }, scheduled: false }
    }

    /// Returns the operation's event, if it is due.
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

    /// The timer's deadline has passed.
    pub fn timer_fired(&mut self) {
        if let Kind::Timer { has_come } = &mut self.kind {
            *has_come = true;
        }
    }

    /// Makes the next turn step this operation.
    pub fn schedule(&mut self, id: Id, context: &mut Context) {
        if !std::mem::replace(&mut self.scheduled, true) {
            context.ready.push(id);
        }
    }

    /// The operation's part in the turn is over.
    pub fn unschedule(&mut self) {
        self.scheduled = false;
    }
}
