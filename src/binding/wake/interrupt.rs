//! The wake sources without libuv: a watch on another thread interrupts JavaScript through a threadsafe function, once. JavaScript then
//! takes turns by `setImmediate()` until there has been nothing to do for a moment, and arms the watch again. So there is not one
//! wake-up for each message.

use std::cell::Cell;
use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::time::{Duration, Instant};

use napi::sys;

use super::gate::{Gate, ThreadsafeFunction};
use super::turns::{Turns, Wake};
use crate::binding::env::{Env, Raw, Value, ok};
use crate::binding::reference::Reference;
use crate::net::Net;

/// Turns go on for this long after the last event. It is about what an interrupt and the way back to the watch cost. A peer that
/// answers at once is served without either.
const KEEP_POLLING: Duration = Duration::from_micros(20);

/// What waits on the poll set, on another thread.
pub trait Watch {
    /// From now on a ready set interrupts JavaScript, once; at once if the set is ready already.
    fn arm(&self, net: &mut Net);

    /// Before a turn: takes what the wait has brought.
    fn collect(&self, net: &mut Net);

    /// The environment ends: stops waiting.
    fn stop(&self, net: &mut Net);
}

/// The environment's end of such a wake source.
struct Interrupt<T> {
    /// The environment. It lives until after `on_end`, and nothing is called here after that.
    turns: *const T,
    /// What the watch's thread interrupts through.
    gate: Gate,
    /// The threadsafe function. `on_end` releases it, through the gate.
    function: sys::napi_threadsafe_function,
    /// What waits on the poll set.
    watch: Box<dyn Watch>,
    /// How turns follow one another.
    immediates: Immediates,
    /// Whether an immediate is on its way.
    is_scheduled: Cell<bool>,
    /// Whether the process is to stay alive for the sockets.
    is_kept: Cell<bool>,
    /// When a turn last had an event.
    last_event: Cell<Instant>,
}

impl<T: Turns> Interrupt<T> {
    fn turns(&self) -> &T {
        // SAFETY: the environment is freed after the hook `on_end` has run, and nothing calls this afterwards: the gate is closed, so
        // there are no interrupts; JavaScript has ended, so there are no immediates; and the environment, which has the `Wake`, is
        // what ends.
        unsafe { &*self.turns }
    }

    /// Takes one turn. Then the next one comes by `setImmediate`, or the watch is armed.
    fn turn(&self, env: Env<'_>) {
        let turns = self.turns();
        turns.net(|net| self.watch.collect(net));
        let had_event = turns.turn(env, true);
        let Some(work) = turns.net(|net| net.has_work()) else { return };
        if had_event {
            self.last_event.set(Instant::now());
        }
        if had_event || work || (self.is_kept.get() && self.last_event.get().elapsed() < KEEP_POLLING) {
            self.schedule(env);
        } else {
            turns.net(|net| self.watch.arm(net));
        }
    }

    /// Makes an immediate that takes the next turn, if none is on its way.
    fn schedule(&self, env: Env<'_>) {
        if self.is_scheduled.get() {
            return;
        }
        if let Ok(immediate) = self.immediates.schedule(env) {
            self.is_scheduled.set(true);
            if !self.is_kept.get() {
                // An immediate must not keep the process alive by itself. A runtime whose immediates have no unref() returns an error
                // here, which changes nothing.
                let _ = env.call_method(immediate, env.get(immediate, c"unref"), None);
                // The loop may block in spite of such an immediate, and would wait for other work. An interrupt ends that wait. It takes
                // no turn itself while the immediate is on its way.
                self.gate.interrupt();
            }
        }
    }
}

/// The [`Wake`] of an [`Interrupt`], which is never freed once it has started.
struct InterruptWake<T: 'static>(&'static Interrupt<T>);

impl<T: Turns> Wake for InterruptWake<T> {
    fn need_turn(&self, env: Env<'_>) {
        self.0.schedule(env);
    }

