//! The functions of docs/binding.md. Each reads its arguments, calls `net`, and answers with a plain value.

use std::ffi::c_void;
use std::ptr;
use std::time::Duration;

use napi::bindgen_prelude::{Error, Result};
use napi::sys;

use super::call::{Call, NO_EVENT, Panicked, guarded, leave_numbers, run};
use super::environment::Environment;
use super::events::{self, SLOTS};
use super::host::Host;
use super::values::{
    Raw, Value, attempt, boolean, failure, get, int, null, object, ok, set, string, to_string, to_u64, type_of, uint,
    undefined,
};
use super::wake::Source;
use super::{options, secure};
use crate::net::memory::NoMemory;
use crate::net::{
    Destination, Event, Family, GroupRequest, Id, Net, SocketError, UdpSent, Unkept, address_text, hooks,
};
use crate::proto::{Intake, Sent};

/// The number of "closed", and what a send answers with where the socket is not "open".
const READY_STATE_CLOSED: i32 = 3;
const NOT_OPEN: i32 = -1;

/// Adds every function to `exports`.
pub fn define(env: Raw, exports: Value) -> Result<()> {
    let environment = Box::into_raw(Box::new(Environment::new(env)));
    // SAFETY: the environment is freed by `free`, which the engine calls when no function of it can run any more.
    let status = unsafe { sys::napi_set_instance_data(env, environment.cast(), Some(free), ptr::null_mut()) };
    if !ok(status) {
        return Err(Error::from_reason("the environment's data could not be set"));
    }
    macro_rules! define {
        ($($name:literal => $function:path, $panicked:expr;)*) => {
            $({
                unsafe extern "C" fn raw(env: Raw, info: sys::napi_callback_info) -> Value {
                    run(env, info, $name, $function, $panicked)
                }
                define_one(env, exports, $name, raw, environment.cast())?;
            })*
        };
    }
    define! {
        "attach" => attach, Panicked::Failure;
        "next" => next, Panicked::NoEvent;
        "openTcp" => open_tcp, Panicked::Failure;
        "openUdp" => open_udp, Panicked::Failure;
        "openServer" => open_server, Panicked::Failure;
        "openLookup" => open_lookup, Panicked::Failure;
        "openTimer" => open_timer, Panicked::Failure;
        "parseAddress" => parse_address, Panicked::Failure;
        "readyState" => ready_state, Panicked::Number(READY_STATE_CLOSED);
        "bufferedAmount" => buffered_amount, Panicked::Number(0);
        "connections" => connections, Panicked::Number(0);
        "listen" => listen, Panicked::Undefined;
        "suspend" => suspend, Panicked::Undefined;
        "resume" => resume, Panicked::Undefined;
        "ref" => reference, Panicked::Undefined;
        "close" => close, Panicked::False;
        "halfclose" => half_close, Panicked::Undefined;
        "reset" => reset, Panicked::Undefined;
        "finish" => finish, Panicked::Undefined;
        "abort" => abort, Panicked::Undefined;
        "takeIn" => take_in, Panicked::Undefined;
        "relay" => relay, Panicked::Failure;
        "send" => send, Panicked::Number(NOT_OPEN);
        "sendString" => send_string, Panicked::Number(NOT_OPEN);
        "sendScratch" => send_scratch, Panicked::Number(NOT_OPEN);
        "sendBlob" => send_blob, Panicked::Number(NOT_OPEN);
        "checkSecure" => secure::check, Panicked::Failure;
        "startTls" => secure::start_tls, Panicked::Failure;
        "secureInfo" => secure::secure_info, Panicked::Null;
        "setSecureContext" => secure::set_secure_context, Panicked::Failure;
        "sendTo" => send_to, Panicked::Failure;
        "sendStringTo" => send_string_to, Panicked::Failure;
        "sendScratchTo" => send_scratch_to, Panicked::Failure;
        "sendBlobTo" => send_blob_to, Panicked::Failure;
        "join" => join, Panicked::Failure;
        "leave" => leave, Panicked::Failure;
        "blobPiece" => blob_piece, Panicked::Undefined;
        "blobFail" => blob_fail, Panicked::Undefined;
        "flush" => flush, Panicked::Undefined;
    }
    #[cfg(feature = "test-hooks")]
    define! {
        "panicAt" => panic_at, Panicked::Undefined;
    }
    Ok(())
}

