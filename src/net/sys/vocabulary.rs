//! What the calls take and return, of types that neither std nor socket2 has.

use std::io;
use std::net::IpAddr;

/// An interface and one of its addresses, as the system lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The interface's number.
    pub index: u32,
    /// `None`: an entry of the interface itself (its link), not of an IP address.
    pub ip: Option<IpAddr>,
    /// The interface is up and can do multicast.
    pub does_multicast: bool,
}

/// Why the system's resolver found nothing.
pub struct LookUpError {
    /// The name that Node gives it. `None`: the number in `error` says which error it is.
    pub code: Option<&'static str>,
    /// The system's sentence.
    pub error: io::Error,
}

/// Which datagrams a source filter lets through (RFC 3678).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterMode {
    /// Only those from the listed sources.
    Include,
    /// All but those from the listed sources.
    Exclude,
}
