//! The functions of docs/binding.md. Each reads its arguments, calls `net`, and returns a plain value.

mod all_sockets;
mod figures;
mod open;
mod stream;
mod udp;

use std::ffi::c_void;
use std::ptr;

use napi::bindgen_prelude::{Error, Result};
use napi::sys;

use super::call::Call;
use super::entry::{NO_EVENT, Panicked, run};
use super::env::{Env, Raw, Value, ok};
use super::environment::Environment;
use super::failure::attempt;
use super::guard::guarded;
use super::numbers::NOT_OPEN;
use super::package_instance::{PackageInstance, SLOTS};
use super::wake::Source;
use super::{events, secure};
use crate::net::{Event, EventKind, SocketError, TlsPlace, hooks};
use crate::proto::ReadyState;

/// Adds every function to `exports`.
pub fn define<'scope>(env: Env<'scope>, exports: Value<'scope>) -> Result<()> {
    // SAFETY: an `Env` exists only on its environment's thread, while the environment is live. The engine keeps the environment live until
    // it calls `free`, which frees this `Environment`.
    let environment = Box::into_raw(Box::new(unsafe { Environment::new(env.raw()) }));
    // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; `free` expects exactly the pointer
    // `environment`; the engine calls `free` once, when no function of the environment can run any more. The hint is null, because `free`
    // needs none.
    let status = unsafe { sys::napi_set_instance_data(env.raw(), environment.cast(), Some(free), ptr::null_mut()) };
    if !ok(status) {
        return Err(Error::from_reason("the environment's data could not be set"));
    }
    macro_rules! define {
        ($($name:literal => $function:path, $panicked:expr;)*) => {
            $({
                unsafe extern "C" fn raw(env: Raw, info: sys::napi_callback_info) -> sys::napi_value {
                    // SAFETY: the engine calls this function with its `env` and `info`. `define_one` has set the `Environment` as the
                    // function's data. `free` frees the `Environment` only when no function can run any more.
                    unsafe { run(env, info, $name, $function, $panicked) }
                }
                define_one(env, exports, $name, raw, environment.cast())?;
            })*
        };
    }
    define! {
        "attach" => attach, Panicked::Failure;
        "next" => next, Panicked::NoEvent;
        "openTcp" => open::open_tcp, Panicked::Failure;
        "openAttempt" => open::open_attempt, Panicked::Failure;
        "openUdp" => open::open_udp, Panicked::Failure;
        "openServer" => open::open_server, Panicked::Failure;
        "openUnix" => open::open_unix, Panicked::Failure;
        "openUnixServer" => open::open_unix_server, Panicked::Failure;
        "openLookup" => open::open_lookup, Panicked::Failure;
        "openTimer" => open::open_timer, Panicked::Failure;
        "parseAddress" => open::parse_address, Panicked::Failure;
        "readyState" => all_sockets::ready_state, Panicked::Number(ReadyState::Closed as i32);
        "bufferedAmount" => all_sockets::buffered_amount, Panicked::Number(0);
        "connections" => all_sockets::connections, Panicked::Number(0);
        "bytesRead" => figures::bytes_read, Panicked::Number(0);
        "bytesWritten" => figures::bytes_written, Panicked::Number(0);
        "datagramsDropped" => figures::datagrams_dropped, Panicked::Number(0);
        "stats" => figures::stats, Panicked::Null;
        "hasPendingRead" => figures::has_pending_read, Panicked::Undefined;
        "features" => figures::features, Panicked::Null;
        "listen" => all_sockets::listen, Panicked::Undefined;
        "suspend" => all_sockets::suspend, Panicked::Undefined;
        "resume" => all_sockets::resume, Panicked::Undefined;
        "ref" => all_sockets::reference, Panicked::Undefined;
        "setOptions" => all_sockets::set_options, Panicked::Failure;
        "close" => all_sockets::close, Panicked::False;
        "shutdown" => all_sockets::shut_down, Panicked::False;
        "halfclose" => stream::half_close, Panicked::Undefined;
        "reset" => stream::reset, Panicked::Undefined;
        "finish" => stream::finish, Panicked::Undefined;
        "abort" => stream::abort, Panicked::Undefined;
        "giveBack" => stream::give_back, Panicked::Failure;
        "takeIn" => stream::take_in, Panicked::Undefined;
        "newMemory" => stream::new_memory, Panicked::Undefined;
        "readInto" => stream::read_into, Panicked::Number(0);
        "relay" => stream::relay, Panicked::Failure;
        "send" => stream::send, Panicked::Number(NOT_OPEN);
        "sendString" => stream::send_string, Panicked::Number(NOT_OPEN);
        "sendScratch" => stream::send_scratch, Panicked::Number(NOT_OPEN);
        "sendBlob" => stream::send_blob, Panicked::Number(NOT_OPEN);
        "checkSecure" => secure::check, Panicked::Failure;
        "startTls" => secure::start_tls, Panicked::Failure;
        "watchTlsPlace" => secure::watch_place, Panicked::Null;
        "secureInfo" => secure::secure_info, Panicked::Null;
        "setSecureContext" => secure::set_secure_context, Panicked::Failure;
        "certificateAnswer" => secure::certificate_answer, Panicked::Failure;
        "certificateFail" => secure::certificate_fail, Panicked::Number(0);
        "sendTo" => udp::send_to, Panicked::Failure;
        "sendStringTo" => udp::send_string_to, Panicked::Failure;
        "sendScratchTo" => udp::send_scratch_to, Panicked::Failure;
        "sendBlobTo" => udp::send_blob_to, Panicked::Failure;
        "join" => udp::join, Panicked::Failure;
        "leave" => udp::leave, Panicked::Failure;
        "blobPiece" => all_sockets::blob_piece, Panicked::Undefined;
        "blobFail" => all_sockets::blob_fail, Panicked::Undefined;
        "flush" => all_sockets::flush, Panicked::Undefined;
    }
    #[cfg(feature = "test-hooks")]
    define! {
        "panicAt" => panic_at, Panicked::Undefined;
        "panicsLeft" => panics_left, Panicked::Number(0);
    }
    Ok(())
}