fn define_one(
    env: Raw,
    exports: Value,
    name: &'static str,
    function: unsafe extern "C" fn(Raw, sys::napi_callback_info) -> Value,
    data: *mut c_void,
) -> Result<()> {
    let mut made = ptr::null_mut();
    let length = name.len().cast_signed();
    // SAFETY: `name` is UTF-8 of that length; `function` is called with `data`, which `free` outlives.
    let status =
        unsafe { sys::napi_create_function(env, name.as_ptr().cast(), length, Some(function), data, &raw mut made) };
    if !ok(status) {
        return Err(Error::from_reason(format!("the function {name} could not be made")));
    }
    // SAFETY: `exports` and the values are live handles of this environment; a property of that name is set, or the status says why not.
    let status = unsafe { sys::napi_set_property(env, exports, string(env, name), made) };
    if !ok(status) {
        return Err(Error::from_reason(format!("the function {name} could not be exported")));
    }
    Ok(())
}

unsafe extern "C" fn free(_env: Raw, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: made by Box::into_raw in `define`, freed once.
    drop(unsafe { Box::from_raw(data.cast::<Environment>()) });
}

// --- starting and opening ---

fn attach(call: &Call<'_>) -> Value {
    let options = call.arguments[1];
    let name = attempt!(call, to_string(call.raw, get(call.raw, options, c"wake"))).unwrap_or_default();
    match (Source::named(&name), Host::new(call.raw, call.arguments[0], options)) {
        (Some(source), Some((host, answer))) => {
            set(call.raw, answer, c"host", uint(call.raw, call.environment.attach(host, source)));
            answer
        }
        _ => {
            let reason = "attach() takes serve and { wake, setImmediate, resource }".to_owned();
            failure(call.raw, &SocketError::BadOption { reason })
        }
    }
}

/// The next event of this turn that is this host's: its first value; the numbers lie in the slots. It never answers with a Failure: a
/// panic becomes an error of the socket whose event it would have been, and the next event is another one.
fn next(call: &Call<'_>) -> Value {
    let host = call.number(0);
    let told = loop {
        let taken = guarded(|| call.environment.take_event(host));
        // A panic here is of no socket: what it leaves undone is looked for again in the next turn.
        let Ok(Some(event)) = taken else { break None };
        if let Some(told) = describe(call, event) {
            break Some(told);
        }
    };
    let (value, numbers) = told.unwrap_or_else(|| (undefined(call.raw), NO_EVENT));
    leave_numbers(call, numbers);
    value
}

/// What tells of an event; `None` where a later one has to.
fn describe(call: &Call<'_>, event: Event) -> Option<(Value, [u32; SLOTS])> {
    let attempt = |event: &Event| {
        guarded(|| {
            let mut numbers = NO_EVENT;
            hooks::pass("describe");
            (events::describe(call.environment, event, &mut numbers), numbers)
        })
    };
    let panic = match attempt(&event) {
        Ok(told) => return Some(told),
        Err(panic) => panic,
    };
    let instead = guarded(|| call.environment.break_event(event, &*panic)).ok().flatten()?;
    attempt(&instead).ok()
}

fn opened(call: &Call<'_>, result: std::result::Result<Id, SocketError>, describe: impl FnOnce(Id, Value)) -> Value {
    match result {
        Ok(id) => {
            let opened = object(call.raw);
            set(call.raw, opened, c"id", uint(call.raw, id.number()));
            describe(id, opened);
            opened
        }
        Err(error) => failure(call.raw, &error),
    }
}

