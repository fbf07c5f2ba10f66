//! What the system's resolver answers, as the package reports it.

use std::net::SocketAddr;

use socket2::Domain;

use super::Family;
use crate::net::sys::{self, LookUpError};
use crate::net::{endpoint, errno};

/// The addresses in the system's order, or why there are none.
pub type Found = Result<Vec<SocketAddr>, Failed>;

/// Why a look-up failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// As Node names it: "ENOTFOUND" where there is no such name or it has no address, else "EAI_AGAIN" and the like.
    pub code: String,
    /// The system's sentence.
    pub reason: String,
}

impl Failed {
    fn new(code: &str, reason: &str) -> Self {
        let mut reason = reason.to_owned();
        errno::lower_first(&mut reason);
        Self { code: code.to_owned(), reason }
    }

    /// A bug of ours.
    pub fn panicked(message: &str) -> Self {
        Self::new("EAI_FAIL", &format!("internal error: {message}"))
    }
}

/// Each address once, IPv4-mapped ones as IPv4 (R-address).
fn distinct(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut seen = std::collections::HashSet::new();
    addresses.map(endpoint::canonical).filter(|address| seen.insert(*address)).collect()
}

/// Asks the system. Blocks for as long as that takes.
pub fn look_up(host: &str, family: Family) -> Found {
    let domain = match family {
        Family::Any => None,
        Family::V4 => Some(Domain::IPV4),
        Family::V6 => Some(Domain::IPV6),
    };
    let found = sys::look_up(host, domain).map_err(|LookUpError { code, error }| match code {
        Some(code) => Failed::new(code, &errno::text(&error)),
        None => Failed::new(&errno::Errno::of(&error).name(), &errno::text(&error)),
    })?;
    Ok(distinct(found.into_iter()))
}