    fn keep_alive(&self, env: Env<'_>, stay: bool) {
        if self.0.is_kept.replace(stay) != stay {
            // SAFETY: an `Env` is live and on its thread, and the function is one of it. `on_end` alone releases it, when the sockets
            // go; after that the environment does not call its wake source.
            unsafe {
                if stay {
                    sys::napi_ref_threadsafe_function(env.raw(), self.0.function);
                } else {
                    sys::napi_unref_threadsafe_function(env.raw(), self.0.function);
                }
            }
        }
    }

    fn is_at_bottom(&self) -> bool {
        false
    }
}

/// Makes the threadsafe function and the watch. Where something fails, nothing is left of it. `options`: what `attach()` was given.
pub fn start<'scope, T: Turns + 'static>(
    turns: &T,
    env: Env<'scope>,
    options: Value<'scope>,
    watch: impl FnOnce(&mut Net, Gate) -> io::Result<Box<dyn Watch>>,
) -> io::Result<Box<dyn Wake>> {
    let gate = Gate::default();
    let watch = turns.net(|net| watch(net, gate.clone()));
    let watch = watch.unwrap_or_else(|| Err(io::Error::other("the environment is ending")))?;
    // The functions need the address before there is an interrupt. None of them is called before.
    let address: *mut Interrupt<T> = Box::into_raw(Box::<Interrupt<T>>::new_uninit()).cast();
    let Some((immediates, function)) = functions::<T>(env, options, address.cast()) else {
        // SAFETY: from Box::into_raw above, and still uninitialised. The functions that know the address are gone, or will never be
        // called: no JavaScript has got the one, and the gate has never been open for the other.
        drop(unsafe { Box::from_raw(address.cast::<MaybeUninit<Interrupt<T>>>()) });
        turns.net(|net| watch.stop(net));
        return Err(io::Error::other("the runtime made no threadsafe function"));
    };
    let interrupt = Interrupt {
        turns,
        gate,
        function: function.raw(),
        watch,
        immediates,
        is_scheduled: Cell::new(false),
        is_kept: Cell::new(true),
        last_event: Cell::new(Instant::now()),
    };
    // SAFETY: `address` is from Box::into_raw above, with room for an interrupt, and there is none in it yet.
    unsafe { address.write(interrupt) };
    // SAFETY: it has just been written, and is never freed: a callback may come as late as the release of the threadsafe function,
    // which is asynchronous. From now on all have only shared references to it.
    let interrupt: &'static Interrupt<T> = unsafe { &*address };
    interrupt.gate.open(function);
    turns.net(|net| interrupt.watch.arm(net));
    Ok(Box::new(InterruptWake(interrupt)))
}

/// All that knows the address of the interrupt: the functions, and last the hook. `None`, and nothing is left, where one fails.
fn functions<'scope, T: Turns + 'static>(
    env: Env<'scope>,
    options: Value<'scope>,
    data: *mut c_void,
) -> Option<(Immediates, ThreadsafeFunction)> {
    let immediates = Immediates::new::<T>(env, options, data)?;
    // SAFETY: an `Env` is live and on its thread. `start` writes the interrupt to `data` before anything else can happen on this thread,
    // and never frees it where the hook was added.
    let add_hook = || ok(unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(on_end::<T>), data) });
    match threadsafe_function::<T>(env, options, data).filter(|_| add_hook()) {
        Some(function) => Some((immediates, function)),
        None => {
            immediates.delete(env);
            None
        }
    }
}

/// The function through which the watch interrupts JavaScript. It calls [`on_interrupt`] with `data`.
fn threadsafe_function<'scope, T: Turns + 'static>(
    env: Env<'scope>,
    options: Value<'scope>,
    data: *mut c_void,
) -> Option<ThreadsafeFunction> {
    let (resource, name) = (env.get(options, c"resource"), env.string("tcp-udp-sockets"));
    let mut function = ptr::null_mut();
    // SAFETY: an `Env` is live and on its thread; resource and name are handles of its scope; there is no function of JavaScript's and
    // no finalizer; the engine only keeps `data`, for `on_interrupt`; `function` outlives the call.
    let status = unsafe {
        sys::napi_create_threadsafe_function(
            env.raw(),
            ptr::null_mut(),
            resource.raw(),
            name.raw(),
            0,
            1,
            ptr::null_mut(),
            None,
            data,
            Some(on_interrupt::<T>),
            &raw mut function,
        )
    };
    // SAFETY: the call has made the function with one acquisition, this one.
    ok(status).then(|| unsafe { ThreadsafeFunction::from_raw(function) })
}

