//! The functions of docs/binding.md. Each reads its arguments, calls `net`, and answers with a plain value.

use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::time::Duration;

use napi::bindgen_prelude::{Error, Result};
use napi::sys;

use super::environment::Environment;
use super::events;
use super::host::Host;
use super::values::{
    Raw, Value, boolean, failure, get, int, null, object, ok, set, string, to_bool, to_bytes, to_string, to_u32,
    to_u64, type_of, uint, undefined,
};
use super::wake::Source;
use super::{options, secure};
use crate::net::{Destination, Family, GroupRequest, Id, Net, SocketError, UdpSent, address_text, panic_message};
use crate::proto::{Intake, Sent};

/// The kind that says that this turn has no more events for a host.
const NOTHING: u32 = u32::MAX;

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
    pub fn text(&self, index: usize) -> Option<String> {
        to_string(self.raw, self.arguments[index])
    }

    /// The bytes of an argument, good until this call returns: no JavaScript runs in it.
    fn bytes(&self, index: usize) -> Option<&[u8]> {
        // SAFETY: nothing in a call runs JavaScript before the bytes are copied or written.
        unsafe { to_bytes(self.raw, self.arguments[index]) }
    }

    /// What the caller encoded into its scratch buffer.
    fn scratch(&self, id: Id, length: u32) -> &[u8] {
        let owner = self.environment.net(|net| net.owner(id)).flatten().unwrap_or(u32::MAX);
        // SAFETY: the socket's own JavaScript calls, so its buffer is alive; it does not run before the bytes are used.
        self.environment.host(owner, |host| unsafe { host.scratch(length as usize) }).unwrap_or(&[])
    }
}

