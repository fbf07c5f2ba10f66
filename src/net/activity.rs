//! The time of the last received or sent byte of a connection whose I/O a task does (the TLS driver, or the task of a relay). The task writes
//! the time, the JavaScript thread reads it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The moment of the last activity.
pub struct Activity(AtomicU64);

impl Activity {
    /// Now.
    pub fn new() -> Self {
        Self(AtomicU64::new(nanoseconds(Instant::now())))
    }

    /// Bytes have come or gone.
    pub fn note(&self) {
        self.0.store(nanoseconds(Instant::now()), Ordering::Relaxed);
    }

    /// When bytes last came or went.
    pub fn last(&self) -> Instant {
        epoch() + Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// The moment from which others are counted.
fn epoch() -> Instant {
    /// Set by the first call in this process.
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

/// Nanoseconds since that moment. They suffice for 584 years.
fn nanoseconds(moment: Instant) -> u64 {
    u64::try_from((moment - epoch()).as_nanos()).unwrap_or(u64::MAX)
}
