//! The system calls that join and leave a multicast group.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mio::net::UdpSocket;
use socket2::{InterfaceIndexOrAddress, SockRef};

use crate::net::errno::Errno;
use crate::net::{interfaces, sys};

/// One membership of a group in the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The interface.
    pub device: Device,
    /// The source. `None`: any source.
    pub source: Option<IpAddr>,
}

/// An interface, in one of the two forms that system calls accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// IPv4: an address of the interface. With 0.0.0.0 the system chooses the interface.
    Address(Ipv4Addr),
    /// The index of the interface. With 0 the system chooses the interface.
    Index(u32),
}

impl Device {
    /// Whether the interface with the index `interface` may be this one. True if that is not known.
    pub fn may_be(self, interface: u32) -> bool {
        match self {
            Self::Address(_) | Self::Index(0) => true,
            // `interface` is 0 if the datagram arrived before the package asked for packet information.
            Self::Index(index) => interface == 0 || index == interface,
        }
    }

    /// Whether the interface does not exist any more.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Index(index) if index != 0 && !sys::interface_exists(index))
    }

    /// The index of the interface. 0 if it is given by an address, or if the system chooses it.
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

/// Joins a group on one interface. With a source, adds this source to those from which the socket receives. `None`: any source.
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

/// Undoes [`join`] with the same arguments. Without a source it leaves the group on this interface for all sources.
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

/// Calls [`leave`]. It is no error if the interface or the membership does not exist any more.
pub fn leave_what_is_there(
    socket: &UdpSocket,
    group: IpAddr,
    device: Device,
    source: Option<IpAddr>,
) -> io::Result<()> {
    leave(socket, group, device, source).or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) })
}

/// Whether an error of joining or leaving means that the interface or the membership does not exist.
pub fn is_gone(error: &io::Error) -> bool {
    matches!(Errno::of(error), Errno::ENODEV | Errno::EADDRNOTAVAIL | Errno::ENXIO)
}

/// Returns the interface given by its index, which stays the same when addresses move. If `device` is an address, or if the system chooses,
/// a temporary socket joins the group, and the package asks for each interface whether this socket has joined there. If no interface is
/// found, returns `device`.
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
