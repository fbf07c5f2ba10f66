//! The entry point of every call from JavaScript. It also decides what a function returns after a panic.

use std::any::Any;
use std::ptr;

use napi::sys;

use super::call::{ARGUMENTS, Call};
use super::env::{Env, Raw, Value, ok};
use super::environment::Environment;
use super::guard::guarded;
use super::package_instance::SLOTS;
use crate::net::{SocketError, hooks, panic_message};

/// What `next()` leaves in the slots if this turn has no more events for the package instance. No event has the kind `u32::MAX`.
pub const NO_EVENT: [u32; SLOTS] = [0, u32::MAX, 0, 0, 0];

/// What a function returns after a panic. It returns a Failure only where docs/binding.md says that it can return one. After a panic in any
/// other function the socket ends with an error, and events report that.
#[derive(Clone, Copy)]
pub enum Panicked {
    /// A Failure, from which JavaScript makes the exception.
    Failure,
    /// This number.
    Number(i32),
    /// false.
    False,
    /// null.
    Null,
    /// undefined.
    Undefined,
    /// What `next()` returns if there is no event.
    NoEvent,
}

/// Runs `function` for a call from JavaScript. `name` is the name of the function. If one socket panics, `net` turns the panic into an
/// error of that socket, and `function` returns as usual. After any other panic this returns what `panicked` says.
///
/// # Safety
/// The engine must have passed `raw` and `info` to the call that is running now. The called function's data must be a live [`Environment`]
/// that was made for `raw`.
pub unsafe fn run(
    raw: Raw,
    info: sys::napi_callback_info,
    name: &'static str,
    function: impl for<'scope> FnOnce(&Call<'scope>) -> Value<'scope>,
    panicked: Panicked,
) -> sys::napi_value {
    let run = |env: Env<'_>| {
        let mut arguments = [Value::NOTHING; ARGUMENTS];
        let (mut count, mut data) = (ARGUMENTS, ptr::null_mut());
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live, and the caller promises that the engine
        // has passed `info` to this call. `arguments` has room for `count` pointers, because a `Value` has the layout of the pointer that
        // the engine writes. The engine writes handles of this call's scope, which is the scope of `env`. It fills missing arguments with
        // undefined. Null means that `this` is not wanted.
        let read = unsafe {
            let (arguments, count, data) = (arguments.as_mut_ptr().cast(), &raw mut count, &raw mut data);
            sys::napi_get_cb_info(env.raw(), info, count, arguments, ptr::null_mut(), data)
        };
        if !ok(read) {
            return ptr::null_mut();
        }
        // SAFETY: the caller promises that `data` points to a live `Environment`. The engine frees it only when none of the environment's
        // functions can run any more, so not before this call returns.
        let environment = unsafe { &*data.cast::<Environment>() };
        run_guarded(&Call { environment, env, arguments, given: count }, name, function, panicked).raw()
    };
    // SAFETY: the engine calls this function on the thread of the environment `raw`, while `raw` is live. It has opened a handle scope
    // for the callback.
    unsafe { Env::with(raw, run) }
}

/// Runs the function that JavaScript called, then `after_call`, which is due after every call. Returns the function's result.
#[inline(always)]
fn run_guarded<'scope>(
    call: &Call<'scope>,
    name: &'static str,
    function: impl FnOnce(&Call<'scope>) -> Value<'scope>,
    panicked: Panicked,
) -> Value<'scope> {
    let called = guarded(|| {
        hooks::pass(name);
        call.environment.count_taken(call.env);
        function(call)
    });
    match called {
        Ok(value) => {
            call.environment.after_call(call.env);
            value
        }
        Err(panic) => answer_panic(call, &*panic, panicked),
    }
}

#[cold]
fn answer_panic<'scope>(call: &Call<'scope>, panic: &(dyn Any + Send), panicked: Panicked) -> Value<'scope> {
    let answer = match panicked {
        Panicked::Failure => return call.env.failure(&SocketError::Panic { message: panic_message(panic) }),
        Panicked::Number(number) => call.env.int(number),
        Panicked::False => call.env.boolean(false),
        Panicked::Null => call.env.null(),
        Panicked::Undefined => call.env.undefined(),
        Panicked::NoEvent => {
            call.environment.note_missed_event();
            let _ = guarded(|| call.leave_numbers(NO_EVENT));
            return call.env.undefined();
        }
    };
    // The function has not done its work, and `answer` does not show that. So the socket reports it, by an error event.
    let _ = guarded(|| {
        call.environment.net(|net| net.break_down(call.id(), panic));
        call.environment.after_call(call.env);
    });
    answer
}
