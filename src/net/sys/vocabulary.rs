//! Types of the arguments and results of this module that neither std nor socket2 has.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use mio::net::TcpStream;

/// An interface and one of its addresses, as the system lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The index of the interface.
    pub index: u32,
    /// The IP address. `None`: the entry is about the interface itself (its link).
    pub ip: Option<IpAddr>,
    /// The broadcast address of the network of an IPv4 address. `None`: the network has none, or it is an IPv6 address.
    pub broadcast: Option<Ipv4Addr>,
    /// True if the interface is up and supports multicast.
    pub does_multicast: bool,
}

/// Why the system's resolver has found no address.
pub struct LookUpError {
    /// The code that Node uses for this error. `None`: the error number in `error` says which error it is.
    pub code: Option<&'static str>,
    /// The system's message, or its error number.
    pub error: io::Error,
}

/// Which datagrams a source filter lets through (RFC 3678).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterMode {
    /// Only datagrams from the listed sources.
    Include,
    /// All datagrams except those from the listed sources.
    Exclude,
}

/// The credentials of the process at the other end of a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCredentials {
    /// The process id. `None`: the system does not report it.
    pub pid: Option<u32>,
    /// The effective user id.
    pub uid: u32,
    /// The effective group id.
    pub gid: u32,
}

/// The systems, as far as their names for calls differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallNames {
    /// Linux, and other systems on which mio uses epoll.
    Linux,
    /// macOS and the BSDs.
    Bsd,
    /// Windows.
    Windows,
}

/// The bits of a file's mode that are its permissions. The option `mode` sets them.
pub const PERMISSIONS: u32 = 0o777;

/// A connection that a Unix socket has accepted.
pub struct AcceptedUnix {
    /// The connection.
    pub stream: TcpStream,
    /// The path or the abstract name that the client has bound its end to. Empty: none.
    pub name: String,
    /// The client's credentials. `None`: the system does not report them.
    pub credentials: Option<PeerCredentials>,
}

/// Why a Unix socket cannot listen.
pub struct ListenFailure {
    /// What failed.
    pub step: ListenStep,
    /// The system's error. If the file in the way is not replaced, its kind is AddrInUse, and its text says why.
    pub error: io::Error,
}

/// The steps of listening at a path.
#[cfg_attr(not(unix), allow(dead_code, reason = "there are no Unix sockets, so no step after the first is made"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenStep {
    /// Making the socket.
    Socket,
    /// Binding it to its file, and setting the file's permissions.
    Bind,
    /// Listening.
    Listen,
}

/// The system's statistics of a TCP connection. `None`: the system does not report this value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TcpStats {
    /// The smoothed round-trip time in milliseconds.
    pub smoothed_rtt: Option<f64>,
    /// The mean deviation of the round-trip time in milliseconds.
    pub rtt_variation: Option<f64>,
    /// The shortest round-trip time in milliseconds.
    pub min_rtt: Option<f64>,
    /// How fast the congestion window lets bytes leave, in bits per second.
    pub estimated_send_rate: Option<f64>,
    /// The congestion window in bytes.
    pub congestion_window: Option<u64>,
    /// How many segments were sent again.
    pub retransmits: Option<u64>,
}
