//! What differs from system to system. Each thing has one name here and exists on every system, so that the rest of the package
//! asks for no system's name:
//!
//! - `family` is what Unix and Windows do in ways of their own: `unix` or `windows`;
//! - `kernel` is what only Linux does: `linux`, or `fallback`, which does without;
//! - a constant says what a system does where the code that follows from it is the same everywhere.
//!
//! It does not know sockets of the package, nor its errors: calls return `io::Error`.

mod datagrams;
mod group_sources;
mod unacknowledged;
mod vocabulary;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(not(target_os = "linux"))]
mod fallback;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(unix)]
use self::unix as family;
#[cfg(windows)]
use self::windows as family;

#[cfg(not(target_os = "linux"))]
use self::fallback as kernel;
#[cfg(target_os = "linux")]
use self::linux as kernel;

use socket2::TcpKeepalive;

pub use self::datagrams::Received;
pub use self::family::{
    exclude_others, ignore_unreachable, interface_exists, interface_index, interface_name, interfaces, is_in_progress,
    look_up, reuse_waiting_port, share_address, share_port,
};
pub use self::group_sources::change_source;
pub use self::kernel::{
    Batches, Pipe, ThreadId, choose_port_at_connect, has_joined, keep_groups_apart, membership_limit, put_back_pipe,
    report_destinations, set_source_filter, take_pipe,
};
pub use self::unacknowledged::unacknowledged;
pub use self::vocabulary::{FilterMode, InterfaceAddress, LookUpError};

/// Datagrams are received in batches, and a batch that is not full has emptied the socket.
pub const TAKES_BATCHES: bool = cfg!(target_os = "linux");

/// Accepted connections inherit the options of the listening socket.
pub const ACCEPTED_INHERIT_OPTIONS: bool = cfg!(target_os = "linux");

/// The poll set reports a socket again only after a call on it would have blocked.
pub const REARMS_ON_WOULD_BLOCK: bool = cfg!(windows);

/// The kernel moves bytes from socket to socket by itself, through a [`Pipe`].
pub const MOVES_BYTES: bool = cfg!(target_os = "linux");

/// The system cuts one message up into datagrams of one size (UDP_SEGMENT, "GSO").
pub const SEGMENTS_DATAGRAMS: bool = cfg!(target_os = "linux");

/// The send buffer, in bytes, without which the longest datagrams are refused: macOS's own is 9,216. `None`: the system's own is
/// long enough.
pub const DATAGRAM_SEND_BUFFER: Option<usize> = if cfg!(target_os = "macos") { Some(65_535) } else { None };

/// Sockets that share a port by [`share_port`] share its load. Elsewhere one of them gets everything.
pub const BALANCES_SHARED_PORTS: bool = cfg!(any(target_os = "linux", target_os = "android", target_os = "freebsd"));

/// [`share_port`] may be called after bind(2).
pub const SHARES_BOUND_PORTS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// An IPv6 socket is known to take options of IPv4, for its IPv4 half.
pub const IPV6_TAKES_IPV4_OPTIONS: bool = cfg!(any(target_os = "linux", windows));

/// [`interfaces`] lists them.
pub const LISTS_INTERFACES: bool = cfg!(unix);

/// An IPv6 socket goes by its first membership of a group, whatever interface a datagram came in by: by that one's sources, and by no
/// other's. So each membership must let the sources of all of them through, and the package drops what is too much.
pub const MIXES_IPV6_GROUPS: bool = cfg!(target_os = "linux");

/// [`has_joined`] finds the interface on which a group was joined.
pub const FINDS_MEMBERSHIPS: bool = cfg!(target_os = "linux");

/// A source that is listed already makes joining fail with EADDRNOTAVAIL.
pub const LISTED_SOURCE_IS_ADDRNOTAVAIL: bool = cfg!(target_os = "linux");

/// How many unanswered keep-alive probes end a connection, where that can be set.
pub fn with_probes(keepalive: TcpKeepalive, count: u32) -> TcpKeepalive {
    #[cfg(not(target_os = "openbsd"))]
    let keepalive = keepalive.with_retries(count);
    #[cfg(target_os = "openbsd")]
    let _ = count;
    keepalive
}
