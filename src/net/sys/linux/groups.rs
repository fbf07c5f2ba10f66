//! System calls for multicast memberships that only Linux has.

use std::io;
use std::mem::offset_of;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use mio::net::UdpSocket;
use socket2::{SockAddr, Socket};

use super::super::group_sources::level;
use super::super::vocabulary::FilterMode;

/// Makes the system deliver to this socket only the groups that it has joined itself (R-udp-group). Returns whether it does.
pub fn keep_groups_apart(socket: &Socket, is_ipv6: bool) -> bool {
    let v4 = socket.set_multicast_all_v4(false).is_ok();
    // This option exists since Linux 4.20.
    let v6 = !is_ipv6 || socket.set_multicast_all_v6(false).is_ok();
    v4 && v6
}

/// The name of the setting that limits how many groups a socket may join, or with `of_sources` how many sources it may list.
pub fn membership_limit(is_ipv6: bool, of_sources: bool) -> Option<&'static str> {
    Some(match (is_ipv6, of_sources) {
        (false, false) => "net.ipv4.igmp_max_memberships",
        (false, true) => "net.ipv4.igmp_max_msf",
        (true, false) => "net.core.optmem_max",
        (true, true) => "net.ipv6.mld_max_msf",
    })
}

/// Whether the socket has joined the group on the interface with this index.
pub fn has_joined(socket: &UdpSocket, group: IpAddr, interface: u32) -> bool {
    let mut bytes = group_filter(group, interface, FilterMode::Exclude, &[]);
    let mut size = bytes.len() as libc::socklen_t;
    // SAFETY: the first pointer is that of `bytes`, and `size` is its length. The call reads and writes at most `size` bytes there, and
    // writes the new length to `size`. Both live until it returns.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level(group),
            libc::MCAST_MSFILTER,
            bytes.as_mut_ptr().cast(),
            &raw mut size,
        )
    };
    result == 0
}

/// Replaces the source filter of one membership (the "full-state" call of RFC 3678).
pub fn set_source_filter(
    socket: &UdpSocket,
    group: IpAddr,
    interface: u32,
    mode: FilterMode,
    sources: &[IpAddr],
) -> io::Result<()> {
    let bytes = group_filter(group, interface, mode, sources);
    let size = libc::socklen_t::try_from(bytes.len()).map_err(|_| io::Error::from_raw_os_error(libc::ENOBUFS))?;
    // SAFETY: the pointer and the size are those of `bytes`, which lives until the call returns. The call only reads it.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level(group), libc::MCAST_MSFILTER, bytes.as_ptr().cast(), size)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The layout of the system's `struct group_filter`, up to the list of sources. It is used only for the offsets of the fields.
#[repr(C)]
#[allow(dead_code, reason = "only the fields' places are asked for")]
struct Header {
    /// The index of the interface (`gf_interface`).
    interface: u32,
    /// The group's address (`gf_group`).
    group: libc::sockaddr_storage,
    /// MCAST_INCLUDE or MCAST_EXCLUDE (`gf_fmode`).
    mode: u32,
    /// The number of sources in the list that follows (`gf_numsrc`).
    count: u32,
}

/// The bytes of a `struct group_filter` with these sources.
fn group_filter(group: IpAddr, interface: u32, mode: FilterMode, sources: &[IpAddr]) -> Vec<u8> {
    // The numbers are those of MCAST_EXCLUDE and MCAST_INCLUDE.
    let mode: u32 = match mode {
        FilterMode::Exclude => 0,
        FilterMode::Include => 1,
    };
    let list = size_of::<Header>();
    let mut bytes = vec![0; list + size_of::<libc::sockaddr_storage>() * sources.len()];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(offset_of!(Header, interface), &interface.to_ne_bytes());
    put(offset_of!(Header, mode), &mode.to_ne_bytes());
    put(offset_of!(Header, count), &(sources.len() as u32).to_ne_bytes());
    let mut put_address = |at: usize, ip: IpAddr| {
        let address = SockAddr::from(SocketAddr::new(ip, 0));
        // SAFETY: the pointer of `address` has `address.len()` initialized bytes, and `address` lives until `put` has copied them.
        put(at, unsafe { std::slice::from_raw_parts(address.as_ptr().cast(), address.len() as usize) });
    };
    put_address(offset_of!(Header, group), group);
    for (index, source) in sources.iter().enumerate() {
        put_address(list + index * size_of::<libc::sockaddr_storage>(), *source);
    }
    bytes
}
