//! Types of the arguments and results of this module that neither std nor socket2 has.

use std::io;
use std::net::IpAddr;

/// An interface and one of its addresses, as the system lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The index of the interface.
    pub index: u32,
    /// The IP address. `None`: the entry is about the interface itself (its link).
    pub ip: Option<IpAddr>,
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
