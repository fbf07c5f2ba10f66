//! The wake source "uv": libuv watches the poll set. There is no hop to another thread, and turns run at the bottom of the stack.
//!
//! `uv_poll` reports that the set is ready. `uv_prepare` runs before the loop blocks. It takes a turn if there is work that the set does
//! not report: bytes that timers and promises have sent, or work that one iteration of the loop has left. `uv_idle` keeps the loop from
//! blocking while such work is left. After an exchange of short messages `uv_prepare` may also poll for some microseconds, before the loop
//! blocks (`busy_poll.rs`). libuv's functions are looked up at run time, because Bun and Deno have none, or have functions of
//! these names that abort or crash.

use std::ffi::c_void;
use std::io;
use std::ptr;
use std::time::{Duration, Instant};

use napi::sys;

use super::busy_poll::{BusyPoll, Costs};
use super::turns::{Turns, Wake};
use super::uv_handles::{Callbacks, Handles, Library};
use crate::binding::env::{Env, Value, ok};
use crate::binding::guard::guarded;
use crate::net::TurnKind;

/// libuv's wait costs little, so the program must have had several short waits before it polls.
const LIBUV_COSTS: Costs = Costs { limit: Duration::from_micros(30), wake_up: Duration::from_micros(70), first: 4 };

/// The [`Wake`] that uses libuv's handles.
struct UvWake {
    /// The handles. The pointer is valid until libuv has closed them.
    handles: *mut Handles,
}

impl UvWake {
    fn handles(&self) -> &Handles {
        // SAFETY: `start` has made the handles. They are freed only after `on_end` has run and libuv has closed them. The environment calls
        // its wake source only while there are sockets, and `on_end` ends all sockets.
        unsafe { &*self.handles }
    }
}

impl Wake for UvWake {
    fn need_turn(&self, _env: Env<'_>) {
        self.handles().set_idling(true);
    }

    fn keep_alive(&self, _env: Env<'_>, stay: bool) {
        self.handles().set_kept(stay);
    }

    fn is_at_bottom(&self) -> bool {
        true
    }
}

/// Starts watching the poll set. `None` if this process has no libuv, or has one that is not the runtime's own. `options` is the argument
/// of `attach()`. `busy_poll_limit`: how long the program wants the thread to poll at most.
pub fn start<'scope, T: Turns + 'static>(
    turns: &T,
    env: Env<'scope>,
    options: Value<'scope>,
    busy_poll_limit: Option<Duration>,
) -> io::Result<Option<Box<dyn Wake>>> {
    let is_runtimes = |library: &&Library| is_runtimes_own(library, env, options);
    let Some(library) = Library::of_this_process().filter(is_runtimes) else {
        return Ok(None);
    };
    let mut uv_loop = ptr::null_mut();
    // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; `uv_loop` outlives the call.
    if !ok(unsafe { sys::napi_get_uv_event_loop(env.raw(), &raw mut uv_loop) }) {
        return Ok(None);
    }
    let ending = || io::Error::other("the environment is ending");
    let descriptor = turns.net(|net| net.descriptor()).flatten().ok_or_else(ending)?;
    let callbacks = Callbacks { ready: ready::<T>, prepare: prepare::<T> };
    let busy_poll = BusyPoll::new(LIBUV_COSTS, busy_poll_limit);
    // SAFETY: `uv_loop` is the loop of this environment, and so of this thread. The callbacks cast the owner to a `T`. The owner is
    // `turns`, which is a `T`. It lives until the environment has ended, and `on_end` closes the handles before that.
    let handles = unsafe {
        Handles::start(library, uv_loop.cast(), descriptor, ptr::from_ref(turns).cast(), callbacks, busy_poll)
    }?;
    let mut hook = ptr::null_mut();
    // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; `on_end::<T>` casts its data to [`Handles`]
    // whose owner is a `T`, as it is for `handles`; `hook` outlives the call.
    let hooked =
        unsafe { sys::napi_add_async_cleanup_hook(env.raw(), Some(on_end::<T>), handles.cast(), &raw mut hook) };
    if !ok(hooked) {
        // SAFETY: `Handles::start` has just made `handles`. There is no hook and no `UvWake`, so nothing else uses them.
        unsafe { Handles::close(handles, || {}) };
        return Err(ending());
    }
    Ok(Some(Box::new(UvWake { handles })))
}

/// Whether `library` is the libuv of the runtime. This compares the versions. Another library in the process may have brought a libuv of
/// its own, whose loops and handles may have another layout. Such a libuv must never get Node's loop.
fn is_runtimes_own<'scope>(library: &Library, env: Env<'scope>, options: Value<'scope>) -> bool {
    let version = env.to_text(env.get(options, c"uv")).ok().flatten();
    version.is_some_and(|version| version.as_bytes() == library.version().to_bytes())
}

