//! libuv watches the poll set: no hop to another thread, and turns run at the bottom of the stack.
//!
//! `uv_poll` says that the set is ready; `uv_prepare`, which runs before the loop blocks, takes the turns that the set
//! does not tell of (what was sent in timers and promises, what one round left); `uv_idle` keeps the loop from blocking
//! while such work is left. libuv's functions are looked up at run time: Bun and Deno lack them or worse.

use std::ffi::c_void;
use std::io;
use std::ptr;

use napi::sys;

use super::Wake;
use super::uv_handles::{Callbacks, Handles, Library};
use crate::binding::environment::{Environment, Scope};
use crate::binding::values::{ok, to_string};

/// The environment's end of the handles.
struct UvWake {
    handles: *mut Handles,
}

impl UvWake {
    fn handles(&self) -> &Handles {
        // SAFETY: freed when libuv has closed them, after `on_end`; the environment calls its wake source only before that.
        unsafe { &*self.handles }
    }
}

impl Wake for UvWake {
    fn need_turn(&self) {
        self.handles().set_idling(true);
    }

    fn keep_alive(&self, stay: bool) {
        self.handles().set_kept(stay);
    }

    fn is_at_bottom(&self) -> bool {
        true
    }
}

/// Starts watching; `None` where this process has no libuv, or another one than the runtime's own.
pub fn start(environment: &Environment) -> io::Result<Option<Box<dyn Wake>>> {
    let Some(library) = Library::of_this_process().filter(|library| is_the_runtime_s(library, environment)) else {
        return Ok(None);
    };
    let mut uv_loop = ptr::null_mut();
    // SAFETY: the environment is live, this is its thread, and the place for the loop outlives the call.
    if !ok(unsafe { sys::napi_get_uv_event_loop(environment.raw(), &raw mut uv_loop) }) {
        return Ok(None);
    }
    let ending = || io::Error::other("the environment is ending");
    let descriptor = environment.net(|net| net.descriptor()).flatten().ok_or_else(ending)?;
    let owner = ptr::from_ref(environment).cast();
    let callbacks = Callbacks { ready: |handles| turn(handles, true), prepare };
    // SAFETY: the loop is the environment's own, so this thread's. `on_end` closes the handles before the environment is freed.
    let handles = unsafe { Handles::start(library, uv_loop.cast(), descriptor, owner, callbacks) }?;
    let mut hook = ptr::null_mut();
    // SAFETY: the environment is live, and the hook gets what it expects.
    let hooked =
        unsafe { sys::napi_add_async_cleanup_hook(environment.raw(), Some(on_end), handles.cast(), &raw mut hook) };
    if !ok(hooked) {
        // SAFETY: of `start`; without the hook nobody else has it.
        unsafe { Handles::close(handles, || {}) };
        return Err(ending());
    }
    Ok(Some(Box::new(UvWake { handles })))
}

/// A libuv that a library has brought along has loops and handles of its own, maybe of another layout: handing it Node's loop would
/// be the end.
fn is_the_runtime_s(library: &Library, environment: &Environment) -> bool {
    let told = to_string(environment.raw(), environment.starting_option(c"uv")).ok().flatten();
    told.is_some_and(|version| version.as_bytes() == library.version().to_bytes())
}

fn environment_of(handles: &Handles) -> &Environment {
    // SAFETY: `start` has put it there; handles are closed in the cleanup hook, before the environment is freed, and call nothing
    // from then on.
    unsafe { &*handles.owner.cast() }
}

fn prepare(handles: &Handles) {
    if environment_of(handles).net(|net| net.has_work()).unwrap_or(false) {
        turn(handles, false);
    }
}

fn turn(handles: &Handles, ask: bool) {
    let environment = environment_of(handles);
    let Some(_scope) = Scope::open(environment.raw()) else { return };
    environment.turn(ask);
    // Whether the loop may block.
    if let Some(work) = environment.net(|net| net.has_work()) {
        handles.set_idling(work);
    }
}

/// The environment ends: its sockets first, then the handles; when libuv has closed them, Node may go on.
unsafe extern "C" fn on_end(hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    let handles: *mut Handles = data.cast();
    // SAFETY: the hook was given this pointer, and is called once, before the environment is freed.
    let environment = environment_of(unsafe { &*handles });
    let when_closed = move || {
        // SAFETY: Node gave this handle for this call, which ends the hook.
        unsafe { sys::napi_remove_async_cleanup_hook(hook) };
    };
    // SAFETY: of `start`; the environment's `UvWake` is not used any more, since its sockets go now.
    unsafe { Handles::close(handles, when_closed) };
    environment.end();
}
