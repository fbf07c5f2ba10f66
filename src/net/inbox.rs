//! How other threads report to an environment: they post a socket's number, and wake the poll set. The news itself does not pass through here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::Waker;

use super::Id;

/// The list of an environment's sockets for which other threads have news. The news itself is in memory that the socket and the thread
/// share.
pub struct Inbox {
    /// The sockets, in the order of their news.
    sockets: Mutex<Vec<Id>>,
    /// Wakes the poll set.
    waker: Arc<Waker>,
}

impl Inbox {
    /// An empty inbox. `waker` wakes the poll set.
    pub fn new(waker: Arc<Waker>) -> Self {
        Self { sockets: Mutex::new(Vec::new()), waker }
    }

    /// Posts news for `id`: the next turn handles it. May be called from any thread. All news before that turn shares one wake-up.
    pub fn post(&self, id: Id) {
        if self.add(id) {
            self.wake();
        }
    }

    /// Adds news for `id` without the wake-up. If it returns true, the caller has to call [`wake`](Self::wake) soon.
    pub fn add(&self, id: Id) -> bool {
        let mut sockets = self.sockets();
        sockets.push(id);
        sockets.len() == 1
    }

    /// Wakes the poll set. It does so without the lock, since the thread that wakes up locks the inbox at once.
    pub fn wake(&self) {
        // If waking fails, nothing better can be done: the next turn finds the news.
        let _ = self.waker.wake();
    }

    /// Takes the sockets that have been added since the last call.
    pub fn take(&self) -> Vec<Id> {
        std::mem::take(&mut *self.sockets())
    }

    fn sockets(&self) -> MutexGuard<'_, Vec<Id>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
