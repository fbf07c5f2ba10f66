//! A turn: JavaScript takes the events one by one. Then `net` writes what JavaScript has sent.

use std::any::Any;
use std::ptr;

use napi::sys;

use super::Environment;
use crate::binding::env::{Env, Value, ok};
use crate::binding::guard::guarded;
use crate::binding::package_instance::PackageInstance;
use crate::binding::scope::{self, CallbackScope};
use crate::binding::wake::Turns;
use crate::net::{Event, EventKind, Net, Next, Payload, SocketError, panic_message};

/// How often a turn calls `serve()` again after `next()` has panicked before it took the event that is due. After one more such panic the
/// event is dropped.
const MISSES: usize = 4;

impl Turns for Environment {
    fn turn(&self, env: Env<'_>, ask: bool) -> bool {
        let outer = self.in_turn.replace(true);
        // C code calls this function, so no panic may leave it. A panic in one part must not stop the next part either. (`net` turns a
        // panic of one socket into an error of that socket.) The next turn does what a panic has left undone.
        let begun = guarded(|| self.net(|net| if ask { net.begin() } else { net.begin_known() }));
        if begun.is_err() {
            // The poll set has reported already that other threads have news, and reports it once.
            let _ = guarded(|| self.net(|net| net.begin_known()));
        }
        self.events_taken.set(0);
        // After a panic `serve_all` runs once more, for the events that JavaScript has not taken yet.
        let served = guarded(|| self.serve_all(env)).or_else(|_| guarded(|| self.serve_all(env)));
        let ended = guarded(|| self.end_turn(env));
        self.in_turn.set(outer);
        let _ = guarded(|| self.after_turn(env));
        self.events_taken.get() > 0 || begun.is_err() || served.is_err() || ended.is_err()
    }

    fn turn_in_scope(&self, ask: bool) {
        // SAFETY: the caller of `new` promises that the environment is live for as long as `self` is used, and has called `new` on the
        // environment's thread. `self` is not `Send`, so this is that thread. `turn` makes all values with the `Env` that it receives.
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
        loop {
            // A handler may have thrown before JavaScript took all datagrams that it has.
            self.end_ahead(env);
            let Some(owner) = self.advance(env) else { break };
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

    /// Finds the next event of this turn. Returns the number of its package instance, or `None` if there are no more events.
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

    /// Takes the next event of this turn, if it is for the package instance `owner`. Otherwise returns `None`.
    pub fn take_event(&self, env: Env<'_>, owner: u32) -> Option<Event> {
        self.end_ahead(env);
        self.after_last_event(env);
        if !self.in_turn.get() {
            return None;
        }
        let next = self.advance(env);
        if next.is_none() {
            // The last handler has returned. Write the bytes that the handlers sent now, before serve() returns and the turn ends. Then the
            // peer can work on them meanwhile.
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

    /// Notes that `next()` has panicked before it took an event. The event is still pending, so `serve_all` calls serve() again.
    pub fn note_missed_event(&self) {
        self.has_missed_event.set(true);
    }

    /// Handles a panic that happened while `event` was converted into JavaScript values. Usually the event's socket then ends with an
    /// error, which later events report. If `event` was the socket's last one, there are no later events. Then this function returns an
    /// event that is to be reported instead.
    pub fn break_event(&self, env: Env<'_>, event: Event, panic: &(dyn Any + Send)) -> Option<Event> {
        match &event.kind {
            // JavaScript did not receive the block or the accepted socket, so it will never give them back.
            EventKind::Message(Payload::Block { number, .. }) => self.forget_block(env, *number),
            EventKind::Connect { accepted, .. } | EventKind::UnixConnect { accepted, .. } => {
                self.net(|net| net.forget(*accepted));
            }
            _ => {}
        }
        // An `error` that `close` follows is described again, with the panic as the error: the socket is closed already.
        if !event.last && !matches!(event.kind, EventKind::Error(_)) {
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

    /// Runs after the handlers of a socket's last event. This socket no longer keeps its package instance alive.
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
            // This scope closes when the closure returns, so after an exception was reported. The order matters: the report clears Node's
            // stack of async ids, and the closing scope checks that stack.
            let _callback =
                self.wake.get().is_some_and(|wake| wake.is_at_bottom()).then(|| self.callback_scope(env, owner));
            env.call(serve).is_ok() || report_exception(env)
        };
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live. `serve` makes values only with its own
        // `Env`. Functions that JavaScript calls meanwhile have handle scopes of their own.
        unsafe { scope::enter(env.raw(), serve) }.unwrap_or(false)
    }

    /// Opens the scope that Node opens around each callback from its event loop. Returns `None` if Node refuses. `owner` is the package
    /// instance that is served. The context's resource is the `resource` option of the first instance that is served. Its hasRef() returns
    /// false, so async_hooks reports that turns do not keep the process alive.
    fn callback_scope<'scope>(&self, env: Env<'scope>, owner: u32) -> Option<CallbackScope<'scope>> {
        let context = *self.async_context.get_or_init(|| {
            let mut context = ptr::null_mut();
            let options =
                self.instance(owner, |instance| instance.options(env)).filter(|options| !options.is_nothing());
            let resource = options.map_or(Value::NOTHING, |options| env.get(options, c"resource"));
            let name = env.string("SOCKETTURN");
            // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; resource and name are handles of the
            // `Env`'s scope; if the resource object is null, Node makes one; `context` outlives the call.
            unsafe { sys::napi_async_init(env.raw(), resource.raw(), name.raw(), &raw mut context) };
            context
        });
        if context.is_null() {
            return None;
        }
        // SAFETY: `napi_async_init` has made the context in this environment, and nothing destroys it.
        unsafe { CallbackScope::open(env, context) }
    }
}

/// Reports the exception that a handler has thrown as an uncaught exception, so that it is never swallowed (R-handler). Returns false if no
/// exception is pending, because JavaScript is being terminated.
fn report_exception(env: Env<'_>) -> bool {
    let mut is_pending = false;
    // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; `is_pending` outlives the call.
    let asked = unsafe { sys::napi_is_exception_pending(env.raw(), &raw mut is_pending) };
    if !ok(asked) || !is_pending {
        return false;
    }
    // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; `out` points to a local variable of `made`.
    let exception = env.made(|out| unsafe { sys::napi_get_and_clear_last_exception(env.raw(), out) });
    if exception.is_nothing() {
        return false;
    }
    // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the exception is a handle of the `Env`'s
    // scope.
    ok(unsafe { sys::napi_fatal_exception(env.raw(), exception.raw()) })
}
