//! Converts one event into the value that `next()` returns and the numbers in the slots.

use std::net::{IpAddr, SocketAddr};

use super::env::{Env, Value};
use super::environment::Environment;
use super::package_instance::SLOTS;
use crate::net::{Event, EventKind, Figures, PacketDetails, PeerCredentials, TlsDrivenIn, ip_text};

/// This bit is added to the kind of a socket's last event.
const LAST: u32 = 64;

/// This bit is added to the kind if a value after the first one is not a number. Then `next()` returns an array of all values.
const PACKED: u32 = 128;

/// This bit is added to the kind of a message if the memory `datagrams` has its values, and perhaps further messages of the same socket.
const BATCH: u32 = 256;

/// Returns the value that `next()` returns for `event`. Writes the event's numbers to `slots`.
pub fn describe<'scope>(
    environment: &Environment,
    env: Env<'scope>,
    event: &Event,
    slots: &mut [u32; SLOTS],
) -> Value<'scope> {
    let last = if event.last { LAST } else { 0 };
    *slots = [event.id.number(), number(&event.kind) | last, 0, 0, 0];
    match &event.kind {
        EventKind::Gone
        | EventKind::Readable
        | EventKind::HalfClose
        | EventKind::Ended
        | EventKind::Drain
        | EventKind::Finish
        | EventKind::Secured
        | EventKind::Blob
        | EventKind::UdpDrain
        | EventKind::UdpBlob
        | EventKind::Timer => env.undefined(),
        EventKind::Open(local) => {
            slots[2] = local.port().into();
            address(env, local)
        }
        EventKind::UnixOpen(credentials) => peer_credentials(env, *credentials),
        EventKind::Message(payload) => environment.data(env, *payload),
        EventKind::Error(error) | EventKind::UdpError(error) | EventKind::ServerError(error) => env.failure(error),
        EventKind::Certificate(name, question) | EventKind::ServerCertificate(name, question) => {
            slots[2] = *question;
            env.string(name)
        }
        EventKind::TlsMoved(place) => env.boolean(*place == TlsDrivenIn::Task),
        EventKind::Relayed(bytes) => env.float(*bytes),
        EventKind::Close(buffered, Figures { read, written }) => {
            [slots[2], slots[3], slots[4]] = [*buffered, *written as u32, (*written >> 32) as u32];
            env.float(*read)
        }
        EventKind::Datagram(payload, from, details) => {
            if details.is_none()
                && let Some(count) = environment.give_short_datagrams(env, event, *payload, from)
            {
                slots[1] |= BATCH;
                slots[2] = count;
                return env.undefined();
            }
            let data = environment.data(env, *payload);
            let port = from.port().into();
            match (from.ip(), details) {
                (IpAddr::V4(ip), None) => {
                    [slots[2], slots[3]] = [ip.to_bits(), port];
                    data
                }
                (_, None) => {
                    slots[1] |= PACKED;
                    env.array(&[data, address(env, from), env.uint(port)])
                }
                (_, Some(details)) => {
                    slots[1] |= PACKED;
                    env.array(&[data, address(env, from), env.uint(port), packet_details(env, details)])
                }
            }
        }
        EventKind::Connect { accepted, remote, local } => {
            let port = remote.port().into();
            if let (IpAddr::V4(remote), IpAddr::V4(local)) = (remote.ip(), local.ip()) {
                [slots[2], slots[3], slots[4]] = [remote.to_bits(), port, local.to_bits()];
                return env.uint(accepted.number());
            }
            slots[1] |= PACKED;
            env.array(&[env.uint(accepted.number()), address(env, remote), env.uint(port), address(env, local)])
        }
        EventKind::UnixConnect { accepted, remote, credentials } => {
            slots[1] |= PACKED;
            let path = env.string(&remote.address_text().unwrap_or_default());
            env.array(&[env.uint(accepted.number()), path, peer_credentials(env, *credentials)])
        }
        EventKind::Lookup(Ok(addresses)) => {
            let texts: Vec<_> = addresses.iter().map(|address| env.string(&ip_text(address))).collect();
            env.array(&texts)
        }
        EventKind::Lookup(Err(error)) => env.failure(error),
    }
}

/// The number of a kind in docs/binding.md.
fn number(kind: &EventKind) -> u32 {
    match kind {
        EventKind::Gone => 0,
        EventKind::Open(_) => 1,
        EventKind::Message(_) => 2,
        EventKind::HalfClose => 3,
        EventKind::Drain => 4,
        EventKind::Error(_) => 5,
        EventKind::Close(..) => 6,
        EventKind::Blob => 7,
        EventKind::Secured => 8,
        EventKind::Relayed(_) => 9,
        EventKind::Ended => 10,
        EventKind::UnixOpen(_) => 11,
        EventKind::Readable => 12,
        EventKind::Finish => 14,
        EventKind::Certificate(..) => 15,
        EventKind::TlsMoved(_) => 16,
        EventKind::Datagram(..) => 17,
        EventKind::UdpDrain => 18,
        EventKind::UdpError(_) => 19,
        EventKind::UdpBlob => 20,
        EventKind::Connect { .. } => 33,
        EventKind::ServerError(_) => 34,
        EventKind::UnixConnect { .. } => 35,
        EventKind::ServerCertificate(..) => 36,
        EventKind::Lookup(_) => 48,
        EventKind::Timer => 49,
    }
}

/// An IPv4 address as a number, so that no string is made for an address that the program does not read. An IPv6 address as a string.
fn address<'scope>(env: Env<'scope>, address: &SocketAddr) -> Value<'scope> {
    match address.ip() {
        IpAddr::V4(ip) => env.uint(ip.to_bits()),
        IpAddr::V6(_) => env.string(&ip_text(address)),
    }
}

/// An array of the destination address, the interface's name and the type of service of a datagram. The last two may be null.
fn packet_details<'scope>(env: Env<'scope>, details: &PacketDetails) -> Value<'scope> {
    let to = match details.address {
        IpAddr::V4(ip) => env.uint(ip.to_bits()),
        IpAddr::V6(_) => env.string(&details.address_text()),
    };
    let interface = details.interface.as_deref().map_or_else(|| env.null(), |name| env.string(name));
    let type_of_service = details.type_of_service.map_or_else(|| env.null(), |value| env.uint(value.into()));
    env.array(&[to, interface, type_of_service])
}

/// An object with the pid, the uid and the gid; the pid is null if the system does not report it. null if it reports none of them.
fn peer_credentials<'scope>(env: Env<'scope>, credentials: Option<PeerCredentials>) -> Value<'scope> {
    let Some(PeerCredentials { pid, uid, gid }) = credentials else { return env.null() };
    let members = env.object();
    env.set(members, c"pid", pid.map_or_else(|| env.null(), |pid| env.uint(pid)));
    env.set(members, c"uid", env.uint(uid));
    env.set(members, c"gid", env.uint(gid));
    members
}
