//! Where a call from JavaScript comes in, and what it returns where it panics.

use std::any::Any;
use std::ptr;

use napi::sys;

use super::call::{ARGUMENTS, Call};
use super::env::{Env, Raw, Value, ok};
use super::environment::Environment;
use super::guard::guarded;
use super::package_instance::SLOTS;
use crate::net::{SocketError, hooks, panic_message};

/// The numbers that say that this turn has no more events for this copy of the package: the kind is one that does not exist.
pub const NO_EVENT: [u32; SLOTS] = [0, u32::MAX, 0, 0, 0];

/// What a function returns when it has panicked. JavaScript looks for a Failure only where docs/binding.md promises one; elsewhere
/// the socket breaks down, and events report that.
#[derive(Clone, Copy)]
pub enum Panicked {
    /// A Failure, which JavaScript throws.
    Failure,
    /// This number.
    Number(i32),
    /// false.
    False,
    /// null.
    Null,
    /// undefined.
    Undefined,
    /// What `next()` returns where there is no event.
    NoEvent,
}

/// Runs the function of this name. Where the panic is a socket's, `net` has made it an error of the socket, and the function returns
/// as usual. Any other panic is answered as `panicked` says.
///
/// # Safety
/// The engine must have called with `raw` and `info`, a function whose data is a live [`Environment`] of this `raw`.
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
        // SAFETY: an `Env` is live and on its thread, and the caller promises that the engine has called with `info`. There is room for
        // `count` arguments: a `Value` is laid out as the pointer that the engine writes, a handle of this call's scope, which is the
        // one of `env`. The engine fills missing ones with undefined. Null says that `this` is not wanted.
        let read = unsafe {
            let (arguments, count, data) = (arguments.as_mut_ptr().cast(), &raw mut count, &raw mut data);
            sys::napi_get_cb_info(env.raw(), info, count, arguments, ptr::null_mut(), data)
        };
        if !ok(read) {
            return ptr::null_mut();
        }
        // SAFETY: the caller promises that the data is a live `Environment`. It is freed when no function of it can run any more, so not
        // before this call returns.
        let environment = unsafe { &*data.cast::<Environment>() };
        run_guarded(&Call { environment, env, arguments }, name, function, panicked).raw()
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
    // The function has not done its work, and the answer does not say so: the socket reports it.
    let _ = guarded(|| {
        call.environment.net(|net| net.break_down(call.id(), panic));
        call.environment.after_call(call.env);
    });
    answer
}
