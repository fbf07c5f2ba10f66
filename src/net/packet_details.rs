//! What a message reports about its datagram with `packetInfo` (R-udp-reply).

use std::net::IpAddr;
use std::sync::Arc;

use crate::proto::needs_zone;

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
}
