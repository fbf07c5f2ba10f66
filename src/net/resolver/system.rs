//! Asks the system's resolver, and converts its answer to the form that the package reports.

use std::net::SocketAddr;

use socket2::Domain;

use super::Family;
use crate::net::sys::{self, LookUpError};
use crate::net::{errno, ip_address};

/// The addresses in the system's order, or the reason why there are none.
pub type Found = Result<Vec<SocketAddr>, Failed>;

/// Why a look-up failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The code that Node uses: "ENOTFOUND" if the name does not exist or has no address, otherwise "EAI_AGAIN" or another one.
    pub code: String,
    /// The message of the system.
    pub reason: String,
}

impl Failed {
    /// A failure with this code. The message begins with a small letter.
    fn new(code: &str, reason: &str) -> Self {
        let mut reason = reason.to_owned();
        errno::lower_first(&mut reason);
        Self { code: code.to_owned(), reason }
    }

    /// The failure if the look-up has panicked, which is a bug of the package.
    pub fn panicked(message: &str) -> Self {
        Self::new("EAI_FAIL", &format!("internal error: {message}"))
    }
}

/// The addresses without duplicates. IPv4-mapped addresses become IPv4 (R-address).
fn distinct(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut seen = std::collections::HashSet::new();
    addresses.map(ip_address::canonical).filter(|address| seen.insert(*address)).collect()
}

/// Asks the system for the addresses of `host`. The call blocks until the resolver has answered.
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
