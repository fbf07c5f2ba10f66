//! The wake sources without libuv. A watch waits for the poll set on another thread. When the set is ready, the watch interrupts JavaScript
//! once, through a threadsafe function. Then JavaScript takes turns by `setImmediate()`, as long as there are events, and for some microseconds
//! more if that has paid lately (`busy_poll.rs`). Then it arms the watch again. So one interrupt is enough for many messages.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::time::{Duration, Instant};

use napi::sys;

use super::busy_poll::{BusyPoll, Costs};
use super::gate::{Gate, ThreadsafeFunction};
use super::turns::{Turns, Wake};
use crate::binding::env::{Env, Raw, Value, ok};
use crate::binding::reference::Reference;
use crate::net::Net;

/// An interrupt and arming the watch again cost much, so one short wait is enough for the next poll.
const INTERRUPT_COSTS: Costs = Costs { limit: Duration::from_micros(30), wake_up: Duration::from_micros(70), first: 1 };

/// Waits on the poll set, on another thread.
pub trait Watch {
    /// Arms the watch: it interrupts JavaScript once, as soon as the set is ready, or at once if the set is ready already.
    fn arm(&self, net: &mut Net);

    /// Called before each turn. Gives the poll set back to `net`, if the watch has borrowed it for the wait.
    fn collect(&self, net: &mut Net);

    /// Stops waiting, because the environment ends.
    fn stop(&self, net: &mut Net);
}

/// The environment's side of a wake source without libuv.
struct Interrupt<T> {
    /// The environment. It is freed only after `on_end` has run, and nothing uses this pointer after that.
    turns: *const T,
    /// The gate through which the watch's thread interrupts JavaScript.
    gate: Gate,
    /// The threadsafe function. `on_end` releases it, through the gate.
    function: sys::napi_threadsafe_function,
    /// The watch, which waits on the poll set.
    watch: Box<dyn Watch>,
    /// Makes the immediates that take turns.
    immediates: Immediates,
    /// True while an immediate is scheduled that has not run yet.
    is_scheduled: Cell<bool>,
    /// True while the process is to stay alive for the sockets.
    is_kept: Cell<bool>,
    /// When a turn last had an event.
    last_event: Cell<Instant>,
    /// Decides whether turns go on after the last event.
    busy_poll: RefCell<BusyPoll>,
}

impl<T: Turns> Interrupt<T> {
    fn turns(&self) -> &T {
        // SAFETY: the environment is freed only after the hook `on_end` has run, and nothing calls this function after that. There are no
        // interrupts, because the gate is closed. There are no immediates, because JavaScript has ended. The environment does not call its
        // `Wake` any more, because it has ended itself.
        unsafe { &*self.turns }
    }

    /// Takes one turn. Then it schedules an immediate for the next turn, or arms the watch.
    fn turn(&self, env: Env<'_>) {
        let turns = self.turns();
        turns.net(|net| self.watch.collect(net));
        let had_event = turns.turn(env, true);
        let Some(work) = turns.net(|net| net.has_work()) else { return };
        if had_event {
            self.last_event.set(Instant::now());
            self.busy_poll.borrow_mut().hit();
        }
        if had_event || work || self.goes_on_polling() {
            self.schedule(env);
        } else {
            self.busy_poll.borrow_mut().sleeps(Instant::now());
            turns.net(|net| self.watch.arm(net));
        }
    }

    /// Whether turns go on although the last one had no event.
    fn goes_on_polling(&self) -> bool {
        let mut busy_poll = self.busy_poll.borrow_mut();
        let Some(limit) = busy_poll.limit().filter(|_| self.is_kept.get()) else { return false };
        let goes_on = self.last_event.get().elapsed() < limit;
        if !goes_on {
            busy_poll.miss();
        }
        goes_on
    }

    /// Schedules an immediate that takes the next turn, unless one is scheduled already.
    fn schedule(&self, env: Env<'_>) {
        if self.is_scheduled.get() {
            return;
        }
        if let Ok(immediate) = self.immediates.schedule(env) {
            self.is_scheduled.set(true);
            if !self.is_kept.get() {
                // An immediate alone must not keep the process alive. In a runtime whose immediates have no unref() this call fails. That
                // is harmless.
                let _ = env.call_method(immediate, env.get(immediate, c"unref"), None);
                // The event loop may block in spite of such an immediate, until other work comes. An interrupt ends that wait. The
                // interrupt takes no turn itself while an immediate is scheduled.
                self.gate.interrupt();
            }
        }
    }
}

/// The [`Wake`] of an [`Interrupt`]. An `Interrupt` that has started is never freed.
struct InterruptWake<T: 'static>(&'static Interrupt<T>);

impl<T: Turns> Wake for InterruptWake<T> {
    fn need_turn(&self, env: Env<'_>) {
        self.0.schedule(env);
    }

