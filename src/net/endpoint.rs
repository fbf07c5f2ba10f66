//! One end of a connection: an IP address with a port, or the path of a Unix socket.

use std::net::SocketAddr;
use std::sync::Arc;

use super::sys;
use crate::proto::needs_zone;

/// One end of a connection, as attributes and errors report it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// An IP address and a port.
    Inet(SocketAddr),
    /// The path of a Unix socket. Empty: the socket is unnamed. A name of Linux's abstract namespace begins with NUL.
    Unix(Arc<str>),
}

impl Endpoint {
    /// The end of a Unix socket without a name.
    pub fn unnamed() -> Self {
        Self::Unix("".into())
    }

    /// The IP address and port. `None`: the end of a Unix socket.
    pub fn inet(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// The address without its port, or the path. `None`: a Unix socket without a name.
    pub fn address_text(&self) -> Option<String> {
        match self {
            Self::Inet(address) => Some(ip_text(address)),
            Self::Unix(path) => (!path.is_empty()).then(|| path.as_ref().to_owned()),
        }
    }

    /// The port. `None`: a Unix socket has none, and a multicast group with port 0 stands for the group itself.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Inet(address) => (address.port() != 0 || !address.ip().is_multicast()).then_some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

/// The text of an address without its port, in the form of RFC 5952. A link-local address has its zone.
pub fn ip_text(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) if v6.scope_id() != 0 && needs_zone(v6.ip()) => {
            format!("{}%{}", v6.ip(), zone_name(v6.scope_id()))
        }
        SocketAddr::V6(v6) => v6.ip().to_string(),
    }
}

/// The name of the interface with this index. If it has no name, the index.
fn zone_name(index: u32) -> String {
    sys::interface_name(index).unwrap_or_else(|| index.to_string())
}
