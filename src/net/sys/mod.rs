//! Everything that differs between operating systems. Each function and constant has one name here and exists on every system, so the rest
//! of the package never asks which system it runs on:
//!
//! - `family` is what Unix and Windows do in different ways: the file `unix` or `windows`;
//! - `kernel` is what only Linux can do: the file `linux`, or `fallback`, which works without it;
//! - a constant says how the system behaves, for code that is otherwise the same on every system.
//!
//! This module knows neither the package's sockets nor its errors: its functions return `io::Error`, which [`Errno`] names.

mod datagrams;
mod errno;
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

use mio::Interest;
use socket2::TcpKeepalive;

pub use self::datagrams::{Origin, Outgoing, PacketInfo, Received};
pub use self::errno::Errno;
pub use self::family::{
    HAS_PEER_CREDENTIALS, UnixListener, bind_to_interface, exclude_others, ignore_unreachable, interface_exists,
    interface_index, interface_name, interfaces, is_in_progress, look_up, no_buffers, no_interface, of_bind,
    peer_credentials, refusal, reuse_waiting_port, set_traffic_class, share_address, share_port,
};
pub use self::group_sources::{TAKES_SOURCES, change_source};
pub use self::kernel::{
    Batches, Pipe, ThreadId, choose_port_at_connect, counts_drops, dropped_datagrams, has_joined, keep_groups_apart,
    membership_limit, new_socket, put_back_pipe, read_checked, report_destinations, report_packet_info,
    set_source_filter, set_user_timeout, take_pipe, takes_segments, tcp_stats,
};
pub use self::unacknowledged::unacknowledged;
pub use self::vocabulary::{
    CallNames, FilterMode, InterfaceAddress, ListenFailure, ListenStep, LookUpError, PERMISSIONS, PeerCredentials,
    TcpStats,
};

/// How this system names its calls.
pub const CALL_NAMES: CallNames = if cfg!(windows) {
    CallNames::Windows
} else if cfg!(any(target_os = "linux", target_os = "android", target_os = "illumos", target_os = "redox")) {
    CallNames::Linux
} else {
    CallNames::Bsd
};

/// True: one system call receives several datagrams, and a batch that is not full means that the socket has no more. False: one call
/// receives one datagram.
pub const TAKES_BATCHES: bool = cfg!(target_os = "linux");

/// True: accepted connections inherit the options of the listening socket.
pub const ACCEPTED_INHERIT_OPTIONS: bool = cfg!(target_os = "linux");

/// The most bytes that one write to a stream socket may have; `None`: any number. Windows takes a whole write as soon as its send buffer has
/// any room, and then holds more than SO_SNDBUF. These bytes do not count in bufferedAmount any more. So each write is small there, and a
/// peer that reads nothing makes the system hold at most a full buffer and one write.
pub const MOST_PER_WRITE: Option<usize> = if cfg!(windows) { Some(65_536) } else { None };

/// True: the poll set reports a socket again only after a call on the socket has returned WouldBlock.
pub const REARMS_ON_WOULD_BLOCK: bool = cfg!(windows);

/// What the poll set reports about bytes to read. On these systems it also reports that some of them are urgent (MSG_OOB).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub const READS: Interest = Interest::READABLE.add(Interest::PRIORITY);
/// What the poll set reports about bytes to read.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub const READS: Interest = Interest::READABLE;

/// True: the kernel can move bytes from socket to socket, through a [`Pipe`].
pub const MOVES_BYTES: bool = cfg!(target_os = "linux");

/// True: the system can cut one message into datagrams of one size (UDP_SEGMENT, "GSO").
pub const SEGMENTS_DATAGRAMS: bool = cfg!(target_os = "linux");

/// The size in bytes that a send buffer needs for the longest datagrams. With the default of macOS, 9,216 bytes, the system refuses them.
/// `None`: the default is large enough.
pub const DATAGRAM_SEND_BUFFER: Option<usize> = if cfg!(target_os = "macos") { Some(65_535) } else { None };

/// True: the system distributes the load over the sockets that share a port by [`share_port`]. False: one of these sockets gets everything.
pub const BALANCES_SHARED_PORTS: bool = cfg!(any(target_os = "linux", target_os = "android", target_os = "freebsd"));

/// True: [`share_port`] may be called after bind(2).
pub const SHARES_BOUND_PORTS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// True: an IPv6 socket accepts the options of IPv4, which apply to the IPv4 traffic of a dual-stack socket. False: this is not known.
pub const IPV6_TAKES_IPV4_OPTIONS: bool = cfg!(any(target_os = "linux", windows));

/// True: [`interfaces`] lists the interfaces. False: it returns an error.
pub const LISTS_INTERFACES: bool = cfg!(unix);

/// True: for an IPv6 group the system applies the source filter of the socket's first membership of the group to all its datagrams,
/// whatever interface they arrive on. So each membership must allow the sources of all memberships, and the package drops the datagrams
/// that no membership wants.
pub const MIXES_IPV6_GROUPS: bool = cfg!(target_os = "linux");

/// True: [`has_joined`] can find out whether a group was joined on an interface.
pub const FINDS_MEMBERSHIPS: bool = cfg!(target_os = "linux");

/// True: joining a group from a source that is listed already fails with EADDRNOTAVAIL.
pub const LISTED_SOURCE_IS_ADDRNOTAVAIL: bool = cfg!(target_os = "linux");

/// True: the type of service of a socket's packets can be set. (On Windows the call succeeds and has no effect.)
pub const HAS_TYPE_OF_SERVICE: bool = cfg!(unix);

/// True: [`set_user_timeout`] works.
pub const HAS_USER_TIMEOUT: bool = cfg!(target_os = "linux");

/// True: [`tcp_stats`] and [`dropped_datagrams`] return figures, if the kernel has them.
pub const HAS_FIGURES: bool = cfg!(target_os = "linux");

/// True: the package has Unix sockets on this system.
pub const HAS_UNIX_SOCKETS: bool = cfg!(unix);

/// True: a Unix socket may have a name that begins with NUL and is no file (Linux's abstract namespace).
pub const HAS_ABSTRACT_NAMES: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// The most bytes of the path of a Unix socket. The system's address has one more, for a NUL.
pub const LONGEST_UNIX_PATH: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };

/// Whether the package can report the destination, the interface and the type of service of received datagrams on this system, and choose
/// them for datagrams that it sends.
pub const fn has_packet_info() -> bool {
    cfg!(target_os = "linux")
}

/// Whether the package can bind a UDP socket to one interface on this system, for sending and receiving.
pub const fn has_network_interface() -> bool {
    cfg!(any(target_os = "linux", target_vendor = "apple"))
}

/// Sets how many unanswered keep-alive probes end a connection, on systems where that can be set.
pub fn with_probes(keepalive: TcpKeepalive, count: u32) -> TcpKeepalive {
    #[cfg(not(target_os = "openbsd"))]
    let keepalive = keepalive.with_retries(count);
    #[cfg(target_os = "openbsd")]
    let _ = count;
    keepalive
}
