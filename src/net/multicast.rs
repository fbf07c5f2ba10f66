//! Group memberships (R-udp-group): the package keeps the list itself, so that what throws changes nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mio::net::UdpSocket;
use socket2::{InterfaceIndexOrAddress, SockRef};

use super::{SocketError, endpoint, errno};

/// The groups that one socket has joined.
#[derive(Default)]
pub struct Memberships {
    list: Vec<Membership>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Membership {
    group: IpAddr,
    interface: Interface,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Interface {
    /// Left out: one of its own, whatever the system makes of it.
    Default,
    Address(Ipv4Addr),
    Index(u32),
}

impl Memberships {
    /// joinMulticastGroup().
    pub fn join(
        &mut self,
        socket: &UdpSocket,
        local: &SocketAddr,
        ipv6_only: bool,
        group: &str,
        interface: Option<&str>,
    ) -> Result<(), SocketError> {
        let membership = parse(local, ipv6_only, group, interface)?;
        if self.list.contains(&membership) {
            let reason = format!("the multicast group {group} has been joined already");
            return Err(SocketError::Group { reason });
        }
        change(socket, local, membership, true).map_err(|error| match errno::name(&error).as_str() {
            // The system's choice of an interface is one that has been named, or the other way round.
            "EADDRINUSE" => SocketError::Group {
                reason: format!("the multicast group {group} has been joined already on that interface"),
            },
            _ => failure(group, interface, error),
        })?;
        self.list.push(membership);
        Ok(())
    }

    /// leaveMulticastGroup().
    pub fn leave(
        &mut self,
        socket: &UdpSocket,
        local: &SocketAddr,
        ipv6_only: bool,
        group: &str,
        interface: Option<&str>,
    ) -> Result<(), SocketError> {
        let membership = parse(local, ipv6_only, group, interface)?;
        let Some(at) = self.list.iter().position(|joined| *joined == membership) else {
            let reason = match interface {
                Some(interface) => format!("the multicast group {group} has not been joined on {interface}"),
                None => format!("the multicast group {group} has not been joined"),
            };
            return Err(SocketError::Group { reason });
        };
        match change(socket, local, membership, false) {
            // Where there is no such interface any more, the membership has gone with it.
            Err(error) if !is_no_interface(&error) => Err(failure(group, interface, error)),
            _ => {
                self.list.swap_remove(at);
                Ok(())
            }
        }
    }
}

fn parse(local: &SocketAddr, ipv6_only: bool, group: &str, interface: Option<&str>) -> Result<Membership, SocketError> {
    let address = endpoint::parse("multicastGroupAddress", group, 0)?;
    if !address.ip().is_multicast() {
        let reason = format!(
            "multicastGroupAddress {group:?} is no multicast address: those are 224.0.0.0 to 239.255.255.255 and ff00::/8"
        );
        return Err(SocketError::Group { reason });
    }
    endpoint::check_reachable(local, ipv6_only, &address)?;
    let interface = match (&address, interface) {
        (SocketAddr::V6(v6), None) if v6.scope_id() != 0 => Interface::Index(v6.scope_id()),
        (_, None) => Interface::Default,
        (SocketAddr::V4(_), Some(text)) => match endpoint::parse("interfaceAddress", text, 0)?.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Interface::Default,
            IpAddr::V4(ip) => Interface::Address(ip),
            IpAddr::V6(_) => {
                let reason = format!("interfaceAddress {text:?}: an IPv4 group is joined on an IPv4 address");
                return Err(SocketError::Group { reason });
            }
        },
        (SocketAddr::V6(_), Some(text)) => {
            let no_interface = || SocketError::NoGroupInterface { group: format!("{group} on {text}") };
            Interface::Index(endpoint::zone_index(text).ok_or_else(no_interface)?)
        }
    };
    Ok(Membership { group: address.ip(), interface })
}

fn change(socket: &UdpSocket, local: &SocketAddr, membership: Membership, join: bool) -> io::Result<()> {
    let socket = SockRef::from(socket);
    match membership.group {
        IpAddr::V4(group) => {
            let interface = match (membership.interface, local.ip()) {
                (Interface::Address(ip), _) => ip,
                // A socket bound to one address joins there.
                (_, IpAddr::V4(ip)) => ip,
                _ => Ipv4Addr::UNSPECIFIED,
            };
            let interface = InterfaceIndexOrAddress::Address(interface);
            if join {
                socket.join_multicast_v4_n(&group, &interface)
            } else {
                socket.leave_multicast_v4_n(&group, &interface)
            }
        }
        IpAddr::V6(group) => {
            let index = match (membership.interface, local) {
                (Interface::Index(index), _) => index,
                (_, SocketAddr::V6(local)) => local.scope_id(),
                _ => 0,
            };
            if join { socket.join_multicast_v6(&group, index) } else { socket.leave_multicast_v6(&group, index) }
        }
    }
}

fn is_no_interface(error: &io::Error) -> bool {
    matches!(errno::name(error).as_str(), "ENODEV" | "EADDRNOTAVAIL" | "ENXIO")
}

fn failure(group: &str, interface: Option<&str>, error: io::Error) -> SocketError {
    if is_no_interface(&error) {
        let group = match interface {
            Some(interface) => format!("{group} on {interface}"),
            None => group.to_owned(),
        };
        return SocketError::NoGroupInterface { group };
    }
    if errno::name(&error) == "ENOBUFS" {
        // Linux: net.ipv4.igmp_max_memberships groups a socket.
        return SocketError::TooManyGroups { group: group.to_owned(), source: error };
    }
    SocketError::system("setsockopt", error)
}
