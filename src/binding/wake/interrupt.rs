//! Where libuv does not watch: a watch on another thread interrupts JavaScript through a threadsafe function, once.
//! JavaScript then takes turns by setImmediate until there is nothing for a moment, and arms the watch again: never a wake a message.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use napi::sys;

use super::Wake;
use crate::binding::environment::Environment;
use crate::binding::host::dereference;
use crate::binding::values::{Value, boolean, ok, string};
use crate::net::Net;

/// Turns go on for that long after the last event: about what an interrupt and the way back to the watch cost. A peer that answers at once
/// is served without either.
const LINGER: Duration = Duration::from_micros(20);

/// The threadsafe function, behind a lock that is closed before the environment goes: a call into one that is being
/// torn down crashes Node.
#[derive(Clone)]
pub struct Gate(Arc<Mutex<Option<ThreadsafeFunction>>>);

struct ThreadsafeFunction(sys::napi_threadsafe_function);

// SAFETY: what a threadsafe function is for. It is used under the gate's lock only.
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
    take_turn: RefCell<sys::napi_ref>,
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
        let take_turn = dereference(raw, *self.take_turn.borrow());
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
        // SAFETY: freed with the process; see `on_end`.
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
            // SAFETY: on the environment's thread, the function is not released before `on_end`.
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

/// Makes the threadsafe function and the watch.
pub fn start(
    environment: &Environment,
    watch: impl FnOnce(&mut Net, Gate) -> io::Result<Box<dyn Watch>>,
) -> io::Result<Box<dyn Wake>> {
    let raw = environment.raw();
    let gate = Gate(Arc::new(Mutex::new(None)));
    let watch = environment.net(|net| watch(net, gate.clone()));
    let watch = watch.unwrap_or_else(|| Err(io::Error::other("the environment is ending")))?;
    let set_immediate = environment.host(0, |host| host.option(c"setImmediate")).unwrap_or(ptr::null_mut());
    let resource = environment.resource();
    let interrupt = Box::into_raw(Box::new(Interrupt {
        environment,
        gate,
        function: ptr::null_mut(),
        watch,
        set_immediate: ptr::null_mut(),
        take_turn: RefCell::new(ptr::null_mut()),
        scheduled: Cell::new(false),
        kept: Cell::new(true),
        last: Cell::new(Instant::now()),
    }));
    let failed = || io::Error::other("the runtime made no threadsafe function");
    // SAFETY: live handles, on the environment's thread; `interrupt` outlives the environment.
    unsafe {
        let mut function = ptr::null_mut();
        let name = string(raw, "tcp-udp-sockets");
        let (no_value, no_data) = (ptr::null_mut(), ptr::null_mut());
        let status = sys::napi_create_threadsafe_function(
            raw,
            no_value,
            resource,
            name,
            0,
            1,
            no_data,
            None,
            interrupt.cast(),
            Some(on_interrupt),
            &raw mut function,
        );
        if !ok(status) {
            return Err(failed());
        }
        let mut take_turn = ptr::null_mut();
        let status =
            sys::napi_create_function(raw, ptr::null(), 0, Some(on_immediate), interrupt.cast(), &raw mut take_turn);
        if !ok(status)
            || !ok(sys::napi_create_reference(raw, take_turn, 1, (*interrupt).take_turn.as_ptr()))
            || !ok(sys::napi_create_reference(raw, set_immediate, 1, &raw mut (*interrupt).set_immediate))
        {
            return Err(failed());
        }
        (*interrupt).function = function;
        *(*interrupt).gate.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ThreadsafeFunction(function));
        sys::napi_add_env_cleanup_hook(raw, Some(on_end), interrupt.cast());
        environment.net(|net| (*interrupt).watch.arm(net));
        Ok(Box::new(InterruptWake(interrupt)))
    }
}

unsafe extern "C" fn on_interrupt(env: sys::napi_env, _function: Value, context: *mut c_void, _data: *mut c_void) {
    if env.is_null() {
        return;
    }
    // SAFETY: the context given at creation, alive until the process ends.
    let interrupt = unsafe { &*context.cast::<Interrupt>() };
    // While an immediate is on its way it takes the turn.
    if !interrupt.scheduled.get() {
        interrupt.turn();
    }
}

unsafe extern "C" fn on_immediate(env: sys::napi_env, info: sys::napi_callback_info) -> Value {
    let mut data = ptr::null_mut();
    // SAFETY: asks only for the data pointer given at creation.
    unsafe {
        sys::napi_get_cb_info(env, info, ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), &raw mut data);
        let interrupt = &*data.cast::<Interrupt>();
        interrupt.scheduled.set(false);
        interrupt.turn();
        boolean(env, !interrupt.environment().is_over())
    }
}

/// The environment ends: no more interrupts, then the sockets. The small `Interrupt` stays: a release is
/// asynchronous, and its last callback may still come.
unsafe extern "C" fn on_end(data: *mut c_void) {
    // SAFETY: the pointer given at creation.
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
