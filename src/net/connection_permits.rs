//! Counts a server's open connections, for `connections` and `maxConnections`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The connection permits of one server.
pub struct ConnectionPermits {
    /// How many permits exist. Each permit shares this counter.
    open: Arc<AtomicU32>,
    /// maxConnections; `None`: no limit.
    limit: Option<u32>,
}

/// The permit of one accepted connection that is not yet "closed". It is dropped with the connection, on any thread. Dropping it lowers the
/// count.
#[derive(Debug)]
pub struct ConnectionPermit(Arc<AtomicU32>);

impl ConnectionPermits {
    /// Permits for a server without connections. `limit` is maxConnections; `None`: no limit.
    pub fn new(limit: Option<u32>) -> Self {
        Self { open: Arc::default(), limit }
    }

    /// How many connections are open: the attribute `connections`.
    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// maxConnections. If there is no limit, the highest number that can be counted.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(u32::MAX)
    }

    /// Changes maxConnections.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = Some(limit);
    }

    /// Returns a permit for one more connection. `None`: the limit is reached. Only the server's own thread calls this, so no two calls
    /// overlap.
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
