//! One event, as the arguments of `dispatch(id, kind, a, b, c, d)`.

use std::net::{IpAddr, SocketAddr};

use super::environment::Environment;
use super::values::{Raw, Value, array, failure, float, string, uint};
use crate::net::{Event, EventKind, address_text};

/// Added to the kind of a socket's last event.
const LAST: u32 = 64;

/// Up to six arguments.
pub struct Arguments {
    values: [Value; 6],
    count: usize,
}

impl Arguments {
    fn push(&mut self, value: Value) {
        self.values[self.count] = value;
        self.count += 1;
    }

    /// The arguments, in order.
    pub fn as_slice(&self) -> &[Value] {
        &self.values[..self.count]
    }
}

/// Makes the arguments that tell of `event`.
pub fn arguments(environment: &Environment, event: &Event) -> Arguments {
    let env = environment.raw();
    let mut arguments = Arguments { values: [std::ptr::null_mut(); 6], count: 0 };
    let last = if event.last { LAST } else { 0 };
    arguments.push(uint(env, event.id.number()));
    arguments.push(uint(env, number(&event.kind) | last));
    match &event.kind {
        EventKind::End
        | EventKind::HalfClose
        | EventKind::Drain
        | EventKind::Blob
        | EventKind::Finish
        | EventKind::Secured
        | EventKind::UdpDrain
        | EventKind::UdpBlob
        | EventKind::Timer => {}
        EventKind::Open(local) => {
            arguments.push(address(env, local));
            arguments.push(uint(env, local.port().into()));
        }
        EventKind::Message(place) => arguments.push(environment.data(*place)),
        EventKind::Error(error) | EventKind::UdpError(error) | EventKind::ServerError(error) => {
            arguments.push(failure(env, error));
        }
        EventKind::Relayed(bytes) => arguments.push(float(env, *bytes)),
        EventKind::Close(buffered) => arguments.push(uint(env, *buffered)),
        EventKind::Datagram(place, from) => {
            arguments.push(environment.data(*place));
            arguments.push(address(env, from));
            arguments.push(uint(env, from.port().into()));
        }
        EventKind::Connect { accepted, remote, local } => {
            arguments.push(uint(env, accepted.number()));
            arguments.push(address(env, remote));
            arguments.push(uint(env, remote.port().into()));
            arguments.push(address(env, local));
        }
        EventKind::Lookup(Ok(addresses)) => {
            let texts: Vec<Value> = addresses.iter().map(|address| string(env, &address_text(address))).collect();
            arguments.push(array(env, &texts));
        }
        EventKind::Lookup(Err(error)) => arguments.push(failure(env, error)),
    }
    arguments
}

fn number(kind: &EventKind) -> u32 {
    match kind {
        EventKind::End => 0,
        EventKind::Open(_) => 1,
        EventKind::Message(_) => 2,
        EventKind::HalfClose => 3,
        EventKind::Drain => 4,
        EventKind::Error(_) => 5,
        EventKind::Close(_) => 6,
        EventKind::Blob => 7,
        EventKind::Secured => 8,
        EventKind::Relayed(_) => 9,
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
