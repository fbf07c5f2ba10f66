//! Where libuv does not watch: a watch on another thread interrupts JavaScript through a threadsafe function, once.
//! JavaScript then takes turns by setImmediate until there is nothing for a moment, and arms the watch again: never a wake a message.

use std::cell::Cell;
use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use napi::sys;

use super::Wake;
use crate::binding::environment::Environment;
use crate::binding::host::dereference;
use crate::binding::values::{Value, boolean, hold, ok, string};
use crate::net::Net;

/// Turns go on for that long after the last event: about what an interrupt and the way back to the watch cost. A peer that answers at once
/// is served without either.
const LINGER: Duration = Duration::from_micros(20);

/// The threadsafe function, behind a lock that is closed before the environment goes: a call into one that is being
/// torn down crashes Node.
#[derive(Clone)]
pub struct Gate(Arc<Mutex<Option<ThreadsafeFunction>>>);

struct ThreadsafeFunction(sys::napi_threadsafe_function);

// SAFETY: a threadsafe function may be called from any thread: that is what it is for. It is used under the gate's lock only.
unsafe impl Send for ThreadsafeFunction {}

impl Gate {
    /// Interrupts JavaScript, unless its environment is ending.
    pub fn interrupt(&self) {
        let gate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = &*gate {
            // SAFETY: the gate is open, so the function has not been released. The queue is unbounded.
            unsafe {
                let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
                sys::napi_call_threadsafe_function(function.0, ptr::null_mut(), mode);
            }
        }
    }

    fn open(&self, function: ThreadsafeFunction) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(function);
    }

    fn close(&self) -> Option<ThreadsafeFunction> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Who waits on the poll set, elsewhere.
pub trait Watch {
    /// From now on a ready set interrupts, once. It does so too if the set is ready already.
    fn arm(&self, net: &mut Net);

    /// Before a turn: what the wait has brought.
    fn collect(&self, net: &mut Net);

    /// The environment ends.
    fn stop(&self, net: &mut Net);
}

struct Interrupt {
    environment: *const Environment,
    gate: Gate,
    function: sys::napi_threadsafe_function,
    watch: Box<dyn Watch>,
    /// `setImmediate`, and the function that it is to call.
    set_immediate: sys::napi_ref,
    take_turn: sys::napi_ref,
    scheduled: Cell<bool>,
    kept: Cell<bool>,
    /// When a turn last had an event.
    last: Cell<Instant>,
}

impl Interrupt {
    fn environment(&self) -> &Environment {
        // SAFETY: the hook `on_end` runs before the environment is freed; after it nothing calls here.
        unsafe { &*self.environment }
    }

    /// One turn, then the next by setImmediate, or the watch.
    fn turn(&self) {
        let environment = self.environment();
        environment.net(|net| self.watch.collect(net));
        let told = environment.turn(true);
        let Some(work) = environment.net(|net| net.has_work()) else { return };
        if told {
            self.last.set(Instant::now());
        }
        if told || work || (self.kept.get() && self.last.get().elapsed() < LINGER) {
            self.schedule();
        } else {
            environment.net(|net| self.watch.arm(net));
        }
    }

    fn schedule(&self) {
        if self.scheduled.get() {
            return;
        }
        let raw = self.environment().raw();
        let set_immediate = dereference(raw, self.set_immediate);
        let take_turn = dereference(raw, self.take_turn);
        let mut immediate = ptr::null_mut();
        // SAFETY: live handles, on the environment's thread, called from JavaScript or from the threadsafe function.
        let status = unsafe {
            sys::napi_call_function(raw, set_immediate, set_immediate, 1, &raw const take_turn, &raw mut immediate)
        };
        if ok(status) {
            self.scheduled.set(true);
            if !self.kept.get() {
                unref(raw, immediate);
                // Such an immediate lets the loop block, so it would wait for somebody else's work. An interrupt ends
                // the wait; it takes no turn itself while the immediate is on its way.
                self.gate.interrupt();
            }
        }
    }
}

/// An immediate that is not to keep the process alive by itself.
fn unref(raw: sys::napi_env, immediate: Value) {
    let unref = crate::binding::values::get(raw, immediate, c"unref");
    let mut result = ptr::null_mut();
    // SAFETY: live handles; a runtime whose immediates have no unref() answers with a status, which changes nothing.
    unsafe { sys::napi_call_function(raw, immediate, unref, 0, ptr::null(), &raw mut result) };
}

struct InterruptWake(*const Interrupt);

impl InterruptWake {
    fn interrupt(&self) -> &Interrupt {
        // SAFETY: it came from `Starting::finish`: from then on it is never freed, and only shared references to it are made.
        unsafe { &*self.0 }
    }
}

impl Wake for InterruptWake {
    fn need_turn(&self) {
        self.interrupt().schedule();
    }

    fn keep_alive(&self, stay: bool) {
        let interrupt = self.interrupt();
        if interrupt.kept.replace(stay) != stay {
            let raw = interrupt.environment().raw();
            // SAFETY: this is the environment's thread, and the function is not released before `on_end`, which ends all turns.
            unsafe {
                if stay {
                    sys::napi_ref_threadsafe_function(raw, interrupt.function);
                } else {
                    sys::napi_unref_threadsafe_function(raw, interrupt.function);
                }
            }
        }
    }

    fn is_at_bottom(&self) -> bool {
        false
    }
}

