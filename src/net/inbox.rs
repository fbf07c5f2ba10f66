use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::Waker;

use super::Id;

/// Which sockets of an environment other threads have news for. The news itself lies where both threads look.
pub struct Inbox {
    sockets: Mutex<Vec<Id>>,
    /// Wakes the poll set.
    waker: Arc<Waker>,
}

impl Inbox {
    /// No news; `waker` wakes the poll set.
    pub fn new(waker: Arc<Waker>) -> Self {
        Self { sockets: Mutex::new(Vec::new()), waker }
    }

    /// There is news for `id`, which the next turn steps. Called from any thread. One wake-up does for all that comes before that turn.
    pub fn post(&self, id: Id) {
        if self.add(id) {
            self.wake();
        }
    }

    /// The same without the wake-up. Where it returns true the caller has to [`wake`](Self::wake) soon.
    pub fn add(&self, id: Id) -> bool {
        let mut sockets = self.sockets();
        sockets.push(id);
        sockets.len() == 1
    }

    /// Wakes the poll set. (Not under the lock: the thread that wakes up takes it at once.)
    pub fn wake(&self) {
        // Where the wake fails, the next turn looks: nothing better can be done.
        let _ = self.waker.wake();
    }

    /// Takes what came since the last call.
    pub fn take(&self) -> Vec<Id> {
        std::mem::take(&mut *self.sockets())
    }

    fn sockets(&self) -> MutexGuard<'_, Vec<Id>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
