//! One event, as what `next()` returns and leaves in the slots.

use std::net::{IpAddr, SocketAddr};

use super::environment::Environment;
use super::values::{Raw, Value, array, failure, float, string, uint, undefined};
use crate::net::{Event, EventKind, address_text};

/// Added to the kind of a socket's last event.
const LAST: u32 = 64;

/// Added where the event has values that are no numbers beyond the first: then the first is an array of all of them.
const PACKED: u32 = 128;

/// Numbers that `next()` leaves beside the value that it returns: id, kind, and the event's values after the first.
pub const SLOTS: usize = 5;

/// The value that tells of `event`, and the numbers beside it.
pub fn describe(environment: &Environment, event: &Event, slots: &mut [u32; SLOTS]) -> Value {
    let env = environment.raw();
    let last = if event.last { LAST } else { 0 };
    *slots = [event.id.number(), number(&event.kind) | last, 0, 0, 0];
    match &event.kind {
        EventKind::Gone
        | EventKind::HalfClose
        | EventKind::Ended
        | EventKind::Drain
        | EventKind::Finish
        | EventKind::Secured
        | EventKind::Blob
        | EventKind::UdpDrain
        | EventKind::UdpBlob
        | EventKind::Timer => undefined(env),
        EventKind::Open(local) => {
            slots[2] = local.port().into();
            address(env, local)
        }
        EventKind::Message(place) => environment.data(*place),
        EventKind::Error(error) | EventKind::UdpError(error) | EventKind::ServerError(error) => failure(env, error),
        EventKind::Relayed(bytes) => float(env, *bytes),
        EventKind::Close(buffered) => uint(env, *buffered),
        EventKind::Datagram(place, from) => {
            let data = environment.data(*place);
            let port = from.port().into();
            if let IpAddr::V4(ip) = from.ip() {
                [slots[2], slots[3]] = [ip.to_bits(), port];
                return data;
            }
            slots[1] |= PACKED;
            array(env, &[data, address(env, from), uint(env, port)])
        }
        EventKind::Connect { accepted, remote, local } => {
            let port = remote.port().into();
            if let (IpAddr::V4(remote), IpAddr::V4(local)) = (remote.ip(), local.ip()) {
                [slots[2], slots[3], slots[4]] = [remote.to_bits(), port, local.to_bits()];
                return uint(env, accepted.number());
            }
            slots[1] |= PACKED;
            array(env, &[uint(env, accepted.number()), address(env, remote), uint(env, port), address(env, local)])
        }
        EventKind::Lookup(Ok(addresses)) => {
            let texts: Vec<Value> = addresses.iter().map(|address| string(env, &address_text(address))).collect();
            array(env, &texts)
        }
        EventKind::Lookup(Err(error)) => failure(env, error),
    }
}

fn number(kind: &EventKind) -> u32 {
    match kind {
        EventKind::Gone => 0,
        EventKind::Open(_) => 1,
        EventKind::Message(_) => 2,
        EventKind::HalfClose => 3,
        EventKind::Drain => 4,
        EventKind::Error(_) => 5,
        EventKind::Close(_) => 6,
        EventKind::Blob => 7,
        EventKind::Secured => 8,
        EventKind::Relayed(_) => 9,
        EventKind::Ended => 10,
        EventKind::Finish => 14,
        EventKind::Datagram(..) => 17,
        EventKind::UdpDrain => 18,
        EventKind::UdpError(_) => 19,
        EventKind::UdpBlob => 20,
        EventKind::Connect { .. } => 33,
        EventKind::ServerError(_) => 34,
        EventKind::Lookup(_) => 48,
        EventKind::Timer => 49,
    }
}

/// IPv4 as a number, so that an address which nobody reads costs no string.
fn address(env: Raw, address: &SocketAddr) -> Value {
    match address.ip() {
        IpAddr::V4(ip) => uint(env, ip.to_bits()),
        IpAddr::V6(_) => string(env, &address_text(address)),
    }
}