/// Runs one function. A panic in a socket has become an error of it in `net`; any other is answered with a Failure.
fn run(raw: Raw, info: sys::napi_callback_info, function: impl FnOnce(&Call<'_>) -> Value) -> Value {
    let mut arguments = [ptr::null_mut(); ARGUMENTS];
    let (mut count, mut data) = (ARGUMENTS, ptr::null_mut());
    // SAFETY: room for `count` arguments; missing ones are filled with undefined. The data is the environment, which
    // lives longer than its functions can be called.
    let environment = unsafe {
        sys::napi_get_cb_info(raw, info, &raw mut count, arguments.as_mut_ptr(), ptr::null_mut(), &raw mut data);
        &*data.cast::<Environment>()
    };
    let call = Call { environment, raw, arguments };
    match catch_unwind(AssertUnwindSafe(|| function(&call))) {
        Ok(value) => {
            environment.after_call();
            value
        }
        Err(panic) => failure(raw, &SocketError::Panic { message: panic_message(&*panic) }),
    }
}

/// Adds every function to `exports`.
pub fn define(env: Raw, exports: Value) -> Result<()> {
    let environment = Box::into_raw(Box::new(Environment::new(env)));
    // SAFETY: the environment is freed by `free`, which the engine calls when no function of it can run any more.
    let status = unsafe { sys::napi_set_instance_data(env, environment.cast(), Some(free), ptr::null_mut()) };
    if !ok(status) {
        return Err(Error::from_reason("the environment's data could not be set"));
    }
    macro_rules! define {
        ($($name:literal => $function:path,)*) => {
            $({
                unsafe extern "C" fn raw(env: Raw, info: sys::napi_callback_info) -> Value {
                    run(env, info, $function)
                }
                define_one(env, exports, $name, raw, environment.cast())?;
            })*
        };
    }
    define! {
        c"attach" => attach,
        c"next" => next,
        c"openTcp" => open_tcp,
        c"openUdp" => open_udp,
        c"openServer" => open_server,
        c"openLookup" => open_lookup,
        c"openTimer" => open_timer,
        c"parseAddress" => parse_address,
        c"readyState" => ready_state,
        c"bufferedAmount" => buffered_amount,
        c"connections" => connections,
        c"listen" => listen,
        c"suspend" => suspend,
        c"resume" => resume,
        c"ref" => reference,
        c"close" => close,
        c"halfclose" => half_close,
        c"reset" => reset,
        c"finish" => finish,
        c"abort" => abort,
        c"takeIn" => take_in,
        c"relay" => relay,
        c"send" => send,
        c"sendString" => send_string,
        c"sendScratch" => send_scratch,
        c"sendBlob" => send_blob,
        c"checkSecure" => secure::check,
        c"startTls" => secure::start_tls,
        c"secureInfo" => secure::secure_info,
        c"setSecureContext" => secure::set_secure_context,
        c"sendTo" => send_to,
        c"sendStringTo" => send_string_to,
        c"sendScratchTo" => send_scratch_to,
        c"sendBlobTo" => send_blob_to,
        c"join" => join,
        c"leave" => leave,
        c"blobPiece" => blob_piece,
        c"blobFail" => blob_fail,
        c"flush" => flush,
    }
    Ok(())
}

fn define_one(
    env: Raw,
    exports: Value,
    name: &'static CStr,
    function: unsafe extern "C" fn(Raw, sys::napi_callback_info) -> Value,
    data: *mut c_void,
) -> Result<()> {
    let mut made = ptr::null_mut();
    // SAFETY: `name` is NUL-terminated, so its length is left to the call (-1).
    let status = unsafe { sys::napi_create_function(env, name.as_ptr(), -1, Some(function), data, &raw mut made) };
    if !ok(status) {
        return Err(Error::from_reason(format!("the function {} could not be made", name.to_string_lossy())));
    }
    set(env, exports, name, made);
    Ok(())
}

unsafe extern "C" fn free(_env: Raw, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: made by Box::into_raw in `define`, freed once.
    drop(unsafe { Box::from_raw(data.cast::<Environment>()) });
}

// --- starting and opening ---

fn attach(call: &Call<'_>) -> Value {
    let options = call.arguments[1];
    let source = to_string(call.raw, get(call.raw, options, c"wake")).and_then(|name| Source::named(&name));
    match (Host::new(call.raw, call.arguments[0], options), source) {
        (Some(host), Some(source)) => uint(call.raw, call.environment.attach(host, source)),
        _ => {
            let reason = "attach() takes serve and { wake, setImmediate, allocate, scratch, slots }".to_owned();
            failure(call.raw, &SocketError::BadOption { reason })
        }
    }
}

/// The next event of this turn that is this host's: its first value; the numbers lie in the slots.
fn next(call: &Call<'_>) -> Value {
    let host = call.number(0);
    let mut numbers = [0, NOTHING, 0, 0, 0];
    let event = call.environment.take_event(host);
    let value =
        event.map_or_else(|| undefined(call.raw), |event| events::describe(call.environment, &event, &mut numbers));
    // SAFETY: this is a call from its JavaScript.
    call.environment.host(host, |host| unsafe { host.leave(numbers) });
    value
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
    let options = options::tcp(call.raw, call.arguments[1]);
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
    let options = options::udp(call.raw, call.arguments[1]);
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
    let options = options::server(call.raw, call.arguments[1]);
    let result = call.environment.open(call.number(0), |net| net.open_server(call.number(0), &options));
    opened(call, result, |id, opened| {
        if let Some(local) = call.environment.net(|net| net.server(id, |server, _| server.local)).flatten() {
            set_local(call, opened, &local);
        }
    })
}

fn open_lookup(call: &Call<'_>) -> Value {
    let (owner, name) = (call.number(0), call.text(1).unwrap_or_default());
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
    let text = call.text(0).unwrap_or_default();
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
    int(call.raw, state.map_or(3, |state| state as i32))
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

/// 1, 0 or -1, as docs/binding.md says.
fn answer(call: &Call<'_>, sent: Option<Sent>) -> Value {
    let number = match sent {
        Some(Sent::Taken(go_on)) => i32::from(go_on),
        Some(Sent::Ignored | Sent::Full) => 0,
        Some(Sent::NotOpen) | None => -1,
    };
    int(call.raw, number)
}

fn send_bytes(call: &Call<'_>, data: &[u8]) -> Value {
    let id = call.id();
    answer(call, call.environment.net(|net| net.tcp(id, |tcp, context| tcp.send(data, id, context))).flatten())
}

fn send(call: &Call<'_>) -> Value {
    send_bytes(call, call.bytes(1).unwrap_or(&[]))
}

fn send_string(call: &Call<'_>) -> Value {
    send_bytes(call, call.text(1).unwrap_or_default().as_bytes())
}

fn send_scratch(call: &Call<'_>) -> Value {
    send_bytes(call, call.scratch(call.id(), call.number(1)))
}

fn send_blob(call: &Call<'_>) -> Value {
    let (id, size) = (call.id(), to_u64(call.raw, call.arguments[1]).unwrap_or(0));
    answer(call, call.environment.net(|net| net.tcp(id, |tcp, context| tcp.send_blob(size, id, context))).flatten())
}

// --- UDP ---

/// Runs a send to the destination in arguments 2 and 3.
fn to_destination(
    call: &Call<'_>,
    send: impl FnOnce(&mut Net, Id, Destination<'_>) -> Option<std::result::Result<UdpSent, SocketError>>,
) -> Value {
    let text = match type_of(call.raw, call.arguments[2]) {
        sys::ValueType::napi_string => call.text(2),
        _ => None,
    };
    let port = u16::try_from(call.number(3)).unwrap_or(0);
    let destination = text.as_deref().map_or(Destination::Same, |text| Destination::To(text, port));
    match call.environment.net(|net| send(net, call.id(), destination)).flatten() {
        Some(Ok(UdpSent::Taken(go_on))) => int(call.raw, go_on.into()),
        Some(Ok(UdpSent::Ended)) => int(call.raw, 2),
        Some(Ok(UdpSent::NotOpen)) | None => int(call.raw, -1),
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
    send_bytes_to(call, call.text(1).unwrap_or_default().as_bytes())
}

fn send_scratch_to(call: &Call<'_>) -> Value {
    send_bytes_to(call, call.scratch(call.id(), call.number(1)))
}

fn send_blob_to(call: &Call<'_>) -> Value {
    let size = to_u64(call.raw, call.arguments[1]).unwrap_or(0);
    to_destination(call, |net, id, to| net.udp(id, |udp, context| udp.send_blob(size, to, id, context)))
}

fn change_group(call: &Call<'_>, join: bool) -> Value {
    let (group, interface, source) = (call.text(1).unwrap_or_default(), call.text(2), call.text(3));
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
    call.environment.net(Net::flush_at_end);
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
    let (id, reason) = (call.id(), call.text(1).unwrap_or_default());
    call.environment.net(|net| {
        net.tcp(id, |tcp, context| tcp.blob_failed(reason.clone(), id, context));
        net.udp(id, |udp, context| udp.blob_failed(reason, id, context));
    });
    undefined(call.raw)
}