fn set_local(call: &Call<'_>, opened: Value, local: &std::net::SocketAddr) {
    set(call.raw, opened, c"localAddress", string(call.raw, &address_text(local)));
    set(call.raw, opened, c"localPort", uint(call.raw, local.port().into()));
}

fn open_tcp(call: &Call<'_>) -> Value {
    let options = attempt!(call, options::tcp(call.raw, call.arguments[1]));
    let result = call.environment.open(call.number(0), |net| net.open_tcp(call.number(0), &options));
    opened(call, result, |id, opened| {
        let ends = call.environment.net(|net| net.tcp(id, |tcp, _| (tcp.local, tcp.remote))).flatten();
        if let Some((local, remote)) = ends {
            set_local(call, opened, &local);
            set(call.raw, opened, c"remoteAddress", string(call.raw, &address_text(&remote)));
        }
    })
}

fn open_udp(call: &Call<'_>) -> Value {
    let options = attempt!(call, options::udp(call.raw, call.arguments[1]));
    let result = call.environment.open(call.number(0), |net| net.open_udp(call.number(0), &options));
    opened(call, result, |id, opened| {
        let ends = call.environment.net(|net| net.udp(id, |udp, _| (udp.local, udp.remote))).flatten();
        if let Some((local, remote)) = ends {
            set_local(call, opened, &local);
            let remote = remote.map(|remote| string(call.raw, &address_text(&remote)));
            set(call.raw, opened, c"remoteAddress", remote.unwrap_or_else(|| null(call.raw)));
        }
    })
}

fn open_server(call: &Call<'_>) -> Value {
    let options = attempt!(call, options::server(call.raw, call.arguments[1]));
    let result = call.environment.open(call.number(0), |net| net.open_server(call.number(0), &options));
    opened(call, result, |id, opened| {
        if let Some(local) = call.environment.net(|net| net.server(id, |server, _| server.local)).flatten() {
            set_local(call, opened, &local);
        }
    })
}

fn open_lookup(call: &Call<'_>) -> Value {
    let (owner, name) = (call.number(0), attempt!(call, call.text(1)).unwrap_or_default());
    let family = match call.number(2) {
        4 => Family::V4,
        6 => Family::V6,
        _ => Family::Any,
    };
    opened(call, call.environment.open(owner, |net| net.open_lookup(owner, &name, family)), |_, _| {})
}

fn open_timer(call: &Call<'_>) -> Value {
    let (owner, after) = (call.number(0), Duration::from_millis(call.number(1).into()));
    opened(call, call.environment.open(owner, |net| net.open_timer(owner, after)), |_, _| {})
}

fn parse_address(call: &Call<'_>) -> Value {
    let text = attempt!(call, call.text(0)).unwrap_or_default();
    match crate::net::parse_address("address", &text, 0) {
        Ok(address) => {
            let parsed = object(call.raw);
            set(call.raw, parsed, c"address", string(call.raw, &address_text(&address)));
            set(call.raw, parsed, c"family", uint(call.raw, if address.is_ipv4() { 4 } else { 6 }));
            parsed
        }
        Err(error) => failure(call.raw, &SocketError::BadOption { reason: error.why_no_address() }),
    }
}

// --- all sockets ---

fn ready_state(call: &Call<'_>) -> Value {
    let state = call.environment.net(|net| net.ready_state(call.id()));
    int(call.raw, state.map_or(READY_STATE_CLOSED, |state| state as i32))
}

fn buffered_amount(call: &Call<'_>) -> Value {
    uint(call.raw, call.environment.net(|net| net.buffered_amount(call.id())).unwrap_or(0))
}

fn connections(call: &Call<'_>) -> Value {
    uint(call.raw, call.environment.net(|net| net.connections(call.id())).unwrap_or(0))
}

