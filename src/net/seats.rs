//! How many of a server's connections are open: `connections` and `maxConnections`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A server's count.
pub struct Seats {
    taken: Arc<AtomicU32>,
    limit: Option<u32>,
}

/// One accepted connection that is not yet "closed". Dropped with it, from whichever thread.
#[derive(Debug)]
pub struct Seat(Arc<AtomicU32>);

impl Seats {
    /// None taken; `limit` is maxConnections.
    pub fn new(limit: Option<u32>) -> Self {
        Self { taken: Arc::default(), limit }
    }

    /// `connections`.
    pub fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    /// maxConnections, or as many as can be counted.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(u32::MAX)
    }

    /// A seat for one more, unless all are taken. Only the server's own thread takes them.
    pub fn take(&self) -> Option<Seat> {
        if self.limit.is_some_and(|limit| self.taken() >= limit) {
            return None;
        }
        self.taken.fetch_add(1, Ordering::Relaxed);
        Some(Seat(Arc::clone(&self.taken)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
