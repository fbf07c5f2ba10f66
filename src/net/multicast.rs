//! Group memberships (R-udp-group): the package keeps the list itself, so that what throws changes nothing.

mod system;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mio::net::UdpSocket;

use self::system::Device;
use super::{SocketError, endpoint, errno, interfaces};

/// The groups that one socket has joined.
#[derive(Default)]
pub struct Memberships {
    list: Vec<Joined>,
}

/// joinMulticastGroup()'s and leaveMulticastGroup()'s arguments.
#[derive(Clone, Copy, Debug)]
pub struct GroupRequest<'a> {
    /// The group's address.
    pub group: &'a str,
    /// `interfaceAddress`: an address (IPv4), a zone (IPv6), or "all".
    pub interface: Option<&'a str>,
    /// `sourceAddress`: the only one to receive from, or one of several.
    pub source: Option<&'a str>,
}

/// The socket, as far as memberships go.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    /// The socket.
    pub socket: &'a UdpSocket,
    /// What it is bound to.
    pub local: &'a SocketAddr,
    /// IPV6_V6ONLY.
    pub ipv6_only: bool,
}

struct Joined {
    membership: Membership,
    /// Where the system has joined: several for "all".
    devices: Vec<Device>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Membership {
    group: IpAddr,
    interface: Interface,
    /// None: any source.
    source: Option<IpAddr>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Interface {
    /// Left out: one of its own, whatever the system makes of it.
    Default,
    Address(Ipv4Addr),
    Index(u32),
    /// "all": one of its own, too.
    All,
}

impl Memberships {
    /// joinMulticastGroup().
    pub fn join(&mut self, member: Member<'_>, request: GroupRequest<'_>) -> Result<(), SocketError> {
        let membership = parse(member, request)?;
        let on_it = |joined: &&Joined| {
            joined.membership.group == membership.group && joined.membership.interface == membership.interface
        };
        for Joined { membership: other, .. } in self.list.iter().filter(on_it) {
            let how = match (membership.source, other.source) {
                (Some(one), Some(another)) if one != another => continue,
                (None, None) => "already".to_owned(),
                (Some(source), Some(_)) => format!("from {source} already"),
                (Some(_), None) => "from any source: leave it before you join it from listed ones".to_owned(),
                (None, Some(_)) => "from listed sources: leave those before you join it from any".to_owned(),
            };
            let reason = format!("the multicast group {} has been joined {how}", request.group);
            return Err(SocketError::Group { reason });
        }
        let any_elsewhere = membership.source.is_some()
            && self
                .list
                .iter()
                .any(|joined| joined.membership.group == membership.group && joined.membership.source.is_none());
        let devices = join_devices(member, membership, request, any_elsewhere)?;
        self.list.push(Joined { membership, devices });
        Ok(())
    }

    /// leaveMulticastGroup(): named as it was joined.
    pub fn leave(&mut self, member: Member<'_>, request: GroupRequest<'_>) -> Result<(), SocketError> {
        let membership = parse(member, request)?;
        let Some(at) = self.list.iter().position(|joined| joined.membership == membership) else {
            let from = request.source.map_or(String::new(), |source| format!(" from {source}"));
            let on = request.interface.map_or(String::new(), |interface| format!(" on {interface}"));
            let reason = format!("the multicast group {} has not been joined{from}{on}", request.group);
            return Err(SocketError::Group { reason });
        };
        while let Some(&device) = self.list[at].devices.last() {
            match system::leave(member.socket, membership.group, device, membership.source) {
                // Where there is no such interface any more, the membership has gone with it.
                Err(error) if !is_gone(&error) => return Err(failure(request, error, None)),
                _ => self.list[at].devices.pop(),
            };
        }
        self.list.swap_remove(at);
        Ok(())
    }
}

/// `any_elsewhere`: the group is joined from any source under another name of an interface, maybe of one of these.
fn join_devices(
    member: Member<'_>,
    membership: Membership,
    request: GroupRequest<'_>,
    any_elsewhere: bool,
) -> Result<Vec<Device>, SocketError> {
    let devices = devices(member.local, membership)?;
    let several = membership.interface == Interface::All;
    let mut joined = Vec::with_capacity(devices.len());
    for device in devices {
        match join_device(member.socket, membership, device, any_elsewhere) {
            Ok(()) => joined.push(device),
            // One that is up and yet does not speak the group's family.
            Err(error) if several && is_no_interface(&error, membership.source) => {}
            Err(error) => {
                for device in joined {
                    // What has just been joined can be left.
                    let _ = system::leave(member.socket, membership.group, device, membership.source);
                }
                return Err(failure(request, error, membership.source));
            }
        }
    }
    if joined.is_empty() {
        return Err(no_interface(request));
    }
    Ok(joined)
}

fn join_device(socket: &UdpSocket, membership: Membership, device: Device, any_elsewhere: bool) -> io::Result<()> {
    if any_elsewhere {
        // Linux would switch a membership from any source to this one. It says whether there is one.
        system::join(socket, membership.group, device, None)?;
        system::leave(socket, membership.group, device, None)?;
    }
    system::join(socket, membership.group, device, membership.source)
}

fn parse(member: Member<'_>, request: GroupRequest<'_>) -> Result<Membership, SocketError> {
    let GroupRequest { group: text, .. } = request;
    let group = endpoint::parse("multicastGroupAddress", text, 0)?;
    if !group.ip().is_multicast() {
        let reason = format!(
            "multicastGroupAddress {text:?} is no multicast address: those are 224.0.0.0 to 239.255.255.255 and ff00::/8"
        );
        return Err(SocketError::Group { reason });
    }
    endpoint::check_reachable(member.local, member.ipv6_only, &group)?;
    let source = request.source.map(|text| parse_source(&group, text)).transpose()?;
    Ok(Membership { group: group.ip(), interface: parse_interface(&group, request)?, source })
}

fn parse_interface(group: &SocketAddr, request: GroupRequest<'_>) -> Result<Interface, SocketError> {
    Ok(match (group, request.interface) {
        (_, Some("all")) => Interface::All,
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
            Interface::Index(endpoint::zone_index(text).ok_or_else(|| no_interface(request))?)
        }
    })
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
    Err(SocketError::Group { reason: format!("sourceAddress {text:?}: {why}") })
}

/// What the system is to join on.
fn devices(local: &SocketAddr, membership: Membership) -> Result<Vec<Device>, SocketError> {
    let device = match (membership.interface, membership.group, local) {
        (Interface::All, ..) => {
            let indices = interfaces::multicast_indices()?;
            return Ok(indices.into_iter().map(Device::Index).collect());
        }
        (Interface::Address(ip), ..) => Device::Address(ip),
        (Interface::Index(index), ..) => Device::Index(index),
        // A socket bound to one address joins there.
        (Interface::Default, IpAddr::V4(_), SocketAddr::V4(local)) => Device::Address(*local.ip()),
        (Interface::Default, IpAddr::V4(_), SocketAddr::V6(_)) => Device::Address(Ipv4Addr::UNSPECIFIED),
        (Interface::Default, IpAddr::V6(_), SocketAddr::V6(local)) => Device::Index(local.scope_id()),
        (Interface::Default, IpAddr::V6(_), SocketAddr::V4(_)) => Device::Index(0),
    };
    Ok(vec![device])
}

/// Linux says EADDRNOTAVAIL of a source that is listed already, other systems of an address that no interface has.
fn is_no_interface(error: &io::Error, source: Option<IpAddr>) -> bool {
    is_gone(error) && !(is_listed(error) && source.is_some())
}

fn is_gone(error: &io::Error) -> bool {
    matches!(errno::name(error).as_str(), "ENODEV" | "EADDRNOTAVAIL" | "ENXIO")
}

fn is_listed(error: &io::Error) -> bool {
    cfg!(target_os = "linux") && errno::name(error) == "EADDRNOTAVAIL"
}

fn no_interface(request: GroupRequest<'_>) -> SocketError {
    let group = match request.interface {
        Some(interface) => format!("{} on {interface}", request.group),
        None => request.group.to_owned(),
    };
    SocketError::NoGroupInterface { group }
}

fn failure(request: GroupRequest<'_>, error: io::Error, source: Option<IpAddr>) -> SocketError {
    let GroupRequest { group, .. } = request;
    // One interface under two names: an address of it, its zone, "all", or left out.
    let on_that_interface = |how| SocketError::Group {
        reason: format!("the multicast group {group} has been joined {how} on that interface"),
    };
    if is_no_interface(&error, source) {
        return no_interface(request);
    }
    match errno::name(&error).as_str() {
        "EADDRINUSE" if source.is_some() => on_that_interface("from any source"),
        "EADDRINUSE" => on_that_interface("already"),
        "EADDRNOTAVAIL" => on_that_interface("from that source already"),
        "EINVAL" if source.is_some() => on_that_interface("from any source"),
        // Linux: net.ipv4.igmp_max_memberships groups a socket, igmp_max_msf sources a group.
        "ENOBUFS" => {
            SocketError::TooManyGroups { group: group.to_owned(), of_sources: source.is_some(), source: error }
        }
        "ENOTSUP" | "EOPNOTSUPP" | "ENOPROTOOPT" if source.is_some() => {
            let reason = "this system cannot join a group from listed sources (sourceAddress) there".to_owned();
            SocketError::NotSupported { reason }
        }
        _ => SocketError::system("setsockopt", error),
    }
}
