//! IPv4 and IPv6 literals: the syntax that R-address accepts, and the canonical form. It looks up no names, and knows no interfaces.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 or IPv6 literal as R-address accepts it. An IPv4-mapped IPv6 address is stored as an IPv4 address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    /// The address itself.
    pub ip: IpAddr,
    /// The zone of an IPv6 address: `eth0` in `fe80::1%eth0`. None: the address has no zone.
    pub zone: Option<String>,
}

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// The text is empty.
    Empty,
    /// The text looks like a host name. Only `connect()` accepts host names.
    HostName,
    /// The text has a zone, but no IPv6 address before it; or the zone is empty.
    Zone,
    /// The text is no address for any other reason.
    Malformed,
}

impl Literal {
    /// Parses a literal. An IPv4 address has exactly four decimal numbers without leading zeros.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let (bare, zone) = match text.split_once('%') {
            Some((bare, zone)) => (bare, Some(zone)),
            None => (text, None),
        };
        let Ok(ip) = bare.parse::<IpAddr>() else {
            return Err(if zone.is_none() && looks_like_host_name(text) {
                AddressError::HostName
            } else {
                AddressError::Malformed
            });
        };
        match (ip.to_canonical(), zone) {
            (ip, None) => Ok(Self { ip, zone: None }),
            (IpAddr::V4(_), Some(_)) | (_, Some("")) => Err(AddressError::Zone),
            (ip, Some(zone)) => Ok(Self { ip, zone: Some(zone.to_owned()) }),
        }
    }
}

/// Whether a text has only letters, digits, hyphens, underscores and dots, and at least one letter.
fn looks_like_host_name(text: &str) -> bool {
    text.chars().any(char::is_alphabetic) && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'))
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty; give an IPv4 or IPv6 address",
            Self::HostName => "it is a host name; give an IPv4 or IPv6 address, or use connect(), which resolves names",
            Self::Zone => "a zone (%…) belongs to an IPv6 address and names an interface",
            Self::Malformed => "give an IPv4 or IPv6 address, such as 127.0.0.1, ::1 or fe80::1%eth0",
        })
    }
}

impl std::error::Error for AddressError {}

/// Whether an IPv6 address has a meaning only together with an interface. This is so for link-local addresses, and for multicast addresses
/// of link-local or interface-local scope.
pub fn needs_zone(ip: &Ipv6Addr) -> bool {
    ip.is_unicast_link_local() || (ip.is_multicast() && matches!(ip.segments()[0] & 0xf, 1 | 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_parsed_and_canonical() {
        for (text, shown) in [
            ("127.0.0.1", "127.0.0.1"),
            ("0:0:0:0:0:0:0:1", "::1"),
            ("2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("::ffff:0a01:0203", "10.1.2.3"),
        ] {
            assert_eq!(Literal::parse(text).unwrap().ip.to_string(), shown, "{text}");
        }
        let zoned = Literal::parse("fe80::1%eth0").unwrap();
        assert_eq!(zoned.zone.as_deref(), Some("eth0"));
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        for (text, why) in [
            ("", AddressError::Empty),
            ("localhost", AddressError::HostName),
            ("example.com", AddressError::HostName),
            ("127.1", AddressError::Malformed),
            ("127.0.0.01", AddressError::Malformed),
            ("0x7f.0.0.1", AddressError::HostName),
            ("1.2.3.4.5", AddressError::Malformed),
            ("[::1]", AddressError::Malformed),
            (" 127.0.0.1", AddressError::Malformed),
            ("127.0.0.1%lo", AddressError::Zone),
            ("fe80::1%", AddressError::Zone),
            ("::1::", AddressError::Malformed),
        ] {
            assert_eq!(Literal::parse(text).unwrap_err(), why, "{text}");
        }
    }
}
