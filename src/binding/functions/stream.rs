//! The functions for stream sockets. (Those for TLS are in `secure.rs`.)

use napi::sys::TypedarrayType;

use crate::binding::call::Call;
use crate::binding::env::Value;
use crate::binding::failure::attempt;
use crate::binding::numbers::NOT_OPEN;
use crate::net::memory::NoMemory;
use crate::net::{GiveBack, Id, SocketError, Unkept};
use crate::proto::{Intake, Sent};

/// `halfclose(id)`.
pub fn half_close<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let id = call.id();
    call.environment.net(|net| net.stream(id, |stream, context| stream.half_close(id, context)));
    call.env.undefined()
}

/// `reset(id)`.
pub fn reset<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let id = call.id();
    call.environment.net(|net| net.stream(id, |stream, context| stream.reset(id, context)));
    call.env.undefined()
}

/// `finish(id)`.
pub fn finish<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let id = call.id();
    call.environment.net(|net| net.stream(id, |stream, context| stream.finish(id, context)));
    call.env.undefined()
}

/// `abort(id)`.
pub fn abort<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let id = call.id();
    call.environment.net(|net| net.stream(id, |stream, context| stream.abort(id, context)));
    call.env.undefined()
}

/// `takeIn(id, intake)`.
pub fn take_in<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let intake = match call.number(1) {
        0 => Intake::Flowing,
        1 => Intake::Held,
        2 => Intake::Dropped,
        _ => Intake::Direct,
    };
    call.environment.net(|net| net.take_in(call.id(), intake));
    call.env.undefined()
}

/// `newMemory(id, bytes)`.
pub fn new_memory<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let (env, length) = (call.env, call.number(1) as usize);
    let view = env.blank_array_buffer(length).and_then(|(buffer, _)| env.view(buffer, TypedarrayType::uint8_array));
    call.environment.count_new_memory(env, length);
    view.unwrap_or_else(|| env.undefined())
}

/// `readInto(id, view)`.
pub fn read_into<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let id = call.id();
    // SAFETY: `net` writes into the bytes before this function returns, and no JavaScript runs before that. lib/ calls with a view on
    // an ordinary ArrayBuffer, which no other thread can write.
    let memory = unsafe { call.bytes_mut(1) };
    let read = call.environment.net(|net| net.stream(id, |stream, context| stream.read_into(memory, id, context)));
    // One read is never as long as 4 GiB.
    call.env.uint(read.flatten().unwrap_or(0) as u32)
}

/// `giveBack(id, bytes, why)`.
pub fn give_back<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let (env, id) = (call.env, call.id());
    let why = match call.number(2) {
        0 => GiveBack::Excess,
        1 => GiveBack::Released,
        2 => GiveBack::EndUndelivered,
        _ => GiveBack::EndDelivered,
    };
    // SAFETY: `net` copies the bytes, below. No JavaScript runs before that.
    let bytes = unsafe { call.bytes(1) };
    let taken = call.environment.net(|net| net.stream(id, |stream, context| stream.give_back(bytes, why, id, context)));
    match taken.flatten() {
        Some(Ok(is_taken)) => env.boolean(is_taken),
        Some(Err(error)) => env.failure(&error.into()),
        None => env.boolean(false),
    }
}

/// `relay(a, b)`.
pub fn relay<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let (a, b) = (call.id(), Id::from_number(call.number(1)));
    match call.environment.net(|net| net.relay(a, b)) {
        Some(Err(error)) => call.env.failure(&error),
        _ => call.env.undefined(),
    }
}

/// Converts the result of a send of `bytes` bytes into 1, 0, -1 or a Failure (docs/binding.md).
fn answer<'scope>(call: &Call<'scope>, sent: Option<Result<Sent, Unkept>>, bytes: usize) -> Value<'scope> {
    let number = match sent {
        Some(Ok(Sent::Accepted(go_on))) => i32::from(go_on),
        Some(Ok(Sent::Ignored | Sent::Full)) => 0,
        Some(Ok(Sent::NotOpen)) | None => NOT_OPEN,
        Some(Err(Unkept)) => return call.env.failure(&NoMemory { bytes }.into()),
    };
    call.env.int(number)
}

/// Sends the bytes.
fn send_bytes<'scope>(call: &Call<'scope>, data: &[u8]) -> Value<'scope> {
    let id = call.id();
    let sent = call.environment.net(|net| net.stream(id, |stream, context| stream.send(data, id, context)));
    answer(call, sent.flatten(), data.len())
}

/// `send(id, bytes)`.
pub fn send<'scope>(call: &Call<'scope>) -> Value<'scope> {
    // SAFETY: `send_bytes` passes the bytes to `net`, which writes or copies them. No JavaScript runs before that.
    send_bytes(call, unsafe { call.bytes(1) })
}

/// `sendString(id, text)`.
pub fn send_string<'scope>(call: &Call<'scope>) -> Value<'scope> {
    send_bytes(call, attempt!(call, call.text(1)).unwrap_or_default().as_bytes())
}

/// `sendScratch(id, bytes)`.
pub fn send_scratch<'scope>(call: &Call<'scope>) -> Value<'scope> {
    // SAFETY: `send_bytes` passes the bytes to `net`, which writes or copies them. No JavaScript runs before that.
    send_bytes(call, unsafe { call.scratch(call.id(), call.number(1)) })
}

/// `sendBlob(id, size)`.
pub fn send_blob<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let (id, size) = (call.id(), call.size(1));
    let sent = call.environment.net(|net| net.stream(id, |stream, context| stream.send_blob(size, id, context)));
    answer(call, sent.flatten(), usize::try_from(size).unwrap_or(usize::MAX))
}