/// Makes the threadsafe function and the watch. What has failed leaves nothing behind.
pub fn start(
    environment: &Environment,
    watch: impl FnOnce(&mut Net, Gate) -> io::Result<Box<dyn Watch>>,
) -> io::Result<Box<dyn Wake>> {
    let raw = environment.raw();
    let gate = Gate(Arc::new(Mutex::new(None)));
    let watch = environment.net(|net| watch(net, gate.clone()));
    let watch = watch.unwrap_or_else(|| Err(io::Error::other("the environment is ending")))?;
    let mut starting = Starting::new(Interrupt {
        environment,
        gate,
        function: ptr::null_mut(),
        watch,
        set_immediate: ptr::null_mut(),
        take_turn: ptr::null_mut(),
        scheduled: Cell::new(false),
        kept: Cell::new(true),
        last: Cell::new(Instant::now()),
    });
    let failed = || io::Error::other("the runtime made no threadsafe function");
    let data: *mut c_void = starting.0.cast();
    let interrupt = starting.interrupt();
    let set_immediate = environment.starting_option(c"setImmediate");
    interrupt.set_immediate = hold(raw, set_immediate).ok_or_else(failed)?;
    let mut take_turn = ptr::null_mut();
    // SAFETY: the environment is live, this is its thread, and the function's data is freed only where nobody has got the function.
    let made = unsafe { sys::napi_create_function(raw, ptr::null(), 0, Some(on_immediate), data, &raw mut take_turn) };
    if !ok(made) {
        return Err(failed());
    }
    interrupt.take_turn = hold(raw, take_turn).ok_or_else(failed)?;
    // SAFETY: live handles of an open scope; the context, which `on_interrupt` gets, is freed only where nothing can call it.
    let made = unsafe {
        sys::napi_create_threadsafe_function(
            raw,
            ptr::null_mut(),
            environment.starting_option(c"resource"),
            string(raw, "tcp-udp-sockets"),
            0,
            1,
            ptr::null_mut(),
            None,
            data,
            Some(on_interrupt),
            &raw mut interrupt.function,
        )
    };
    if !ok(made) {
        interrupt.function = ptr::null_mut();
        return Err(failed());
    }
    // SAFETY: the environment is live; the hook gets a pointer that is good until the process ends, from `finish` on.
    if !ok(unsafe { sys::napi_add_env_cleanup_hook(raw, Some(on_end), data) }) {
        return Err(failed());
    }
    let interrupt = starting.finish();
    // SAFETY: it stays, and nobody has a `&mut` to it any more.
    let started = unsafe { &*interrupt };
    started.gate.open(ThreadsafeFunction(started.function));
    environment.net(|net| started.watch.arm(net));
    Ok(Box::new(InterruptWake(interrupt)))
}

/// One that is not whole yet: dropped, all that it has is given back.
struct Starting(*mut Interrupt);

impl Starting {
    fn new(interrupt: Interrupt) -> Self {
        Self(Box::into_raw(Box::new(interrupt)))
    }

    fn interrupt(&mut self) -> &mut Interrupt {
        // SAFETY: made by Box::into_raw in `new`. The gate is shut, so that nobody else uses it yet.
        unsafe { &mut *self.0 }
    }

    /// It is whole, and stays.
    fn finish(self) -> *mut Interrupt {
        std::mem::ManuallyDrop::new(self).0
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        // SAFETY: made by Box::into_raw in `new`, and given to nobody who could still use it: the gate has never been open, so the
        // threadsafe function has no call, and no JavaScript has got the function that takes turns.
        let interrupt = unsafe { Box::from_raw(self.0) };
        let environment = interrupt.environment();
        environment.net(|net| interrupt.watch.stop(net));
        for reference in [interrupt.set_immediate, interrupt.take_turn] {
            if !reference.is_null() {
                // SAFETY: made in `start`, deleted once, on the environment's thread.
                unsafe { sys::napi_delete_reference(environment.raw(), reference) };
            }
        }
        if !interrupt.function.is_null() {
            // SAFETY: made in `start`, with one acquisition, which is released once.
            unsafe {
                let mode = sys::ThreadsafeFunctionReleaseMode::abort;
                sys::napi_release_threadsafe_function(interrupt.function, mode);
            }
        }
    }
}

unsafe extern "C" fn on_interrupt(env: sys::napi_env, _function: Value, context: *mut c_void, _data: *mut c_void) {
    if env.is_null() {
        return;
    }
    // SAFETY: the context given at creation. The first call comes after the gate has been opened: from then on it is never freed.
    let interrupt = unsafe { &*context.cast::<Interrupt>() };
    // While an immediate is on its way it takes the turn.
    if !interrupt.scheduled.get() {
        interrupt.turn();
    }
}

unsafe extern "C" fn on_immediate(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    let mut data = ptr::null_mut();
    let nothing = ptr::null_mut();
    // SAFETY: the engine has called with `info`, and is asked only for the data pointer.
    if !ok(unsafe { sys::napi_get_cb_info(env, info, nothing, ptr::null_mut(), ptr::null_mut(), &raw mut data) }) {
        return ptr::null_mut();
    }
    // SAFETY: the pointer given at creation. No JavaScript gets the function before `start` is through; from then on it stays.
    let interrupt = unsafe { &*data.cast::<Interrupt>() };
    interrupt.scheduled.set(false);
    interrupt.turn();
    boolean(env, !interrupt.environment().is_over())
}

/// The environment ends: no more interrupts, then the sockets. The small `Interrupt` stays: a release is
/// asynchronous, and its last callback may still come.
unsafe extern "C" fn on_end(data: *mut c_void) {
    // SAFETY: the pointer that the hook was added with, last of all: it is never freed, so also not where a callback still comes.
    let interrupt = unsafe { &*data.cast::<Interrupt>() };
    let function = interrupt.gate.close();
    interrupt.environment().net(|net| interrupt.watch.stop(net));
    interrupt.environment().end();
    if let Some(function) = function {
        // SAFETY: the one acquisition, released once.
        unsafe {
            sys::napi_release_threadsafe_function(function.0, sys::ThreadsafeFunctionReleaseMode::abort);
        }
    }
}
