//! The system's calls for joining and leaving.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mio::net::UdpSocket;
use socket2::{InterfaceIndexOrAddress, SockRef};

use crate::net::errno::Errno;
use crate::net::{interfaces, sys};

/// What the system is given of a group: on which interface, and from which source. `None`: from any.
pub type Entry = (Device, Option<IpAddr>);

/// An interface, as the system is given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// IPv4: an address of it; the wildcard is the system's choice.
    Address(Ipv4Addr),
    /// Its number; 0 is the system's choice.
    Index(u32),
}

impl Device {
    /// Whether the interface of this number may be the one.
    pub fn may_be(self, interface: u32) -> bool {
        match self {
            Self::Address(_) | Self::Index(0) => true,
            // 0: the datagram came in before packet information was asked for.
            Self::Index(index) => interface == 0 || index == interface,
        }
    }

    /// Whether there is no such interface any more.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Index(index) if index != 0 && !sys::interface_exists(index))
    }

    /// Its number; 0, the system's choice, for an address.
    pub fn index(self) -> u32 {
        match self {
            Self::Address(_) => 0,
            Self::Index(index) => index,
        }
    }
}

impl From<Device> for InterfaceIndexOrAddress {
    fn from(device: Device) -> Self {
        match device {
            Device::Address(address) => Self::Address(address),
            Device::Index(index) => Self::Index(index),
        }
    }
}

/// Joins a group on one interface, from any source or from one more.
pub fn join(socket: &UdpSocket, group: IpAddr, device: Device, source: Option<IpAddr>) -> io::Result<()> {
    let reference = SockRef::from(socket);
    match (group, device, source) {
        (IpAddr::V4(group), _, None) => reference.join_multicast_v4_n(&group, &device.into()),
        (IpAddr::V6(group), _, None) => reference.join_multicast_v6(&group, device.index()),
        (IpAddr::V4(group), Device::Address(address), Some(IpAddr::V4(source))) => {
            reference.join_ssm_v4(&source, &group, &address)
        }
        (_, _, Some(source)) => sys::change_source(socket, group, device.index(), source, true),
    }
}

/// Leaves what [`join`] has joined with the same arguments. Without a source it leaves the group on that interface altogether.
pub fn leave(socket: &UdpSocket, group: IpAddr, device: Device, source: Option<IpAddr>) -> io::Result<()> {
    let reference = SockRef::from(socket);
    match (group, device, source) {
        (IpAddr::V4(group), _, None) => reference.leave_multicast_v4_n(&group, &device.into()),
        (IpAddr::V6(group), _, None) => reference.leave_multicast_v6(&group, device.index()),
        (IpAddr::V4(group), Device::Address(address), Some(IpAddr::V4(source))) => {
            reference.leave_ssm_v4(&source, &group, &address)
        }
        (_, _, Some(source)) => sys::change_source(socket, group, device.index(), source, false),
    }
}

/// Leaves like [`leave`]. An interface or a membership that is gone has been left.
pub fn leave_what_is_there(
    socket: &UdpSocket,
    group: IpAddr,
    device: Device,
    source: Option<IpAddr>,
) -> io::Result<()> {
    leave(socket, group, device, source).or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) })
}

/// Whether an error of joining or leaving says that there is no such interface or membership.
pub fn is_gone(error: &io::Error) -> bool {
    matches!(Errno::of(error), Errno::ENODEV | Errno::EADDRNOTAVAIL | Errno::ENXIO)
}

/// The interface by its number, which stays the same when addresses move. An address, or the system's choice, is asked of the
/// system: a socket of its own joins, and is looked for on each interface. What is not found stays as it is.
pub fn number(group: IpAddr, device: Device) -> io::Result<Device> {
    if !sys::FINDS_MEMBERSHIPS || matches!(device, Device::Index(index) if index != 0) {
        return Ok(device);
    }
    let any: IpAddr = if group.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let Ok(probe) = UdpSocket::bind((any, 0).into()) else { return Ok(device) };
    join(&probe, group, device, None)?;
    let indices = interfaces::indices().unwrap_or_default();
    Ok(indices.into_iter().find(|&index| sys::has_joined(&probe, group, index)).map_or(device, Device::Index))
}
