//! Group memberships (R-udp-group). The package keeps its own list of them for two reasons. A call that throws must change nothing. And
//! datagrams that the system delivers without regard to the interface must be dropped.

mod filter;
mod request;
mod system;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

use mio::net::UdpSocket;

pub use self::request::GroupRequest;
use self::request::{Interface, Membership, no_interface};
use self::system::{Device, Entry, is_gone};
use super::errno::{self, Errno};
use super::syscall::Syscall;
use super::{SocketError, quoted, sys};

/// The groups that one socket has joined.
#[derive(Default)]
pub struct Memberships {
    /// The memberships, in no particular order.
    list: Vec<Joined>,
}

/// A socket, with the properties that its memberships depend on.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    /// The socket.
    pub socket: &'a UdpSocket,
    /// The address that the socket is bound to.
    pub local: &'a SocketAddr,
    /// The interface that the socket is bound to. None: it is bound to none.
    pub interface: Option<NonZeroU32>,
    /// IPV6_V6ONLY. True: the socket takes no IPv4.
    pub ipv6_only: bool,
}

/// A membership that the system has accepted.
struct Joined {
    /// The membership that was requested.
    membership: Membership,
    /// The interfaces on which the system has joined: several for "all". An interface may also belong to another membership.
    devices: Vec<Device>,
}

impl Memberships {
    /// joinMulticastGroup().
    pub fn join(&mut self, member: Member<'_>, request: GroupRequest<'_>) -> Result<(), SocketError> {
        let membership = Membership::parse(member, request)?;
        self.forget_gone(member.socket, membership.group);
        self.refuse_same(&membership, request)?;
        let wanted = membership.devices(member, request)?;
        let wanted = wanted.into_iter().map(|device| system::number(membership.group, device));
        let wanted = wanted
            .collect::<io::Result<Vec<Device>>>()
            .map_err(|error| failure(membership.group, request, error, None))?;
        self.refuse_shared(&membership, &wanted, request)?;
        let devices = self.enter(member, &membership, wanted, request)?;
        self.list.push(Joined { membership, devices });
        Ok(())
    }

    /// leaveMulticastGroup(). The request names the membership as it was joined.
    pub fn leave(&mut self, member: Member<'_>, request: GroupRequest<'_>) -> Result<(), SocketError> {
        let membership = Membership::parse(member, request)?;
        let Some(at) = self.find(&membership) else {
            let from = request.source.map_or(String::new(), |source| format!(" from {}", quoted::plain(source)));
            let on = request.interface.map_or(String::new(), |interface| format!(" on {}", quoted::plain(interface)));
            let reason = format!("the multicast group {} has not been joined{from}{on}", quoted::plain(request.group));
            return Err(SocketError::Group { reason });
        };
        let left = self.list.swap_remove(at);
        let (group, source) = (left.membership.group, left.membership.source);
        let kept = self.entries(group);
        let gone: Vec<Entry> = left.devices.iter().map(|&device| Entry { device, source }).collect();
        let gone: Vec<Entry> = gone.into_iter().filter(|entry| !kept.contains(entry)).collect();
        if let Err(error) = filter::remove(member.socket, group, &gone, &kept) {
            self.list.push(left);
            return Err(failure(group, request, error, None));
        }
        Ok(())
    }

    /// Whether a datagram is for this socket. `group` is its destination, and it arrived on the interface with the index `interface`.
    pub fn admits(&self, group: IpAddr, interface: u32, source: IpAddr) -> bool {
        self.of(group).any(|joined| {
            joined.membership.source.is_none_or(|listed| listed == source)
                && joined.devices.iter().any(|device| device.may_be(interface))
        })
    }

    /// The memberships of a group.
    fn of(&self, group: IpAddr) -> impl Iterator<Item = &Joined> {
        self.list.iter().filter(move |joined| joined.membership.group == group)
    }

    /// The entries that the system has for a group, without duplicates.
    fn entries(&self, group: IpAddr) -> Vec<Entry> {
        let mut entries = Vec::new();
        for joined in self.of(group) {
            for &device in &joined.devices {
                let entry = Entry { device, source: joined.membership.source };
                if !entries.contains(&entry) {
                    entries.push(entry);
                }
            }
        }
        entries
    }

    /// The index of the membership that a request to leave means. It is the one on the interface that the name means now. If there is none,
    /// it is the one that was joined under the same name.
    fn find(&self, wanted: &Membership) -> Option<usize> {
        let same_source =
            |joined: &Joined| joined.membership.group == wanted.group && joined.membership.source == wanted.source;
        let now = |joined: &Joined| same_source(joined) && joined.is_on(&wanted.interface);
        let then = |joined: &Joined| {
            same_source(joined)
                && matches!((&joined.membership.interface, &wanted.interface),
                    (Interface::Named { text: one, .. }, Interface::Named { text: other, .. }) if one == other)
        };
        self.list.iter().position(now).or_else(|| self.list.iter().position(then))
    }

    /// Forgets memberships on interfaces that do not exist any more. Then the group can be joined again on a new interface of the same
    /// name.
    fn forget_gone(&mut self, socket: &UdpSocket, group: IpAddr) {
        self.list.retain_mut(|joined| {
            if joined.membership.group != group {
                return true;
            }
            let (gone, kept): (Vec<Device>, Vec<Device>) = joined.devices.iter().partition(|device| device.is_gone());
            for device in &gone {
                // The membership counts against the socket's limit until it is left. If the system has left it already, the call fails,
                // which does not matter.
                let _ = system::leave(socket, group, *device, None);
            }
            joined.devices = kept;
            gone.is_empty() || !joined.devices.is_empty()
        });
    }