/// The environment to which `handles` belong.
///
/// # Safety
/// `handles` must be from [`start`] with this `T`, and [`on_end`] must not have returned.
unsafe fn turns_of<T: Turns>(handles: &Handles) -> &T {
    // SAFETY: the caller promises that `start` has made `handles`, and `start` has set the owner to the address of a `T`. The `T` lives
    // until the environment has ended, and the environment waits for `on_end`.
    unsafe { &*handles.owner.cast() }
}

/// Runs when the poll set is ready.
fn ready<T: Turns>(handles: &Handles) {
    handles.busy_poll.borrow_mut().wakes(Instant::now);
    turn::<T>(handles, true);
}

/// Runs before the loop blocks. Takes a turn if there is work, and polls if that pays.
fn prepare<T: Turns>(handles: &Handles) {
    // SAFETY: only `start` uses this function, for handles whose owner is a `T`. libuv calls no callback of handles that are being closed,
    // so `on_end` has not run.
    let turns: &T = unsafe { turns_of(handles) };
    if turns.net(|net| net.has_work()).unwrap_or(false) {
        turn::<T>(handles, false);
    } else {
        // The loop has gone round once without blocking, which is enough.
        handles.set_idling(false);
    }
    if handles.busy_poll.borrow_mut().begins_wait() {
        // libuv calls this, so no panic may leave it. The loop then waits as it would have done.
        let _ = guarded(|| begin_wait::<T>(handles, turns));
    }
}

/// The loop is about to block, and an exchange has ended before. If a poll finds something, this takes a turn. Then the loop goes round
/// without blocking, so that timers and other I/O have their part after each turn.
fn begin_wait<T: Turns>(handles: &Handles, turns: &T) {
    let start = Instant::now();
    let limit = handles.busy_poll.borrow().limit();
    if let Some(limit) = limit {
        let has_work = turns.net(|net| net.has_work()).unwrap_or(false);
        handles.set_idling(has_work);
        if !handles.would_wait() {
            return;
        }
        if turns.net(|net| net.poll_until(start + limit)).unwrap_or(false) {
            handles.busy_poll.borrow_mut().hit();
            let ask = turns.net(|net| net.has_due_deadline()).unwrap_or(false);
            if turn::<T>(handles, ask) {
                handles.set_idling(true);
            }
            return;
        }
        handles.busy_poll.borrow_mut().miss();
    }
    handles.busy_poll.borrow_mut().sleeps(start);
}

/// Takes one turn. After it the loop may block only if no work is left. Returns false if the environment has ended.
fn turn<T: Turns>(handles: &Handles, ask: bool) -> bool {
    // SAFETY: only `ready` and `prepare` use this function, for handles whose owner is a `T`, and only in callbacks of these handles. libuv
    // calls no callback of handles that are being closed, so `on_end` has not run.
    let turns: &T = unsafe { turns_of(handles) };
    turns.turn_in_scope(ask);
    let Some((work, last_turn)) = turns.net(|net| (net.has_work(), net.last_turn())) else { return false };
    handles.set_idling(work);
    // A turn may only have passed on what an exchange has left, for example a TLS record.
    if last_turn != TurnKind::Idle {
        handles.busy_poll.borrow_mut().turn_ended(last_turn == TurnKind::Exchange);
    }
    true
}

/// The environment ends. The handles are closed first, while their descriptor is still open. Then the sockets end. Node waits until libuv
/// has closed the handles.
unsafe extern "C" fn on_end<T: Turns>(hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    let handles: *mut Handles = data.cast();
    // SAFETY: the hook was added with handles from `Handles::start`. Node calls the hook once, so the handles are not closed yet.
    let handles_now = unsafe { &*handles };
    // SAFETY: the hook was added for handles whose owner is a `T`, and `on_end` has not returned.
    let turns: &T = unsafe { turns_of(handles_now) };
    let when_closed = move || {
        // SAFETY: Node has passed `hook` to this call of `on_end`, and waits until `hook` is removed. `when_closed` runs once.
        unsafe { sys::napi_remove_async_cleanup_hook(hook) };
    };
    // SAFETY: `handles` are from `Handles::start`, and only this call closes them. The environment's `UvWake` does not use them any more:
    // no JavaScript runs before the sockets end, below, and without sockets the environment does not call its wake source.
    unsafe { Handles::close(handles, when_closed) };
    turns.end();
}
