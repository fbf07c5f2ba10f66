//! The options of a UDP socket that can be set at any time: by the constructor and by setOptions().

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::Socket;

use super::options::UdpChanges;
use super::socket_options::{self, set_asked};
use super::syscall::Syscall;
use super::{SocketError, errno, interfaces, ip_address, quoted, sys};

/// The option's name, for errors.
const MULTICAST_INTERFACE: &str = "multicastInterface";

/// Sets the options that are given. `interface` is that of `multicastInterface`.
pub fn change(
    raw: &Socket,
    changes: &UdpChanges,
    interface: Option<&MulticastInterface>,
    local: &SocketAddr,
    ipv6_only: bool,
) -> Result<(), SocketError> {
    if let Some(on) = changes.broadcast {
        set_asked("broadcast", raw.set_broadcast(on))?;
    }
    if let Some(on) = changes.loopback {
        set_asked("loopback", set_loopback(raw, on, local))?;
    }
    socket_options::set_buffer_sizes(raw, &changes.buffers)?;
    set_hops(raw, changes, local, ipv6_only)?;
    if let Some(value) = changes.type_of_service {
        set_asked("typeOfService", socket_options::set_type_of_service(raw, value, local.is_ipv6()))?;
    }
    interface.map_or(Ok(()), |interface| interface.set(raw))
}

/// Sets whether this host receives multicast that the socket sends (R-udp-loop).
pub fn set_loopback(raw: &Socket, on: bool, local: &SocketAddr) -> io::Result<()> {
    if local.is_ipv4() {
        return raw.set_multicast_loop_v4(on);
    }
    // A dual-stack socket also sends IPv4 multicast. If the system has no such option for it, the system's default applies.
    let _ = raw.set_multicast_loop_v4(on);
    raw.set_multicast_loop_v6(on)
}

/// Sets the time to live and the hop limits. A dual-stack socket has those of both families.
fn set_hops(raw: &Socket, options: &UdpChanges, local: &SocketAddr, ipv6_only: bool) -> Result<(), SocketError> {
    let dual = local.is_ipv6() && !ipv6_only;
    if let Some(hops) = options.time_to_live.map(u32::from) {
        if local.is_ipv6() {
            set_asked("timeToLive", raw.set_unicast_hops_v6(hops))?;
        }
        if local.is_ipv4() || dual {
            set_asked("timeToLive", tolerate(raw.set_ttl_v4(hops), dual))?;
        }
    }
    // Every system's default is 1 (RFC 1112).
    if let Some(hops) = options.multicast_time_to_live.map(u32::from) {
        if local.is_ipv6() {
            set_asked("multicastTimeToLive", raw.set_multicast_hops_v6(hops))?;
        }
        if local.is_ipv4() || dual {
            set_asked("multicastTimeToLive", tolerate(raw.set_multicast_ttl_v4(hops), dual))?;
        }
    }
    Ok(())
}

/// Ignores a failure to set an IPv4 option on a dual-stack socket, on systems where IPv6 sockets have no IPv4 options.
fn tolerate(set: io::Result<()>, dual: bool) -> io::Result<()> {
    if dual && !sys::IPV6_TAKES_IPV4_OPTIONS { Ok(()) } else { set }
}

/// The interface that `multicastInterface` names: by an address, by its name, or as an IPv6 zone (R-udp-group).
pub struct MulticastInterface {
    /// The text in the option.
    text: String,
    /// An address of the interface, for IPv4 multicast.
    v4: Option<Ipv4Addr>,
    /// The interface's number, for IPv6 multicast.
    index: Option<u32>,
}

impl MulticastInterface {
    /// Finds the interface, for a socket that is bound to `local`.
    pub fn find(text: &str, local: &SocketAddr, ipv6_only: bool) -> Result<Self, SocketError> {
        let text = text.to_owned();
        let dual = local.is_ipv6() && local.ip().is_unspecified() && !ipv6_only;
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            if local.is_ipv6() && !dual {
                let why = "the socket is IPv6 only: give the interface's name, such as \"eth0\"";
                return Err(wrong_interface(&text, why));
            }
            return Ok(Self { text, v4: Some(ip), index: None });
        }
        let index = match ip_address::zone_index(&text)? {
            Some(index) => Some(index),
            None => match (ip_address::parse(MULTICAST_INTERFACE, &text, 0), local) {
                (Ok(SocketAddr::V6(v6)), _) if v6.scope_id() != 0 => Some(v6.scope_id()),
                (Ok(address), _) => interfaces::index_of(address.ip()),
                (Err(_), SocketAddr::V6(_)) => None,
                (Err(error), SocketAddr::V4(_)) => return Err(error),
            },
        };
        let Some(index) = index else { return Err(interface(&text, None, errno::no_interface())) };
        match (local, interfaces::ipv4_of(index)) {
            (SocketAddr::V4(_), None) => {
                Err(wrong_interface(&text, "the socket is IPv4, and that interface has no IPv4 address"))
            }
            (SocketAddr::V4(_), v4) => Ok(Self { text, v4, index: None }),
            (SocketAddr::V6(_), v4) => Ok(Self { text, v4: v4.filter(|_| dual), index: Some(index) }),
        }
    }

    /// Makes the socket send multicast through the interface.
    fn set(&self, raw: &Socket) -> Result<(), SocketError> {
        let unusable = |source| interface(&self.text, Some(Syscall::SetOption), source);
        let set_v4 = self.v4.map(|ip| raw.set_multicast_if_v4(&ip).map_err(unusable));
        match self.index {
            // The IPv4 half of a dual-stack socket does not have this option on every system.
            Some(index) => raw.set_multicast_if_v6(index).map_err(unusable),
            None => set_v4.unwrap_or(Ok(())),
        }
    }
}

/// The error of an interface that does not exist, or that the system refuses.
fn interface(text: &str, syscall: Option<Syscall>, source: io::Error) -> SocketError {
    SocketError::Interface { what: MULTICAST_INTERFACE, text: quoted::beginning(text), syscall, source }
}

fn wrong_interface(text: &str, why: &str) -> SocketError {
    let text = quoted::beginning(text);
    SocketError::BadOption { reason: format!("multicastInterface {text:?} does not fit: {why}") }
}
