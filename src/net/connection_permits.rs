//! How many of a server's connections are open: `connections` and `maxConnections`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// One server's permits.
pub struct ConnectionPermits {
    /// How many connections are open.
    open: Arc<AtomicU32>,
    /// maxConnections; `None`: no limit.
    limit: Option<u32>,
}

/// One accepted connection that is not yet "closed". Dropped with it, on whichever thread.
#[derive(Debug)]
pub struct ConnectionPermit(Arc<AtomicU32>);

impl ConnectionPermits {
    /// No connection is open; `limit` is maxConnections.
    pub fn new(limit: Option<u32>) -> Self {
        Self { open: Arc::default(), limit }
    }

    /// `connections`.
    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// maxConnections, or as many as can be counted.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(u32::MAX)
    }

    /// A permit for one connection more, unless the limit is reached. Only the server's own thread asks.
    pub fn acquire(&self) -> Option<ConnectionPermit> {
        if self.limit.is_some_and(|limit| self.open() >= limit) {
            return None;
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(ConnectionPermit(Arc::clone(&self.open)))
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
