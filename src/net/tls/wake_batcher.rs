//! Collects wake-ups between the JavaScript thread and the drivers of its TLS connections.
//!
//! Waking another thread is the largest cost. So if there are several connections, a driver with news leaves the wake-up of the JavaScript
//! thread to the batcher's own task, which runs after the other tasks that are ready. In the other direction the JavaScript thread wakes
//! only the batcher's task, at the end of a turn. This task then wakes the drivers from inside the runtime, which costs almost nothing.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::place::Place;
use crate::net::inbox::Inbox;
use crate::net::panics::restarted;
use crate::net::{Id, hooks};

/// The wake batcher of one environment.
pub struct WakeBatcher {
    /// The list of sockets that have news. It can wake the JavaScript thread.
    inbox: Arc<Inbox>,
    /// Wakes the batcher's own task.
    notify: Notify,
    /// The wake-ups that the batcher's task has not done yet.
    pending: Mutex<PendingWakes>,
    /// How many TLS connections are driven in tasks. With only one, its driver wakes the JavaScript thread directly.
    connections: AtomicUsize,
    /// Where the environment's TLS connections are driven.
    pub place: Place,
}

/// The wake-ups that the batcher's task has to do.
#[derive(Default)]
struct PendingWakes {
    /// The drivers to wake.
    tasks: Vec<Arc<Notify>>,
    /// True: wake the JavaScript thread.
    environment: bool,
    /// True: the environment has ended, so the batcher's task ends.
    over: bool,
}

impl WakeBatcher {
    /// Makes a wake batcher and starts its task.
    pub fn start(runtime: &Runtime, inbox: &Arc<Inbox>, place: Place) -> Arc<Self> {
        let batcher = Arc::new(Self {
            inbox: Arc::clone(inbox),
            notify: Notify::new(),
            pending: Mutex::default(),
            connections: AtomicUsize::new(0),
            place,
        });
        let runner = Arc::clone(&batcher);
        runtime.spawn(async move { restarted(|| runner.run()).await });
        batcher
    }

    /// Counts a connection that a task drives from now on.
    pub fn add_connection(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// Removes a connection from the count: it is closed, or no task drives it any more.
    pub fn remove_connection(&self) {
        self.connections.fetch_sub(1, Relaxed);
    }

    /// A driver has news for the socket `id`: wakes the JavaScript thread, or leaves that to the batcher's task.
    pub fn post(&self, id: Id) {
        if self.connections.load(Relaxed) < 2 {
            self.inbox.post(id);
        } else if self.inbox.add(id) {
            self.pending().environment = true;
            self.notify.notify_one();
        }
    }

    /// Wakes these drivers, at the end of a turn. Empties `tasks`.
    pub fn wake_all(&self, tasks: &mut Vec<Arc<Notify>>) {
        match tasks.len() {
            0 => {}
            1 => tasks.drain(..).for_each(|task| task.notify_one()),
            _ => {
                self.pending().tasks.append(tasks);
                self.notify.notify_one();
            }
        }
    }

    /// Ends the batcher's task, because the environment ends.
    pub fn end(&self) {
        self.pending().over = true;
        self.notify.notify_one();
    }

    /// The batcher's task: does the pending wake-ups until the environment ends.
    async fn run(&self) {
        loop {
            // The task does pending wake-ups before it waits: if it was restarted after a panic, some may be left.
            let mut at_hand = AtHand { batcher: self, wakes: std::mem::take(&mut *self.pending()) };
            hooks::pass("wake batcher");
            at_hand.wakes.tasks.iter().for_each(|task| task.notify_one());
            at_hand.wakes.tasks.clear();
            if at_hand.wakes.environment {
                tokio::task::yield_now().await;
                at_hand.wakes.environment = false;
                self.inbox.wake();
            }
            if at_hand.wakes.over {
                return;
            }
            self.notify.notified().await;
        }
    }

    /// Locks the pending wake-ups. After a panic under the lock they can still be used, since no change of them can be interrupted halfway.
    fn pending(&self) -> MutexGuard<'_, PendingWakes> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wake-ups that the task is doing. After a panic `drop` puts the remaining ones back. Otherwise their drivers would wait for ever.
struct AtHand<'a> {
    /// Gets the remaining wake-ups back after a panic.
    batcher: &'a WakeBatcher,
    /// The wake-ups that are still to be done.
    wakes: PendingWakes,
}

impl Drop for AtHand<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut pending = self.batcher.pending();
            pending.tasks.append(&mut self.wakes.tasks);
            pending.environment |= self.wakes.environment;
            pending.over |= self.wakes.over;
        }
    }
}