/// Adds one function to `exports`. The engine passes `data` to each call of the function.
fn define_one<'scope>(
    env: Env<'scope>,
    exports: Value<'scope>,
    name: &'static str,
    function: unsafe extern "C" fn(Raw, sys::napi_callback_info) -> sys::napi_value,
    data: *mut c_void,
) -> Result<()> {
    let (start, length) = (name.as_ptr().cast(), name.len().cast_signed());
    // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; `length` bytes of UTF-8 lie at `start`; the
    // engine only stores `data`, for `function`; `out` points to a local variable of `made`.
    let made =
        env.made(|out| unsafe { sys::napi_create_function(env.raw(), start, length, Some(function), data, out) });
    if made.is_nothing() {
        return Err(Error::from_reason(format!("the function {name} could not be made")));
    }
    // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the three values are handles of the `Env`'s
    // scope or null, which the engine refuses.
    let status = unsafe { sys::napi_set_property(env.raw(), exports.raw(), env.string(name).raw(), made.raw()) };
    if !ok(status) {
        return Err(Error::from_reason(format!("the function {name} could not be exported")));
    }
    Ok(())
}

/// The engine calls this when the environment has ended.
unsafe extern "C" fn free(_env: Raw, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: `data` is from Box::into_raw in `define`. The engine calls `free` once with it, after the last call of a function that uses
    // it.
    drop(unsafe { Box::from_raw(data.cast::<Environment>()) });
}

/// `attach(serve, options)`.
fn attach<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let (serve, options) = (call.arguments[0], call.arguments[1]);
    let wake = attempt!(call, call.env.to_text(call.env.get(options, c"wake"))).unwrap_or_default();
    let tls = attempt!(call, call.env.to_text(call.env.get(options, c"tls"))).unwrap_or_default();
    // Without it, TLS connections are driven in both places.
    let place = if tls.is_empty() { Some(TlsPlace::Both) } else { TlsPlace::named(&tls) };
    match (Source::named(&wake), place, PackageInstance::new(call.env, serve, options)) {
        (Some(source), Some(place), Some((instance, answer))) => {
            call.environment.collect_young(call.env.to_bool(call.env.get(options, c"collectYoung")) == Some(true));
            call.environment.take_several(call.env.to_bool(call.env.get(options, c"takesSeveral")) == Some(true));
            call.env.set(answer, c"instance", call.env.uint(call.environment.attach(instance, source, place)));
            answer
        }
        _ => {
            let reason = "attach() takes serve and { wake, tls, setImmediate, resource }".to_owned();
            call.env.failure(&SocketError::BadOption { reason })
        }
    }
}

/// `next(instance)`: takes the next event of this turn that is for this package instance. Returns the event's first value, and leaves its
/// numbers in the slots. It never returns a Failure. If a panic happens while an event is converted, the event's socket gets an error, and
/// `next()` goes on with the next event.
fn next<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let owner = call.number(0);
    let described = loop {
        let next = guarded(|| call.environment.take_event(call.env, owner));
        // No single socket is at fault for a panic in take_event(), so none is closed. The next turn does what the panic has left undone.
        let Ok(Some(event)) = next else { break None };
        if let Some(described) = describe(call, event) {
            break Some(described);
        }
    };
    let (value, numbers) = described.unwrap_or_else(|| (call.env.undefined(), NO_EVENT));
    call.leave_numbers(numbers);
    value
}

/// An event's first value and its numbers. `None` if a panic has prevented the conversion; a later event reports the panic.
fn describe<'scope>(call: &Call<'scope>, event: Event) -> Option<(Value<'scope>, [u32; SLOTS])> {
    let attempt = |event: &Event| {
        guarded(|| {
            let mut numbers = NO_EVENT;
            hooks::pass("describe");
            (events::describe(call.environment, call.env, event, &mut numbers), numbers)
        })
    };
    let panic = match attempt(&event) {
        Ok(described) => {
            if matches!(event.kind, EventKind::Open(_) | EventKind::UnixOpen(_)) {
                call.environment.net(|net| net.deliver_open(event.id));
            }
            return Some(described);
        }
        Err(panic) => panic,
    };
    let instead = guarded(|| call.environment.break_event(call.env, event, &*panic)).ok().flatten()?;
    attempt(&instead).ok()
}

/// `panicAt(point, passes)`: makes a point of `net::hooks` panic, after the point was passed `passes` times.
#[cfg(feature = "test-hooks")]
fn panic_at<'scope>(call: &Call<'scope>) -> Value<'scope> {
    hooks::arm(call.text(0).ok().flatten().unwrap_or_default(), call.number(1));
    call.env.undefined()
}

/// `panicsLeft(disarm)`: the number of points that are set to panic and have not done so. With 1, none panics any more; with 0 they stay set.
#[cfg(feature = "test-hooks")]
fn panics_left<'scope>(call: &Call<'scope>) -> Value<'scope> {
    call.env.int(i32::try_from(hooks::left(call.number(0) != 0)).unwrap_or(i32::MAX))
}
