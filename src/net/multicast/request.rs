//! Checks the arguments of joinMulticastGroup() and leaveMulticastGroup(), and finds the interfaces that they name.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Member;
use super::system::Device;
use crate::net::{SocketError, errno, interfaces, ip_address, quoted};

/// The arguments of joinMulticastGroup() or leaveMulticastGroup().
#[derive(Clone, Copy, Debug)]
pub struct GroupRequest<'a> {
    /// `multicastGroupAddress`: the address of the group.
    pub group: &'a str,
    /// `interfaceAddress`: an address or a name of an interface, an IPv6 zone, or "all". `None`: it was left out.
    pub interface: Option<&'a str>,
    /// `sourceAddress`: a source to receive from; several memberships may list several sources. `None`: any source.
    pub source: Option<&'a str>,
}

/// One membership, as the program has requested it.
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
    /// The argument was left out, so the system chooses the interface. This is another membership than one with the name of the interface
    /// that the system chooses.
    Default,
    /// "all": each interface that is up and supports multicast. This is also a membership of its own.
    All,
    /// An interface that is given by an address, a name or a zone.
    Named {
        /// The text that the program has passed. When the program leaves the group, this text may stand for another interface.
        text: String,
        /// The interface that the text stands for now. `None`: there is no such interface, so the group can only be left there, not joined.
        device: Option<Device>,
    },
}

impl Membership {
    /// Checks a request (R-udp-group).
    pub fn parse(member: Member<'_>, request: GroupRequest<'_>) -> Result<Self, SocketError> {
        let GroupRequest { group: text, .. } = request;
        let group = ip_address::parse("multicastGroupAddress", text, 0)?;
        if !group.ip().is_multicast() {
            let text = quoted::beginning(text);
            let reason = format!(
                "multicastGroupAddress {text:?} is no multicast address: those are 224.0.0.0 to 239.255.255.255 and ff00::/8"
            );
            return Err(SocketError::Group { reason });
        }
        ip_address::check_reachable(member.local, member.ipv6_only, &group)?;
        let source = request.source.map(|text| parse_source(&group, text)).transpose()?;
        Ok(Self { group: group.ip(), interface: parse_interface(&group, request.interface)?, source })
    }

    /// The interfaces on which the system is to join the group. Only `Interface::All` gives several.
    pub fn devices(&self, member: Member<'_>, request: GroupRequest<'_>) -> Result<Vec<Device>, SocketError> {
        if let (Interface::Default, Some(interface)) = (&self.interface, member.interface) {
            // A socket that is bound to one interface joins there (R-udp-interface). The system would let the routes decide.
            return Ok(vec![Device::Index(interface.get())]);
        }
        let device = match (&self.interface, self.group, member.local) {
            (Interface::All, ..) => {
                let indices = interfaces::multicast_indices(self.group.is_ipv4())?;
                return Ok(indices.into_iter().map(Device::Index).collect());
            }
            (Interface::Named { device, .. }, ..) => device.ok_or_else(|| no_interface(self.group, request))?,
            // A socket that is bound to one address joins on the interface of this address.
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

/// The error `NoGroupInterface` for this request.
pub fn no_interface(group: IpAddr, request: GroupRequest<'_>) -> SocketError {
    SocketError::NoGroupInterface { group: SocketAddr::new(group, 0), interface: request.interface.map(quoted::plain) }
}

/// The interface for the argument `interfaceAddress`. `text` is `None` if the argument was left out.
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
    if let Some(index) = ip_address::interface_index(text)? {
        return named(Some(Device::Index(index)));
    }
    match (ip_address::parse("interfaceAddress", text, 0), group) {
        (Ok(SocketAddr::V6(v6)), _) if v6.scope_id() != 0 => named(Some(Device::Index(v6.scope_id()))),
        (Ok(address), _) if address.ip().is_unspecified() => Ok(Interface::Default),
        (Ok(SocketAddr::V4(v4)), SocketAddr::V4(_)) => named(Some(device_of(*v4.ip()))),
        (Ok(address), _) => named(interfaces::index_of(address.ip()).map(Device::Index)),
        // For an IPv6 group the text may be a zone, which is a name or an index. A name that is not known may be that of an interface that
        // does not exist any more.
        (Err(_), SocketAddr::V6(_)) => named(ip_address::zone_index(text)?.map(Device::Index)),
        // For an IPv4 group the text must be an address or the name of an interface. Anything else is a mistake of the program.
        (Err(_), SocketAddr::V4(_)) => {
            let (what, text) = ("interfaceAddress", quoted::beginning(text));
            Err(SocketError::Interface { what, text, syscall: None, source: errno::no_interface() })
        }
    }
}

/// The interface with this address, given by its index, because an address can move to another interface. An address that no interface has
/// stays an address, because the system may accept it all the same (for example 127.0.0.2).
fn device_of(ip: Ipv4Addr) -> Device {
    interfaces::index_of(ip.into()).map_or(Device::Address(ip), Device::Index)
}

/// The source for the argument `sourceAddress`: a unicast address of the group's family.
fn parse_source(group: &SocketAddr, text: &str) -> Result<IpAddr, SocketError> {
    let ip = ip_address::parse("sourceAddress", text, 0)?.ip();
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
