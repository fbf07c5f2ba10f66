//! The wake source "uv": libuv watches the poll set. There is no hop to another thread, and turns run at the bottom of the stack.
//!
//! `uv_poll` reports that the set is ready. `uv_prepare` runs before the loop blocks, and takes the turns that the set does not
//! report: for what timers and promises have sent, and for what one round has left. `uv_idle` keeps the loop from blocking while such
//! work is left. libuv's functions are looked up at run time: Bun and Deno have none, or ones that abort or crash.

use std::ffi::c_void;
use std::io;
use std::ptr;

use napi::sys;

use super::turns::{Turns, Wake};
use super::uv_handles::{Callbacks, Handles, Library};
use crate::binding::env::{Env, Value, ok};

/// The environment's side of the handles.
struct UvWake {
    /// The handles, until libuv has closed them.
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

/// Starts watching. `None` where this process has no libuv, or another one than the runtime's own. `options`: what `attach()` was given.
pub fn start<'scope, T: Turns + 'static>(
    turns: &T,
    env: Env<'scope>,
    options: Value<'scope>,
) -> io::Result<Option<Box<dyn Wake>>> {
    let is_runtimes = |library: &&Library| is_runtimes_own(library, env, options);
    let Some(library) = Library::of_this_process().filter(is_runtimes) else {
        return Ok(None);
    };
    let mut uv_loop = ptr::null_mut();
    // SAFETY: an `Env` is live and on its thread; `uv_loop` outlives the call.
    if !ok(unsafe { sys::napi_get_uv_event_loop(env.raw(), &raw mut uv_loop) }) {
        return Ok(None);
    }
    let ending = || io::Error::other("the environment is ending");
    let descriptor = turns.net(|net| net.descriptor()).flatten().ok_or_else(ending)?;
    let callbacks = Callbacks { ready: |handles| turn::<T>(handles, true), prepare: prepare::<T> };
    // SAFETY: the loop is the environment's own, so this thread's. The callbacks take the owner for a `T`, which it is, and which lives
    // until the environment has ended; `on_end` closes the handles before.
    let handles =
        unsafe { Handles::start(library, uv_loop.cast(), descriptor, ptr::from_ref(turns).cast(), callbacks) }?;
    let mut hook = ptr::null_mut();
    // SAFETY: an `Env` is live and on its thread; `on_end::<T>` takes its data for handles whose owner is a `T`, which these are; `hook`
    // outlives the call.
    let hooked =
        unsafe { sys::napi_add_async_cleanup_hook(env.raw(), Some(on_end::<T>), handles.cast(), &raw mut hook) };
    if !ok(hooked) {
        // SAFETY: `Handles::start` has just made them. There is no hook and no `UvWake`, so nothing else uses them.
        unsafe { Handles::close(handles, || {}) };
        return Err(ending());
    }
    Ok(Some(Box::new(UvWake { handles })))
}

/// Whether a libuv is the one that the runtime says it has. One that a library has brought along has loops and handles of its own, maybe
/// of another layout: it must never get Node's loop.
fn is_runtimes_own<'scope>(library: &Library, env: Env<'scope>, options: Value<'scope>) -> bool {
    let version = env.to_text(env.get(options, c"uv")).ok().flatten();
    version.is_some_and(|version| version.as_bytes() == library.version().to_bytes())
}

/// The environment that handles belong to.
///
/// # Safety
/// `handles` must be from [`start`] with this `T`, and [`on_end`] must not have returned.
unsafe fn turns_of<T: Turns>(handles: &Handles) -> &T {
    // SAFETY: `start` has put the address of a `T` there, as the caller promises. The `T` lives until the environment has ended, which
    // waits for `on_end`.
    unsafe { &*handles.owner.cast() }
}

/// The loop is about to block.
fn prepare<T: Turns>(handles: &Handles) {
    // SAFETY: only `start` names this function, for handles of this `T`. libuv does not call back for handles that are being closed, so
    // `on_end` has not run.
    let turns: &T = unsafe { turns_of(handles) };
    if turns.net(|net| net.has_work()).unwrap_or(false) {
        turn::<T>(handles, false);
    }
}

/// One turn; then the loop may block if nothing is left to do.
fn turn<T: Turns>(handles: &Handles, ask: bool) {
    // SAFETY: `start` and `prepare` alone name this function, both for handles of this `T`, and in callbacks: libuv makes none for
    // handles that are being closed, so `on_end` has not run.
    let turns: &T = unsafe { turns_of(handles) };
    turns.turn_in_scope(ask);
    if let Some(work) = turns.net(|net| net.has_work()) {
        handles.set_idling(work);
    }
}

/// The environment ends. The handles are closed first, while their descriptor is open, then the sockets end. Node waits until libuv has
/// closed the handles.
unsafe extern "C" fn on_end<T: Turns>(hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    let handles: *mut Handles = data.cast();
    // SAFETY: the hook was added with handles of `start`, and Node calls it once, so they are not closed yet.
    let handles_now = unsafe { &*handles };
    // SAFETY: the hook was added for handles of this `T`, and it has not returned.
    let turns: &T = unsafe { turns_of(handles_now) };
    let when_closed = move || {
        // SAFETY: Node gave this hook to this call, and waits until it is removed. This runs once.
        unsafe { sys::napi_remove_async_cleanup_hook(hook) };
    };
    // SAFETY: they are of `Handles::start`, and closed only here. The environment's `UvWake` does not use them any more: no JavaScript
    // runs before the sockets end, below, and without sockets the environment does not call its wake source.
    unsafe { Handles::close(handles, when_closed) };
    turns.end();
}
