//! A turn: JavaScript takes the events one by one, then what it sent goes to the system.

use std::any::Any;
use std::ptr;

use napi::sys;

use super::Environment;
use crate::binding::env::{Env, ok};
use crate::binding::guard::guarded;
use crate::binding::package_instance::PackageInstance;
use crate::binding::scope::{self, CallbackScope};
use crate::binding::wake::Turns;
use crate::net::{Event, EventKind, Net, Next, Payload, SocketError, panic_message};

/// How often in a turn `next()` may panic before it has taken the event that is due. Then the event is dropped.
const MISSES: usize = 4;

impl Turns for Environment {
    fn turn(&self, env: Env<'_>, ask: bool) -> bool {
        let outer = self.in_turn.replace(true);
        // C calls this, so no panic may leave it; and a panic in one part must not stop the next part. (A panic of a socket has
        // become its error in `net`.) The next turn looks again for what a panic has left undone.
        let begun = guarded(|| self.net(|net| if ask { net.begin() } else { net.begin_known() }));
        self.events_taken.set(0);
        // After a panic, once more: for the events that are still to be taken.
        let served = guarded(|| self.serve_all(env)).or_else(|_| guarded(|| self.serve_all(env)));
        let ended = guarded(|| self.end_turn(env));
        self.in_turn.set(outer);
        let _ = guarded(|| self.after_turn(env));
        self.events_taken.get() > 0 || begun.is_err() || served.is_err() || ended.is_err()
    }

    fn turn_in_scope(&self, ask: bool) {
        // SAFETY: `new`'s caller promises that the environment is live for as long as `self`, and made it on the environment's thread,
        // which it cannot leave: it is not `Send`. `turn` makes all values with the `Env` that it is given.
        unsafe { scope::enter(self.raw, |env| self.turn(env, ask)) };
    }

    fn net<T>(&self, f: impl FnOnce(&mut Net) -> T) -> Option<T> {
        Self::net(self, f)
    }

    fn is_terminated(&self) -> bool {
        self.is_terminated.get()
    }

    fn end(&self) {
        self.end_sockets();
    }
}

impl Environment {
    /// Lets JavaScript take all events of this turn.
    fn serve_all(&self, env: Env<'_>) {
        let mut misses_left = MISSES;
        while let Some(owner) = self.advance(env) {
            let before = self.events_taken.get();
            if !self.serve(env, owner) {
                self.is_terminated.set(true);
                break;
            }
            if self.has_missed_event.take() && misses_left > 0 {
                misses_left -= 1;
            } else if self.events_taken.get() == before {
                // Nothing reads this event: the owner's JavaScript was garbage collected, or it did not call next(). Take the event and
                // drop it.
                self.take_event(env, owner);
            }
        }
    }

    fn end_turn(&self, env: Env<'_>) {
        self.after_last_event(env);
        self.net(Net::finish);
        while let Some(block) = self.net(Net::surplus_block).flatten() {
            self.forget_block(env, block.number());
        }
    }

    /// Finds the next event of this turn. Returns the number of the package instance that it is for; `None`: there are no more.
    fn advance(&self, env: Env<'_>) -> Option<u32> {
        if let Some(event) = &*self.pending.borrow() {
            return Some(event.owner);
        }
        loop {
            match self.net(Net::next)? {
                Next::Event(event) => {
                    let owner = event.owner;
                    self.pending.replace(Some(event));
                    return Some(owner);
                }
                Next::NeedsBlocks(count) => self.lend_blocks(env, count),
                Next::Done => return None,
            }
        }
    }

    /// The next event of this turn, if it is for this package instance.
    pub fn take_event(&self, env: Env<'_>, owner: u32) -> Option<Event> {
        self.after_last_event(env);
        if !self.in_turn.get() {
            return None;
        }
        let next = self.advance(env);
        if next.is_none() {
            // The last handler has returned. What the handlers sent is written now, before JavaScript returns from serve() and the
            // turn ends: the peer can work on it meanwhile.
            self.net(Net::finish);
        }
        if next != Some(owner) {
            return None;
        }
        let event = self.pending.take()?;
        self.events_taken.set(self.events_taken.get() + 1);
        if event.last {
            self.ended_owner.set(Some(owner));
        }
        Some(event)
    }

    /// `next()` has panicked before it took an event. The event is still pending, and serve() is called for it again.
    pub fn note_missed_event(&self) {
        self.has_missed_event.set(true);
    }

