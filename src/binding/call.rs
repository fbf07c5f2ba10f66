//! One call from JavaScript: its arguments, and what becomes of a panic in it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use napi::sys;

use super::environment::Environment;
use super::events::SLOTS;
use super::values::{Raw, Value, boolean, failure, int, null, ok, to_bool, to_bytes, to_string, to_u32, undefined};
use crate::net::memory::NoMemory;
use crate::net::{Id, SocketError, hooks, panic_message};

/// What the slots say where this turn has no more events for a host: a kind that there is not.
pub const NO_EVENT: [u32; SLOTS] = [0, u32::MAX, 0, 0, 0];

/// The most arguments that a function takes.
const ARGUMENTS: usize = 5;

/// One call from JavaScript.
pub struct Call<'a> {
    /// Whose sockets it is about.
    pub environment: &'a Environment,
    /// The raw environment.
    pub raw: Raw,
    /// Missing ones are undefined.
    pub arguments: [Value; ARGUMENTS],
}

impl Call<'_> {
    /// The first argument, as the socket's number.
    pub fn id(&self) -> Id {
        Id::from_number(to_u32(self.raw, self.arguments[0]).unwrap_or(u32::MAX))
    }

    /// An argument that is a whole number.
    pub fn number(&self, index: usize) -> u32 {
        to_u32(self.raw, self.arguments[index]).unwrap_or(0)
    }

    /// An argument as a boolean; false where it is none.
    pub fn flag(&self, index: usize) -> bool {
        to_bool(self.raw, self.arguments[index]).unwrap_or(false)
    }

    /// An argument that is a string.
    pub fn text(&self, index: usize) -> Result<Option<String>, NoMemory> {
        to_string(self.raw, self.arguments[index])
    }

    /// The bytes of an argument, good until this call returns: no JavaScript runs in it.
    pub fn bytes(&self, index: usize) -> Option<&[u8]> {
        // SAFETY: the slice lives as long as this call is borrowed. Nothing in it runs JavaScript before the bytes are copied or
        // written.
        unsafe { to_bytes(self.raw, self.arguments[index]) }
    }

    /// What the caller encoded into its scratch buffer.
    pub fn scratch(&self, id: Id, length: u32) -> &[u8] {
        let owner = self.environment.net(|net| net.owner(id)).flatten().unwrap_or(u32::MAX);
        // SAFETY: the bytes are copied or written in this call, before JavaScript runs again.
        self.environment.host(owner, |host| unsafe { host.scratch(length as usize) }).unwrap_or(&[])
    }
}

/// What a function answers with when it has panicked: JavaScript looks for a Failure only where docs/binding.md promises one.
#[derive(Clone, Copy)]
pub enum Panicked {
    /// A Failure, which JavaScript throws.
    Failure,
    /// This number; the socket breaks down, which an event tells.
    Number(i32),
    /// false; likewise.
    False,
    /// null; likewise.
    Null,
    /// undefined; likewise.
    Undefined,
    /// As `next()` where there is no event.
    NoEvent,
}

/// Runs the function of this name. A panic in a socket has become an error of it in `net`; any other is answered as `panicked` says.
pub fn run(
    raw: Raw,
    info: sys::napi_callback_info,
    name: &'static str,
    function: impl FnOnce(&Call<'_>) -> Value,
    panicked: Panicked,
) -> Value {
    let mut arguments = [ptr::null_mut(); ARGUMENTS];
    let (mut count, mut data) = (ARGUMENTS, ptr::null_mut());
    // SAFETY: the engine has called with `info`; there is room for `count` arguments, and missing ones are filled with undefined.
    let asked = unsafe {
        sys::napi_get_cb_info(raw, info, &raw mut count, arguments.as_mut_ptr(), ptr::null_mut(), &raw mut data)
    };
    if !ok(asked) {
        return ptr::null_mut();
    }
    // SAFETY: the data is what `define` has given: the environment, which lives longer than its functions can be called.
    let environment = unsafe { &*data.cast::<Environment>() };
    let call = Call { environment, raw, arguments };
    let called = guarded(|| {
        hooks::pass(name);
        function(&call)
    });
    match called {
        Ok(value) => {
            environment.after_call();
            value
        }
        Err(panic) => answer_panic(&call, &*panic, panicked),
    }
}

#[cold]
fn answer_panic(call: &Call<'_>, panic: &(dyn Any + Send), panicked: Panicked) -> Value {
    let answer = match panicked {
        Panicked::Failure => return failure(call.raw, &SocketError::Panic { message: panic_message(panic) }),
        Panicked::Number(number) => int(call.raw, number),
        Panicked::False => boolean(call.raw, false),
        Panicked::Null => null(call.raw),
        Panicked::Undefined => undefined(call.raw),
        Panicked::NoEvent => {
            call.environment.excuse();
            let _ = guarded(|| leave_numbers(call, NO_EVENT));
            return undefined(call.raw);
        }
    };
    // What it was to do is not done, and nobody is told by the answer.
    let _ = guarded(|| {
        call.environment.net(|net| net.break_down(call.id(), panic));
        call.environment.after_call();
    });
    answer
}

/// Runs what may panic.
pub fn guarded<T>(part: impl FnOnce() -> T) -> std::thread::Result<T> {
    catch_unwind(AssertUnwindSafe(part))
}

/// Leaves an event's numbers where the caller of `next()` reads them.
pub fn leave_numbers(call: &Call<'_>, numbers: [u32; SLOTS]) {
    call.environment.host(call.number(0), |host| host.leave(numbers));
}
