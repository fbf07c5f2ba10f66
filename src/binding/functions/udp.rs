//! The functions for UDP sockets.

use crate::binding::call::Call;
use crate::binding::env::Value;
use crate::binding::failure::attempt;
use crate::binding::numbers::{ENDED, NOT_OPEN};
use crate::binding::options;
use crate::net::{Destination, GroupRequest, Id, Net, SendOptions, SocketError, UdpSent};

/// Calls `send` with the destination in arguments 2 and 3, and the options in argument 4. If there is no address, the destination is the
/// one of the previous send.
fn to_destination<'scope>(
    call: &Call<'scope>,
    send: impl FnOnce(&mut Net, Id, Destination<'_>, Option<&SendOptions>) -> Option<Result<UdpSent, SocketError>>,
) -> Value<'scope> {
    let is_given = call.env.is_string(call.arguments[2]);
    let text = if is_given { attempt!(call, call.text(2)) } else { None };
    let port = u16::try_from(call.number(3)).unwrap_or(0);
    let destination = text.as_deref().map_or(Destination::Same, |text| Destination::To(text, port));
    // Most sends have no fifth argument. Then nothing is asked about it.
    let options = if call.given > 4 { attempt!(call, options::send(call.env, call.arguments[4])) } else { None };
    match call.environment.net(|net| send(net, call.id(), destination, options.as_ref())).flatten() {
        Some(Ok(UdpSent::Accepted(go_on))) => call.env.int(go_on.into()),
        Some(Ok(UdpSent::Ended)) => call.env.int(ENDED),
        Some(Ok(UdpSent::NotOpen)) | None => call.env.int(NOT_OPEN),
        Some(Err(error)) => call.env.failure(&error),
    }
}

/// Sends the bytes with the arguments 2 to 4.
fn send_bytes_to<'scope>(call: &Call<'scope>, data: &[u8]) -> Value<'scope> {
    to_destination(call, |net, id, to, options| net.udp(id, |udp, context| udp.send(data, to, options, id, context)))
}

/// `sendTo(id, bytes, address, port, options)`.
pub fn send_to<'scope>(call: &Call<'scope>) -> Value<'scope> {
    // SAFETY: `send_bytes_to` passes the bytes to `net`, which copies them. No JavaScript runs before that.
    send_bytes_to(call, unsafe { call.bytes(1) })
}

/// `sendStringTo(id, text, address, port, options)`.
pub fn send_string_to<'scope>(call: &Call<'scope>) -> Value<'scope> {
    send_bytes_to(call, attempt!(call, call.text(1)).unwrap_or_default().as_bytes())
}

/// `sendScratchTo(id, bytes, address, port, options)`.
pub fn send_scratch_to<'scope>(call: &Call<'scope>) -> Value<'scope> {
    // SAFETY: `send_bytes_to` passes the bytes to `net`, which copies them. No JavaScript runs before that.
    send_bytes_to(call, unsafe { call.scratch(call.id(), call.number(1)) })
}

/// `sendBlobTo(id, size, address, port, options)`.
pub fn send_blob_to<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let size = call.size(1);
    to_destination(call, |net, id, to, options| {
        net.udp(id, |udp, context| udp.send_blob(size, to, options, id, context))
    })
}

/// Joins a multicast group, or leaves it.
fn change_group<'scope>(call: &Call<'scope>, join: bool) -> Value<'scope> {
    let group = attempt!(call, call.text(1)).unwrap_or_default();
    let (interface, source) = (attempt!(call, call.text(2)), attempt!(call, call.text(3)));
    let request = GroupRequest { group: &group, interface: interface.as_deref(), source: source.as_deref() };
    match call.environment.net(|net| net.udp(call.id(), |udp, _| udp.change_group(join, request))).flatten() {
        Some(Err(error)) => call.env.failure(&error),
        _ => call.env.undefined(),
    }
}

/// `join(id, group, interfaceAddress, sourceAddress)`.
pub fn join<'scope>(call: &Call<'scope>) -> Value<'scope> {
    change_group(call, true)
}

/// `leave(id, group, interfaceAddress, sourceAddress)`.
pub fn leave<'scope>(call: &Call<'scope>) -> Value<'scope> {
    change_group(call, false)
}