/// How turns follow one another.
struct Immediates {
    /// The function `setImmediate` of the options.
    set_immediate: Reference,
    /// What it is given: a function that calls [`on_immediate`].
    take_turn: Reference,
}

impl Immediates {
    fn new<'scope, T: Turns + 'static>(env: Env<'scope>, options: Value<'scope>, data: *mut c_void) -> Option<Self> {
        let set_immediate = Reference::strong(env, env.get(options, c"setImmediate"))?;
        // SAFETY: an `Env` is live and on its thread; the function has no name; the engine only keeps `data`, for `on_immediate`; `made`
        // gives room for the result.
        let take_turn = env.made(|out| unsafe {
            sys::napi_create_function(env.raw(), ptr::null(), 0, Some(on_immediate::<T>), data, out)
        });
        match Reference::strong(env, take_turn) {
            Some(take_turn) => Some(Self { set_immediate, take_turn }),
            None => {
                set_immediate.delete(env);
                None
            }
        }
    }

    /// Makes an immediate that calls [`on_immediate`]. `Err` where `setImmediate` has thrown.
    fn schedule<'scope>(&self, env: Env<'scope>) -> Result<Value<'scope>, sys::napi_status> {
        let set_immediate = self.set_immediate.value(env);
        env.call_method(set_immediate, set_immediate, Some(self.take_turn.value(env)))
    }

    fn delete(self, env: Env<'_>) {
        self.set_immediate.delete(env);
        self.take_turn.delete(env);
    }
}

/// The engine calls this for an interrupt, on the environment's thread.
unsafe extern "C" fn on_interrupt<T: Turns + 'static>(
    env: Raw,
    _function: sys::napi_value,
    context: *mut c_void,
    _data: *mut c_void,
) {
    if env.is_null() {
        // The environment is ending.
        return;
    }
    // SAFETY: the context that the function was made with. It can be called only once the gate is open: then the interrupt has been
    // written, and it is never freed.
    let interrupt = unsafe { &*context.cast::<Interrupt<T>>() };
    // While an immediate is on its way, that takes the turn.
    if !interrupt.is_scheduled.get() {
        // SAFETY: the engine calls this with a live environment, on its thread, in a handle scope of the callback.
        unsafe { Env::with(env, |env| interrupt.turn(env)) };
    }
}

/// JavaScript calls this in an immediate. It returns whether JavaScript can go on.
unsafe extern "C" fn on_immediate<T: Turns + 'static>(env: Raw, info: sys::napi_callback_info) -> sys::napi_value {
    let mut data = ptr::null_mut();
    let nothing = ptr::null_mut();
    // SAFETY: the engine calls this with its `env` and `info`; `data` outlives the call, and null says that nothing else is wanted.
    if !ok(unsafe { sys::napi_get_cb_info(env, info, nothing, ptr::null_mut(), ptr::null_mut(), &raw mut data) }) {
        return ptr::null_mut();
    }
    // SAFETY: the data that the function was made with. JavaScript gets the function from `schedule`: then the interrupt has been
    // written, and it is never freed.
    let interrupt = unsafe { &*data.cast::<Interrupt<T>>() };
    interrupt.is_scheduled.set(false);
    let turn = |env: Env<'_>| {
        interrupt.turn(env);
        env.boolean(!interrupt.turns().is_terminated()).raw()
    };
    // SAFETY: the engine calls functions of a live environment, on its thread, in a handle scope of the callback.
    unsafe { Env::with(env, turn) }
}

/// The environment ends: there are no more interrupts, then the sockets end, then the threadsafe function is released.
unsafe extern "C" fn on_end<T: Turns + 'static>(data: *mut c_void) {
    // SAFETY: the address that the hook was added with. The interrupt was written right after, and it is never freed.
    let interrupt = unsafe { &*data.cast::<Interrupt<T>>() };
    let function = interrupt.gate.close();
    interrupt.turns().net(|net| interrupt.watch.stop(net));
    interrupt.turns().end();
    drop(function);
}
