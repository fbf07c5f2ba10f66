//! What a message reports about its datagram with `packetInfo` (R-udp-reply), and the names of interfaces for it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sys::{self, PacketInfo};
use crate::proto::needs_zone;

/// How long a name is used before the system is asked for it again, since an interface can get another name. Asking takes three system
/// calls.
const NAME_LIFETIME: Duration = Duration::from_secs(1);

/// What the system reports about a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketDetails {
    /// The destination address in the header: one of the host's, a group, or a broadcast address.
    pub address: IpAddr,
    /// The name of the interface that has received the datagram. None: not known.
    pub interface: Option<Arc<str>>,
    /// The byte of the header that has DSCP and ECN. None: not known.
    pub type_of_service: Option<u8>,
}

impl PacketDetails {
    /// The text of the destination address, in the form of RFC 5952. A link-local address has its zone (R-address).
    pub fn address_text(&self) -> String {
        match (self.address, &self.interface) {
            (IpAddr::V6(v6), Some(interface)) if needs_zone(&v6) => format!("{v6}%{interface}"),
            (address, _) => address.to_string(),
        }
    }
}

/// The names of interfaces that the system was asked for in the last second.
#[derive(Default)]
pub struct InterfaceNames {
    /// The index and the name of each. A name of None: there is no such interface.
    known: Vec<(u32, Option<Arc<str>>)>,
    /// When the first of them was asked for. None: none was.
    since: Option<Instant>,
}

impl InterfaceNames {
    /// Forgets the names if they are too old.
    pub fn expire(&mut self, now: Instant) {
        if self.since.is_none_or(|since| now.duration_since(since) >= NAME_LIFETIME) {
            self.known.clear();
            self.since = Some(now);
        }
    }

    /// The details with the interface's name.
    pub fn details(&mut self, info: PacketInfo) -> PacketDetails {
        let PacketInfo { address, interface, type_of_service } = info;
        PacketDetails { address, interface: self.name(interface), type_of_service }
    }

    /// The name of the interface with this index.
    fn name(&mut self, index: u32) -> Option<Arc<str>> {
        if let Some((_, name)) = self.known.iter().find(|(known, _)| *known == index) {
            return name.clone();
        }
        let name: Option<Arc<str>> = sys::interface_name(index).map(Into::into);
        self.known.push((index, name.clone()));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_destination_has_its_zone() {
        let details = |address: &str, interface: Option<&str>| PacketDetails {
            address: address.parse().unwrap(),
            interface: interface.map(Into::into),
            type_of_service: None,
        };
        for (address, interface, text) in [
            ("fe80::1", Some("eth0"), "fe80::1%eth0"),
            ("ff02::fb", Some("eth0"), "ff02::fb%eth0"),
            ("fe80::1", None, "fe80::1"),
            ("2001:db8::1", Some("eth0"), "2001:db8::1"),
            ("10.0.0.1", Some("eth0"), "10.0.0.1"),
        ] {
            assert_eq!(details(address, interface).address_text(), text);
        }
    }

    #[test]
    fn a_name_is_kept_for_a_while_and_then_forgotten() {
        let start = Instant::now();
        let mut names = InterfaceNames::default();
        names.expire(start);
        // 0 is no interface.
        assert_eq!(names.name(0), None);
        names.known[0].1 = Some("kept".into());
        names.expire(start + NAME_LIFETIME - Duration::from_millis(1));
        assert_eq!(names.name(0).as_deref(), Some("kept"));
        names.expire(start + NAME_LIFETIME);
        assert_eq!(names.name(0), None);
    }
}