fn listen(call: &Call<'_>) -> Value {
    let bits = call.number(1);
    call.environment.net(|net| {
        net.listen(call.id(), bits & 1 != 0, bits & 2 != 0);
        if bits & 4 != 0 {
            net.report_end(call.id());
        }
    });
    undefined(call.raw)
}

fn suspend(call: &Call<'_>) -> Value {
    call.environment.net(|net| net.suspend(call.id()));
    undefined(call.raw)
}

fn resume(call: &Call<'_>) -> Value {
    call.environment.net(|net| net.resume(call.id()));
    undefined(call.raw)
}

fn reference(call: &Call<'_>) -> Value {
    call.environment.net(|net| net.set_referenced(call.id(), call.flag(1)));
    undefined(call.raw)
}

fn close(call: &Call<'_>) -> Value {
    boolean(call.raw, call.environment.close(call.id()))
}

// --- TCP ---

fn half_close(call: &Call<'_>) -> Value {
    let id = call.id();
    call.environment.net(|net| net.tcp(id, |tcp, context| tcp.half_close(id, context)));
    undefined(call.raw)
}

fn reset(call: &Call<'_>) -> Value {
    let id = call.id();
    call.environment.net(|net| net.tcp(id, |tcp, context| tcp.reset(id, context)));
    undefined(call.raw)
}

fn finish(call: &Call<'_>) -> Value {
    let id = call.id();
    call.environment.net(|net| net.tcp(id, |tcp, context| tcp.finish(id, context)));
    undefined(call.raw)
}

fn abort(call: &Call<'_>) -> Value {
    let id = call.id();
    call.environment.net(|net| net.tcp(id, |tcp, context| tcp.abort(id, context)));
    undefined(call.raw)
}

fn take_in(call: &Call<'_>) -> Value {
    let intake = match call.number(1) {
        0 => Intake::Flowing,
        1 => Intake::Held,
        _ => Intake::Dropped,
    };
    call.environment.net(|net| net.take_in(call.id(), intake));
    undefined(call.raw)
}

fn relay(call: &Call<'_>) -> Value {
    let (a, b) = (call.id(), Id::from_number(call.number(1)));
    match call.environment.net(|net| net.relay(a, b)) {
        Some(Err(error)) => failure(call.raw, &error),
        _ => undefined(call.raw),
    }
}

/// 1, 0, -1 or a Failure, as docs/binding.md says.
fn answer(call: &Call<'_>, sent: Option<std::result::Result<Sent, Unkept>>, bytes: usize) -> Value {
    let number = match sent {
        Some(Ok(Sent::Accepted(go_on))) => i32::from(go_on),
        Some(Ok(Sent::Ignored | Sent::Full)) => 0,
        Some(Ok(Sent::NotOpen)) | None => NOT_OPEN,
        Some(Err(Unkept)) => return failure(call.raw, &NoMemory { bytes }.into()),
    };
    int(call.raw, number)
}

fn send_bytes(call: &Call<'_>, data: &[u8]) -> Value {
    let id = call.id();
    let sent = call.environment.net(|net| net.tcp(id, |tcp, context| tcp.send(data, id, context)));
    answer(call, sent.flatten(), data.len())
}

fn send(call: &Call<'_>) -> Value {
    send_bytes(call, call.bytes(1).unwrap_or(&[]))
}

fn send_string(call: &Call<'_>) -> Value {
    send_bytes(call, attempt!(call, call.text(1)).unwrap_or_default().as_bytes())
}

fn send_scratch(call: &Call<'_>) -> Value {
    send_bytes(call, call.scratch(call.id(), call.number(1)))
}

fn send_blob(call: &Call<'_>) -> Value {
    let (id, size) = (call.id(), to_u64(call.raw, call.arguments[1]).unwrap_or(0));
    let sent = call.environment.net(|net| net.tcp(id, |tcp, context| tcp.send_blob(size, id, context)));
    answer(call, sent.flatten(), usize::try_from(size).unwrap_or(usize::MAX))
}

// --- UDP ---

