use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;

use super::Id;

/// What other threads have to say to an environment: "this one has news". The news itself lies where both look.
pub struct Inbox {
    news: Mutex<Vec<Id>>,
    waker: Arc<Waker>,
}

impl Inbox {
    /// Nothing there; `waker` wakes the poll set.
    pub fn new(waker: Arc<Waker>) -> Self {
        Self { news: Mutex::new(Vec::new()), waker }
    }

    /// Has `id` stepped in the next turn, from any thread. One wake for all that comes before that turn.
    pub fn post(&self, id: Id) {
        if self.note(id) {
            self.wake();
        }
    }

    /// The same, but that the caller wakes the set, soon, where this returns true.
    pub fn note(&self, id: Id) -> bool {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        news.push(id);
        news.len() == 1
    }

    /// Wakes the poll set. (Not under the lock: whom it wakes takes that at once.)
    pub fn wake(&self) {
        // A failed wake leaves the next turn to notice: nothing better to do.
        let _ = self.waker.wake();
    }

    /// Takes what came since it was asked last.
    pub fn take(&self) -> Vec<Id> {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
