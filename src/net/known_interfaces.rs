//! A cache of the system's answers about its interfaces. An answer is used for at most one second. A datagram with details needs the name of
//! an interface, and one with options the index of a name. Each question takes several system calls, and the answers change seldom.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::packet_details::PacketDetails;
use super::sys::{self, PacketInfo};
use super::{SocketError, interfaces, ip_address};

/// How long an answer is used before the system is asked again, since an interface can get another name.
const LIFETIME: Duration = Duration::from_secs(1);

/// The answers.
#[derive(Default)]
pub struct KnownInterfaces {
    /// The index and the name of each interface. A name of None: there is no such interface.
    names: Vec<(u32, Option<Arc<str>>)>,
    /// The broadcast addresses of the host's networks. None: not asked for.
    broadcasts: Option<Vec<Ipv4Addr>>,
    /// When the first answer was given. None: there is none.
    since: Option<Instant>,
}

impl KnownInterfaces {
    /// Forgets the answers if they are too old.
    pub fn expire(&mut self, now: Instant) {
        if self.since.is_none_or(|since| now.duration_since(since) >= LIFETIME) {
            *self = Self { since: Some(now), ..Self::default() };
        }
    }

    /// The details of a datagram, with the interface's name.
    pub fn details(&mut self, info: PacketInfo) -> PacketDetails {
        let PacketInfo { address, interface, type_of_service } = info;
        PacketDetails { address, interface: self.name(interface), type_of_service }
    }

    /// The name of the interface with this index. None: there is none.
    fn name(&mut self, index: u32) -> Option<Arc<str>> {
        if let Some((_, name)) = self.names.iter().find(|(known, _)| *known == index) {
            return name.clone();
        }
        let name: Option<Arc<str>> = sys::interface_name(index).map(Into::into);
        self.names.push((index, name.clone()));
        name
    }

    /// The index of the interface with this name. None: there is none.
    pub fn index(&mut self, name: &str) -> Result<Option<u32>, SocketError> {
        if let Some((index, _)) = self.names.iter().find(|(_, known)| known.as_deref() == Some(name)) {
            return Ok(Some(*index));
        }
        let index = ip_address::interface_index(name)?;
        if let Some(index) = index {
            self.names.retain(|(known, _)| *known != index);
            self.names.push((index, Some(name.into())));
        }
        Ok(index)
    }

    /// Whether an address is the broadcast address of a network of this host, or that of all networks.
    pub fn is_broadcast(&mut self, ip: IpAddr) -> bool {
        let IpAddr::V4(ip) = ip else { return false };
        ip.is_broadcast() || self.broadcasts.get_or_insert_with(interfaces::broadcasts).contains(&ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_a_while_and_then_forgotten() {
        let start = Instant::now();
        let mut known = KnownInterfaces::default();
        known.expire(start);
        // 0 is no interface.
        assert_eq!(known.name(0), None);
        known.names[0].1 = Some("kept".into());
        known.expire(start + LIFETIME - Duration::from_millis(1));
        assert_eq!(known.name(0).as_deref(), Some("kept"));
        assert_eq!(known.index("kept").unwrap(), Some(0));
        known.expire(start + LIFETIME);
        assert_eq!(known.name(0), None);
        assert_eq!(known.index("kept").unwrap(), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_loopback_network_has_a_broadcast_address() {
        let mut known = KnownInterfaces::default();
        for (address, is_broadcast) in
            [("127.255.255.255", true), ("255.255.255.255", true), ("127.0.0.1", false), ("::1", false)]
        {
            assert_eq!(known.is_broadcast(address.parse().unwrap()), is_broadcast, "{address}");
        }
    }
}
