//! Wake-ups between the JavaScript thread and the tasks of its TLS connections, in batches.
//!
//! Waking another thread is what costs most. Where there are several connections, a task that has news for the JavaScript thread
//! leaves the wake-up to the batcher's own task, which runs when the other tasks that are ready have had their turn. In the other
//! direction the JavaScript thread wakes only that task at the end of a turn. It wakes the connections' tasks from inside the runtime,
//! where that costs next to nothing.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::net::inbox::Inbox;
use crate::net::panics::restarted;
use crate::net::{Id, hooks};

/// The wake batcher of one environment.
pub struct WakeBatcher {
    inbox: Arc<Inbox>,
    /// Wakes the batcher's own task.
    notify: Notify,
    pending: Mutex<PendingWakes>,
    /// How many TLS connections are open: one alone wakes, and is woken, without a detour.
    connections: AtomicUsize,
}

/// What the batcher's task has to do.
#[derive(Default)]
struct PendingWakes {
    /// The tasks of connections that have something to do.
    tasks: Vec<Arc<Notify>>,
    /// The JavaScript thread has news.
    environment: bool,
    /// The environment has ended, and the task with it.
    over: bool,
}

impl WakeBatcher {
    /// Starts its task.
    pub fn start(runtime: &Runtime, inbox: &Arc<Inbox>) -> Arc<Self> {
        let batcher = Arc::new(Self {
            inbox: Arc::clone(inbox),
            notify: Notify::new(),
            pending: Mutex::default(),
            connections: AtomicUsize::new(0),
        });
        let runner = Arc::clone(&batcher);
        runtime.spawn(async move { restarted(|| runner.run()).await });
        batcher
    }

    /// A connection was opened.
    pub fn add_connection(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// A connection was closed.
    pub fn remove_connection(&self) {
        self.connections.fetch_sub(1, Relaxed);
    }

    /// A task has news for a socket: the JavaScript thread is to be woken.
    pub fn post(&self, id: Id) {
        if self.connections.load(Relaxed) < 2 {
            self.inbox.post(id);
        } else if self.inbox.add(id) {
            self.pending().environment = true;
            self.notify.notify_one();
        }
    }

    /// The end of a turn: these tasks have something to do.
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

    /// The environment ends.
    pub fn end(&self) {
        self.pending().over = true;
        self.notify.notify_one();
    }

    async fn run(&self) {
        loop {
            // Before it waits: where it runs again after a panic, there may be something left.
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

    /// A panic under the lock leaves it as it was: every step in it is whole.
    fn pending(&self) -> MutexGuard<'_, PendingWakes> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wake-ups that are being done. After a panic what is left of them is put back: otherwise their tasks would wait for ever.
struct AtHand<'a> {
    batcher: &'a WakeBatcher,
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