    /// Refuses a second join of the same group on the same interface: for the same source, or once for any source and once for listed ones.
    fn refuse_same(&self, wanted: &Membership, request: GroupRequest<'_>) -> Result<(), SocketError> {
        for joined in self.of(wanted.group).filter(|joined| joined.is_on(&wanted.interface)) {
            let how = match (wanted.source, joined.membership.source) {
                (Some(one), Some(another)) if one != another => continue,
                (None, None) => "already".to_owned(),
                (Some(source), Some(_)) => format!("from {source} already"),
                (Some(_), None) => "from any source: leave it before you join it from listed ones".to_owned(),
                (None, Some(_)) => "from listed sources: leave those before you join it from any".to_owned(),
            };
            let reason = format!("the multicast group {} has been joined {how}", quoted::plain(request.group));
            return Err(SocketError::Group { reason });
        }
        Ok(())
    }

    /// Refuses the same as [`Self::refuse_same`], if the interface was given in another way before: by an address, by its name, by "all",
    /// or not at all.
    fn refuse_shared(
        &self,
        wanted: &Membership,
        devices: &[Device],
        request: GroupRequest<'_>,
    ) -> Result<(), SocketError> {
        for Entry { device, source } in self.entries(wanted.group) {
            if !devices.contains(&device) {
                continue;
            }
            let how = match (wanted.source, source) {
                (Some(_), None) => "from any source",
                (None, Some(_)) => "from listed sources",
                // "all" includes interfaces on which the group is joined already.
                (one, another) if one != another || wanted.interface == Interface::All => continue,
                (Some(_), _) => "from that source already",
                (None, _) => "already",
            };
            return Err(on_that_interface(request, how));
        }
        Ok(())
    }

    /// Makes the system join the group. Returns the interfaces on which it is joined now.
    fn enter(
        &self,
        member: Member<'_>,
        wanted: &Membership,
        devices: Vec<Device>,
        request: GroupRequest<'_>,
    ) -> Result<Vec<Device>, SocketError> {
        let (socket, group) = (member.socket, wanted.group);
        let before = self.entries(group);
        let mut entries = before.clone();
        let mut joined = Vec::with_capacity(devices.len());
        for device in devices {
            let entry = Entry { device, source: wanted.source };
            if entries.contains(&entry) {
                joined.push(device);
                continue;
            }
            match filter::add(socket, group, entry, &entries) {
                Ok(()) => {
                    entries.push(entry);
                    joined.push(device);
                }
                // This interface is up but does not support the group's family, so "all" leaves it out.
                Err(error) if wanted.interface == Interface::All && is_no_interface(&error, wanted.source) => {}
                Err(error) => {
                    let new: Vec<Entry> = entries.split_off(before.len());
                    // These entries were added just now. A failure to remove them is ignored.
                    let _ = filter::remove(socket, group, &new, &before);
                    return Err(failure(group, request, error, wanted.source));
                }
            }
        }
        if joined.is_empty() { Err(no_interface(group, request)) } else { Ok(joined) }
    }
}

impl Joined {
    /// Whether a request with this interface means this membership.
    fn is_on(&self, interface: &Interface) -> bool {
        match (&self.membership.interface, interface) {
            (Interface::Default, Interface::Default) | (Interface::All, Interface::All) => true,
            (Interface::Named { .. }, Interface::Named { device: Some(device), .. }) => self.devices.contains(device),
            _ => false,
        }
    }
}

/// Whether joining failed because there is no such interface. If a source is given, EADDRNOTAVAIL can also mean that the source is listed
/// already.
fn is_no_interface(error: &io::Error, source: Option<IpAddr>) -> bool {
    is_gone(error) && !(is_listed(error) && source.is_some())
}

/// Whether joining failed because the source is listed already for the group.
fn is_listed(error: &io::Error) -> bool {
    sys::LISTED_SOURCE_IS_ADDRNOTAVAIL && Errno::of(error) == Errno::EADDRNOTAVAIL
}

/// The error for a group that is joined already on an interface.
fn on_that_interface(request: GroupRequest<'_>, how: &str) -> SocketError {
    let reason =
        format!("the multicast group {} has been joined {how} on that interface", quoted::plain(request.group));
    SocketError::Group { reason }
}

/// The error for a failed call. `source` is the source that was to be added, if any.
fn failure(group: IpAddr, request: GroupRequest<'_>, error: io::Error, source: Option<IpAddr>) -> SocketError {
    if is_no_interface(&error, source) {
        return no_interface(group, request);
    }
    match Errno::of(&error) {
        // If the system chose the interface, only the system knows whether the group is joined on it.
        Errno::EADDRINUSE if source.is_some() => on_that_interface(request, "from any source"),
        Errno::EADDRINUSE => on_that_interface(request, "already"),
        Errno::EADDRNOTAVAIL => on_that_interface(request, "from that source already"),
        Errno::EINVAL if source.is_some() => on_that_interface(request, "from any source"),
        Errno::ENOBUFS | Errno::ENOMEM => SocketError::TooManyGroups {
            group: SocketAddr::new(group, 0),
            limit: sys::membership_limit(group.is_ipv6(), source.is_some()),
            of_sources: source.is_some(),
            source: error,
        },
        _ if source.is_some() && errno::is_lacking(&error) => {
            let reason = "this system cannot join a group from listed sources (sourceAddress) there".to_owned();
            SocketError::NotSupported { reason }
        }
        _ => SocketError::system_at(Syscall::SetOption, SocketAddr::new(group, 0), error),
    }
}