    /// Handles a panic that came while a taken event was made into values: the event's socket breaks down, which later events report.
    /// Returns the event to report now where no later one can: the taken event was the socket's last.
    pub fn break_event(&self, env: Env<'_>, event: Event, panic: &(dyn Any + Send)) -> Option<Event> {
        match &event.kind {
            // JavaScript did not get these, so it will not give them back.
            EventKind::Message(Payload::Block { number, .. }) => self.forget_block(env, *number),
            EventKind::Connect { accepted, .. } => {
                self.net(|net| net.forget(*accepted));
            }
            _ => {}
        }
        if !event.last {
            self.net(|net| net.break_down(event.id, panic));
            return None;
        }
        let error = SocketError::Panic { message: panic_message(panic) };
        let kind = match event.kind {
            EventKind::Error(_) => EventKind::Error(error),
            EventKind::UdpError(_) => EventKind::UdpError(error),
            EventKind::ServerError(_) => EventKind::ServerError(error),
            EventKind::Lookup(_) => EventKind::Lookup(Err(error)),
            kind => kind,
        };
        Some(Event { kind, ..event })
    }

    /// Runs after the handlers of a socket's last event: the socket no longer keeps its package instance alive.
    fn after_last_event(&self, env: Env<'_>) {
        if let Some(owner) = self.ended_owner.take() {
            self.update_hold(env, owner);
        }
    }

    fn after_turn(&self, env: Env<'_>) {
        let Some(wake) = self.wake.get() else { return };
        if let Some(stays) = self.net(|net| net.keeps_alive()) {
            wake.keep_alive(env, stays);
        }
    }

    /// Calls `serve()` of a package instance, which takes its events. Returns whether JavaScript can go on.
    fn serve(&self, env: Env<'_>, owner: u32) -> bool {
        let serve = |env: Env<'_>| {
            let serve = self.instance(owner, |instance| PackageInstance::serve(instance, env));
            let Some(serve) = serve.filter(|serve| !serve.is_nothing()) else { return true };
            // It closes when this closure returns, so after an exception was reported: the report clears Node's stack of async ids,
            // and the closing scope checks that stack.
            let _callback = self.wake.get().is_some_and(|wake| wake.is_at_bottom()).then(|| self.callback_scope(env));
            env.call(serve).is_ok() || report_exception(env)
        };
        // SAFETY: an `Env` is live and on its thread. The closure makes values with its own `Env`; what JavaScript calls meanwhile
        // has scopes of its own.
        unsafe { scope::enter(env.raw(), serve) }.unwrap_or(false)
    }

    /// The scope that Node has around every callback from its event loop.
    fn callback_scope<'scope>(&self, env: Env<'scope>) -> Option<CallbackScope<'scope>> {
        let context = *self.async_context.get_or_init(|| {
            let mut context = ptr::null_mut();
            let name = env.string("SOCKETTURN");
            // SAFETY: an `Env` is live and on its thread; the name is a handle of its scope; Node makes a resource object where it is
            // given null; `context` outlives the call.
            unsafe { sys::napi_async_init(env.raw(), ptr::null_mut(), name.raw(), &raw mut context) };
            context
        });
        // SAFETY: the context was made in this environment, and nothing destroys it. Where it could not be made it is null, which
        // Node refuses.
        unsafe { CallbackScope::open(env, context) }
    }
}

/// Reports the exception that a handler has thrown as an uncaught one: it is never swallowed (R-handler). Returns false where there is
/// none. Then JavaScript is being terminated.
fn report_exception(env: Env<'_>) -> bool {
    let mut is_pending = false;
    // SAFETY: an `Env` is live and on its thread; `is_pending` outlives the call.
    let asked = unsafe { sys::napi_is_exception_pending(env.raw(), &raw mut is_pending) };
    if !ok(asked) || !is_pending {
        return false;
    }
    // SAFETY: an `Env` is live and on its thread; `made` gives room for the exception.
    let exception = env.made(|out| unsafe { sys::napi_get_and_clear_last_exception(env.raw(), out) });
    if exception.is_nothing() {
        return false;
    }
    // SAFETY: an `Env` is live and on its thread; the exception is a handle of its scope.
    ok(unsafe { sys::napi_fatal_exception(env.raw(), exception.raw()) })
}