    fn keep_alive(&self, env: Env<'_>, stay: bool) {
        if self.0.is_kept.replace(stay) != stay {
            // SAFETY: an `Env` exists only on its environment's thread, while the environment is live, and `function` was made in this
            // environment. Only `on_end` releases `function`. `on_end` also ends the sockets, and after that the environment does not call
            // its wake source.
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

/// Makes the threadsafe function and the watch. After an error neither is left. `options` is the argument of `attach()`.
/// `busy_poll_limit`: how long the program wants the thread to poll at most.
pub fn start<'scope, T: Turns + 'static>(
    turns: &T,
    env: Env<'scope>,
    options: Value<'scope>,
    busy_poll_limit: Option<Duration>,
    watch: impl FnOnce(&mut Net, Gate) -> io::Result<Box<dyn Watch>>,
) -> io::Result<Box<dyn Wake>> {
    let gate = Gate::default();
    let watch = turns.net(|net| watch(net, gate.clone()));
    let watch = watch.unwrap_or_else(|| Err(io::Error::other("the environment is ending")))?;
    // The functions need the address of the `Interrupt` before it is written. Nothing calls them before that.
    let address: *mut Interrupt<T> = Box::into_raw(Box::<Interrupt<T>>::new_uninit()).cast();
    let Some((immediates, function)) = functions::<T>(env, options, address.cast()) else {
        // SAFETY: `address` is from Box::into_raw above, and its memory is still uninitialised. The two functions that know the address are
        // gone or will never be called: JavaScript has not received the first one, and the gate was never opened for the second one.
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
        busy_poll: RefCell::new(BusyPoll::new(INTERRUPT_COSTS, busy_poll_limit)),
    };
    // SAFETY: `address` is from Box::into_raw above. It has room for one `Interrupt`, and none was written yet.
    unsafe { address.write(interrupt) };
    // SAFETY: the `Interrupt` has just been written to `address`. It is never freed, because callbacks may come until the threadsafe
    // function is released, and that happens asynchronously. From now on there are only shared references to it.
    let interrupt: &'static Interrupt<T> = unsafe { &*address };
    interrupt.gate.open(function);
    turns.net(|net| interrupt.watch.arm(net));
    Ok(Box::new(InterruptWake(interrupt)))
}

/// Makes everything that knows the address `data` of the `Interrupt`: the two functions, and last the cleanup hook. Returns `None` if one
/// of them cannot be made; then none of them is left.
fn functions<'scope, T: Turns + 'static>(
    env: Env<'scope>,
    options: Value<'scope>,
    data: *mut c_void,
) -> Option<(Immediates, ThreadsafeFunction)> {
    let immediates = Immediates::new::<T>(env, options, data)?;
    // SAFETY: an `Env` exists only on its environment's thread, while the environment is live. `start` writes the `Interrupt` to `data`
    // before anything else can happen on this thread. It never frees the `Interrupt` once the hook was added.
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
    // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; resource and name are handles of the `Env`'s
    // scope; there is no JavaScript function and no finalizer; the engine only stores `data`, for `on_interrupt`; `function` outlives the
    // call.
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
    // SAFETY: the call has made `function` with one acquisition, and this code is the only one to have it.
    ok(status).then(|| unsafe { ThreadsafeFunction::from_raw(function) })
}

/// Schedules immediates, each of which takes one turn.
struct Immediates {
    /// The function `setImmediate` of the options.
    set_immediate: Reference,
    /// The argument of `setImmediate`: a function that calls [`on_immediate`].
    take_turn: Reference,
}

impl Immediates {
    fn new<'scope, T: Turns + 'static>(env: Env<'scope>, options: Value<'scope>, data: *mut c_void) -> Option<Self> {
        let set_immediate = Reference::strong(env, env.get(options, c"setImmediate"))?;
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the function has no name; the engine
        // only stores `data`, for `on_immediate`; `out` points to a local variable of `made`.
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

    /// Makes an immediate that calls [`on_immediate`]. `Err` if `setImmediate` throws.
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
    // SAFETY: `context` is the pointer with which the threadsafe function was made. That function can be called only once the gate is open.
    // By then the `Interrupt` was written, and it is never freed.
    let interrupt = unsafe { &*context.cast::<Interrupt<T>>() };
    // If an immediate is scheduled, the immediate takes the turn.
    if !interrupt.is_scheduled.get() {
        interrupt.busy_poll.borrow_mut().wakes(Instant::now);
        // SAFETY: the engine calls `on_interrupt` on the thread of `env`, while `env` is live. It has opened a handle scope for the
        // callback.
        unsafe { Env::with(env, |env| interrupt.turn(env)) };
    }
}

/// JavaScript calls this in an immediate. The returned value is false if JavaScript was terminated in the turn.
unsafe extern "C" fn on_immediate<T: Turns + 'static>(env: Raw, info: sys::napi_callback_info) -> sys::napi_value {
    let mut data = ptr::null_mut();
    let nothing = ptr::null_mut();
    // SAFETY: the engine calls this with its `env` and `info`; `data` outlives the call, and null means that nothing else is wanted.
    if !ok(unsafe { sys::napi_get_cb_info(env, info, nothing, ptr::null_mut(), ptr::null_mut(), &raw mut data) }) {
        return ptr::null_mut();
    }
    // SAFETY: `data` is the pointer with which the function was made. JavaScript receives the function only from `schedule`. By then the
    // `Interrupt` was written, and it is never freed.
    let interrupt = unsafe { &*data.cast::<Interrupt<T>>() };
    interrupt.is_scheduled.set(false);
    let turn = |env: Env<'_>| {
        interrupt.turn(env);
        env.boolean(!interrupt.turns().is_terminated()).raw()
    };
    // SAFETY: the engine calls `on_immediate` on the thread of `env`, while `env` is live. It has opened a handle scope for the callback.
    unsafe { Env::with(env, turn) }
}

/// The environment ends. First the interrupts stop, then the sockets end, then the threadsafe function is released.
unsafe extern "C" fn on_end<T: Turns + 'static>(data: *mut c_void) {
    // SAFETY: `data` is the address with which the hook was added. The `Interrupt` was written there right after that, and it is never
    // freed.
    let interrupt = unsafe { &*data.cast::<Interrupt<T>>() };
    let function = interrupt.gate.close();
    interrupt.turns().net(|net| interrupt.watch.stop(net));
    interrupt.turns().end();
    drop(function);
}
