//! What joinMulticastGroup() and leaveMulticastGroup() are given, checked and resolved to interfaces.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Member;
use super::system::Device;
use crate::net::{SocketError, endpoint, errno, interfaces, quoted};

/// joinMulticastGroup()'s and leaveMulticastGroup()'s arguments.
#[derive(Clone, Copy, Debug)]
pub struct GroupRequest<'a> {
    /// The group's address.
    pub group: &'a str,
    /// `interfaceAddress`: an address or the name of an interface, an IPv6 zone, or "all".
    pub interface: Option<&'a str>,
    /// `sourceAddress`: the only one to receive from, or one of several.
    pub source: Option<&'a str>,
}

/// One membership, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub group: IpAddr,
    /// The interface to join on.
    pub interface: Interface,
    /// The listed source. `None`: any source.
    pub source: Option<IpAddr>,
}

/// The interface of a membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    /// Left out: the system chooses. It is not the same membership as one under the name of the interface that it chooses.
    Default,
    /// "all": each interface that is up and can do multicast. It is a membership of its own, too.
    All,
    /// By an address, a name or a zone.
    Named {
        /// The text that the program gave. It may name another interface by the time of leaving.
        text: String,
        /// The interface that it names now. `None`: it names none, and the group cannot be joined there, only left.
        device: Option<Device>,
    },
}

impl Membership {
    /// Checks a request (R-udp-group).
    pub fn parse(member: Member<'_>, request: GroupRequest<'_>) -> Result<Self, SocketError> {
        let GroupRequest { group: text, .. } = request;
        let group = endpoint::parse("multicastGroupAddress", text, 0)?;
        if !group.ip().is_multicast() {
            let text = quoted::beginning(text);
            let reason = format!(
                "multicastGroupAddress {text:?} is no multicast address: those are 224.0.0.0 to 239.255.255.255 and ff00::/8"
            );
            return Err(SocketError::Group { reason });
        }
        endpoint::check_reachable(member.local, member.ipv6_only, &group)?;
        let source = request.source.map(|text| parse_source(&group, text)).transpose()?;
        Ok(Self { group: group.ip(), interface: parse_interface(&group, request.interface)?, source })
    }

    /// The interfaces on which the system is to join. `Interface::All` gives several.
    pub fn devices(&self, local: &SocketAddr, request: GroupRequest<'_>) -> Result<Vec<Device>, SocketError> {
        let device = match (&self.interface, self.group, local) {
            (Interface::All, ..) => {
                let indices = interfaces::multicast_indices(self.group.is_ipv4())?;
                return Ok(indices.into_iter().map(Device::Index).collect());
            }
            (Interface::Named { device, .. }, ..) => device.ok_or_else(|| no_interface(self.group, request))?,
            // A socket bound to one address joins there.
            (Interface::Default, IpAddr::V4(_), SocketAddr::V4(local)) if !local.ip().is_unspecified() => {
                device_of(*local.ip())
            }
            (Interface::Default, IpAddr::V4(_), _) => Device::Address(Ipv4Addr::UNSPECIFIED),
            (Interface::Default, IpAddr::V6(_), SocketAddr::V6(local)) => Device::Index(local.scope_id()),
            (Interface::Default, IpAddr::V6(_), SocketAddr::V4(_)) => Device::Index(0),
        };
        Ok(vec![device])
    }
}

/// `NoGroupInterface`, with what was asked for.
pub fn no_interface(group: IpAddr, request: GroupRequest<'_>) -> SocketError {
    SocketError::NoGroupInterface { group: SocketAddr::new(group, 0), interface: request.interface.map(quoted::plain) }
}

fn parse_interface(group: &SocketAddr, text: Option<&str>) -> Result<Interface, SocketError> {
    let Some(text) = text else {
        return Ok(match group {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => {
                Interface::Named { text: v6.scope_id().to_string(), device: Some(Device::Index(v6.scope_id())) }
            }
            _ => Interface::Default,
        });
    };
    if text == "all" {
        return Ok(Interface::All);
    }
    let named = |device| Ok(Interface::Named { text: text.to_owned(), device });
    if let Some(index) = endpoint::interface_index(text)? {
        return named(Some(Device::Index(index)));
    }
    match (endpoint::parse("interfaceAddress", text, 0), group) {
        (Ok(SocketAddr::V6(v6)), _) if v6.scope_id() != 0 => named(Some(Device::Index(v6.scope_id()))),
        (Ok(address), _) if address.ip().is_unspecified() => Ok(Interface::Default),
        (Ok(SocketAddr::V4(v4)), SocketAddr::V4(_)) => named(Some(device_of(*v4.ip()))),
        (Ok(address), _) => named(interfaces::index_of(address.ip()).map(Device::Index)),
        // An IPv6 zone may be a number. What is not may be the name of an interface that is gone.
        (Err(_), SocketAddr::V6(_)) => named(endpoint::zone_index(text)?.map(Device::Index)),
        // With an IPv4 group, what is neither an address nor a name is a mistake of the caller's.
        (Err(_), SocketAddr::V4(_)) => {
            let (what, text) = ("interfaceAddress", quoted::beginning(text));
            Err(SocketError::Interface { what, text, syscall: None, source: errno::no_interface() })
        }
    }
}

/// The interface with this address, by its number: the address may move, the interface may be made again. An address that no
/// interface has, and that the system may take for one all the same (127.0.0.2), stays an address.
fn device_of(ip: Ipv4Addr) -> Device {
    interfaces::index_of(ip.into()).map_or(Device::Address(ip), Device::Index)
}

/// A source is one host, of the group's family.
fn parse_source(group: &SocketAddr, text: &str) -> Result<IpAddr, SocketError> {
    let ip = endpoint::parse("sourceAddress", text, 0)?.ip();
    let is_host = match ip {
        IpAddr::V4(ip) => !ip.is_multicast() && !ip.is_unspecified() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_multicast() && !ip.is_unspecified(),
    };
    let why = match (is_host, ip.is_ipv4() == group.is_ipv4()) {
        (true, true) => return Ok(ip),
        (false, _) => "a source is a unicast address",
        (_, false) => "a source has the group's family",
    };
    Err(SocketError::Group { reason: format!("sourceAddress {:?}: {why}", quoted::beginning(text)) })
}
