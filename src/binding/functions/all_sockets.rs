//! The functions for every kind of socket, and those for Blobs, which TCP and UDP sockets share.

use crate::binding::call::Call;
use crate::binding::env::Value;
use crate::binding::failure::attempt;
use crate::binding::numbers::{DATA_BIT, END_BIT, HALF_CLOSE_BIT};
use crate::binding::options;
use crate::net::{Changes, Net, SocketError};
use crate::proto::ReadyState;

/// `readyState(id)`.
pub fn ready_state<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let state = call.environment.net(|net| net.ready_state(call.id()));
    call.env.int(state.unwrap_or(ReadyState::Closed) as i32)
}

/// `bufferedAmount(id)`.
pub fn buffered_amount<'scope>(call: &Call<'scope>) -> Value<'scope> {
    call.env.uint(call.environment.net(|net| net.buffered_amount(call.id())).unwrap_or(0))
}

/// `connections(id)`.
pub fn connections<'scope>(call: &Call<'scope>) -> Value<'scope> {
    call.env.uint(call.environment.net(|net| net.connections(call.id())).unwrap_or(0))
}

/// `listen(id, bits)`.
pub fn listen<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let bits = call.number(1);
    call.environment.net(|net| {
        net.listen(call.id(), bits & DATA_BIT != 0, bits & HALF_CLOSE_BIT != 0);
        if bits & END_BIT != 0 {
            net.report_end(call.id());
        }
    });
    call.env.undefined()
}

/// `suspend(id)`.
pub fn suspend<'scope>(call: &Call<'scope>) -> Value<'scope> {
    call.environment.net(|net| net.suspend(call.id()));
    call.env.undefined()
}

/// `resume(id)`.
pub fn resume<'scope>(call: &Call<'scope>) -> Value<'scope> {
    call.environment.net(|net| net.resume(call.id()));
    call.env.undefined()
}

/// `ref(id, referenced)`.
pub fn reference<'scope>(call: &Call<'scope>) -> Value<'scope> {
    call.environment.net(|net| net.set_referenced(call.id(), call.flag(1)));
    call.env.undefined()
}

/// `setOptions(id, options)`.
pub fn set_options<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let (env, id, options) = (call.env, call.id(), call.arguments[1]);
    let changes = if call.environment.net(|net| net.is_udp(id)) == Some(true) {
        Changes::Udp(attempt!(call, options::udp_changes(env, options)))
    } else {
        Changes::Stream(options::stream_changes(env, options))
    };
    match call.environment.net(|net| net.change(id, &changes)) {
        Some(Ok(())) => env.undefined(),
        Some(Err(error)) => env.failure(&error),
        None => env.failure(&SocketError::Closed { member: "setOptions" }),
    }
}

/// `close(id)`.
pub fn close<'scope>(call: &Call<'scope>) -> Value<'scope> {
    call.env.boolean(call.environment.close(call.env, call.id(), Net::close))
}

/// `shutdown(id)`.
pub fn shut_down<'scope>(call: &Call<'scope>) -> Value<'scope> {
    call.env.boolean(call.environment.close(call.env, call.id(), Net::shut_down))
}

/// `flush()`.
pub fn flush<'scope>(call: &Call<'scope>) -> Value<'scope> {
    call.environment.net(Net::flush_on_exit);
    call.env.undefined()
}

/// `blobPiece(id, bytes)`.
pub fn blob_piece<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let id = call.id();
    // SAFETY: `net` copies the bytes, below. No JavaScript runs before that.
    let bytes = unsafe { call.bytes(1) };
    call.environment.net(|net| {
        net.stream(id, |stream, context| stream.blob_piece(bytes, id, context));
        net.udp(id, |udp, context| udp.blob_piece(bytes, id, context));
    });
    call.env.undefined()
}

/// `blobFail(id, reason)`.
pub fn blob_fail<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let (id, reason) = (call.id(), call.text(1).ok().flatten().unwrap_or_default());
    call.environment.net(|net| {
        net.stream(id, |stream, context| stream.blob_failed(reason.clone(), id, context));
        net.udp(id, |udp, context| udp.blob_failed(reason, id, context));
    });
    call.env.undefined()
}