/// Runs a send to the destination in arguments 2 and 3.
fn to_destination(
    call: &Call<'_>,
    send: impl FnOnce(&mut Net, Id, Destination<'_>) -> Option<std::result::Result<UdpSent, SocketError>>,
) -> Value {
    let text = match type_of(call.raw, call.arguments[2]) {
        sys::ValueType::napi_string => attempt!(call, call.text(2)),
        _ => None,
    };
    let port = u16::try_from(call.number(3)).unwrap_or(0);
    let destination = text.as_deref().map_or(Destination::Same, |text| Destination::To(text, port));
    match call.environment.net(|net| send(net, call.id(), destination)).flatten() {
        Some(Ok(UdpSent::Accepted(go_on))) => int(call.raw, go_on.into()),
        Some(Ok(UdpSent::Ended)) => int(call.raw, 2),
        Some(Ok(UdpSent::NotOpen)) | None => int(call.raw, NOT_OPEN),
        Some(Err(error)) => failure(call.raw, &error),
    }
}

fn send_bytes_to(call: &Call<'_>, data: &[u8]) -> Value {
    to_destination(call, |net, id, to| net.udp(id, |udp, context| udp.send(data, to, id, context)))
}

fn send_to(call: &Call<'_>) -> Value {
    send_bytes_to(call, call.bytes(1).unwrap_or(&[]))
}

fn send_string_to(call: &Call<'_>) -> Value {
    send_bytes_to(call, attempt!(call, call.text(1)).unwrap_or_default().as_bytes())
}

fn send_scratch_to(call: &Call<'_>) -> Value {
    send_bytes_to(call, call.scratch(call.id(), call.number(1)))
}

fn send_blob_to(call: &Call<'_>) -> Value {
    let size = to_u64(call.raw, call.arguments[1]).unwrap_or(0);
    to_destination(call, |net, id, to| net.udp(id, |udp, context| udp.send_blob(size, to, id, context)))
}

fn change_group(call: &Call<'_>, join: bool) -> Value {
    let group = attempt!(call, call.text(1)).unwrap_or_default();
    let (interface, source) = (attempt!(call, call.text(2)), attempt!(call, call.text(3)));
    let request = GroupRequest { group: &group, interface: interface.as_deref(), source: source.as_deref() };
    match call.environment.net(|net| net.udp(call.id(), |udp, _| udp.change_group(join, request))).flatten() {
        Some(Err(error)) => failure(call.raw, &error),
        _ => undefined(call.raw),
    }
}

fn join(call: &Call<'_>) -> Value {
    change_group(call, true)
}

fn leave(call: &Call<'_>) -> Value {
    change_group(call, false)
}

// --- the end ---

fn flush(call: &Call<'_>) -> Value {
    call.environment.net(Net::flush_on_exit);
    undefined(call.raw)
}

/// `panicAt(point, passes)`: arms one of the points in `net::hooks`.
#[cfg(feature = "test-hooks")]
fn panic_at(call: &Call<'_>) -> Value {
    hooks::arm(call.text(0).ok().flatten().unwrap_or_default(), call.number(1));
    undefined(call.raw)
}

// --- Blobs ---

fn blob_piece(call: &Call<'_>) -> Value {
    let (id, bytes) = (call.id(), call.bytes(1).unwrap_or(&[]));
    call.environment.net(|net| {
        net.tcp(id, |tcp, context| tcp.blob_piece(bytes, id, context));
        net.udp(id, |udp, context| udp.blob_piece(bytes, id, context));
    });
    undefined(call.raw)
}

fn blob_fail(call: &Call<'_>) -> Value {
    let (id, reason) = (call.id(), call.text(1).ok().flatten().unwrap_or_default());
    call.environment.net(|net| {
        net.tcp(id, |tcp, context| tcp.blob_failed(reason.clone(), id, context));
        net.udp(id, |udp, context| udp.blob_failed(reason, id, context));
    });
    undefined(call.raw)
}
