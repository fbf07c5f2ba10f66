//! The system's calls for joining and leaving.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use mio::net::UdpSocket;
use socket2::{InterfaceIndexOrAddress, SockRef};

/// An interface, as the system is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// IPv4: an address of it; the wildcard is the system's choice.
    Address(Ipv4Addr),
    /// Its number; 0 is the system's choice.
    Index(u32),
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
        (_, _, Some(source)) => by_index::change(socket, group, device.index(), source, true),
    }
}

/// Leaves what [`join`] has joined with the same arguments.
pub fn leave(socket: &UdpSocket, group: IpAddr, device: Device, source: Option<IpAddr>) -> io::Result<()> {
    let reference = SockRef::from(socket);
    match (group, device, source) {
        (IpAddr::V4(group), _, None) => reference.leave_multicast_v4_n(&group, &device.into()),
        (IpAddr::V6(group), _, None) => reference.leave_multicast_v6(&group, device.index()),
        (IpAddr::V4(group), Device::Address(address), Some(IpAddr::V4(source))) => {
            reference.leave_ssm_v4(&source, &group, &address)
        }
        (_, _, Some(source)) => by_index::change(socket, group, device.index(), source, false),
    }
}

impl Device {
    fn index(self) -> u32 {
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

/// Sources by the interface's number: of both families, where the system knows RFC 3678.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd"))]
mod by_index {
    use std::net::SocketAddr;
    use std::os::fd::AsRawFd;

    use socket2::SockAddr;

    use super::*;

    pub fn change(socket: &UdpSocket, group: IpAddr, index: u32, source: IpAddr, join: bool) -> io::Result<()> {
        let request =
            libc::group_source_req { gsr_interface: index, gsr_group: storage(group), gsr_source: storage(source) };
        let level = if group.is_ipv4() { libc::IPPROTO_IP } else { libc::IPPROTO_IPV6 };
        let name = if join { libc::MCAST_JOIN_SOURCE_GROUP } else { libc::MCAST_LEAVE_SOURCE_GROUP };
        let size = size_of_val(&request) as libc::socklen_t;
        // SAFETY: the pointer and the size are those of `request`, which lives through the call.
        let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const request).cast(), size) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    fn storage(ip: IpAddr) -> libc::sockaddr_storage {
        let address = SockAddr::from(SocketAddr::new(ip, 0));
        // SAFETY: socket2's storage is the system's sockaddr_storage.
        unsafe { std::ptr::read(address.as_ptr().cast()) }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd")))]
mod by_index {
    use super::*;

    pub fn change(_: &UdpSocket, _: IpAddr, _: u32, _: IpAddr, _: bool) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}
