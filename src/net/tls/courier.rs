//! Between the JavaScript thread and the tasks of its sessions, where there are several: many notes, one wake-up.
//!
//! Waking another thread is what costs most. A task that has news for the JavaScript thread therefore leaves the wake-up to a task of
//! its own, which comes when the others that are ready have had their turn; and the JavaScript thread wakes, at the end of a turn,
//! only that task, which wakes the sessions' from inside the runtime, where it costs next to nothing.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::session::Shared;
use crate::net::inbox::Inbox;
use crate::net::panics::restarted;
use crate::net::{Id, hooks};

/// One environment's.
pub struct Courier {
    inbox: Arc<Inbox>,
    notify: Notify,
    orders: Mutex<Orders>,
    /// Sessions that are open: one alone is told, and tells, without a detour.
    sessions: AtomicUsize,
}

#[derive(Default)]
struct Orders {
    /// Sessions whose tasks have something to do.
    kicks: Vec<Arc<Shared>>,
    /// The JavaScript thread is to be woken.
    wake: bool,
    /// The environment has ended.
    over: bool,
}

impl Courier {
    /// Starts it.
    pub fn start(runtime: &Runtime, inbox: &Arc<Inbox>) -> Arc<Self> {
        let courier = Arc::new(Self {
            inbox: Arc::clone(inbox),
            notify: Notify::new(),
            orders: Mutex::default(),
            sessions: AtomicUsize::new(0),
        });
        let runner = Arc::clone(&courier);
        runtime.spawn(async move { restarted(|| runner.run()).await });
        courier
    }

    /// There is a session more.
    pub fn add(&self) {
        self.sessions.fetch_add(1, Relaxed);
    }

    /// There is one less.
    pub fn remove(&self) {
        self.sessions.fetch_sub(1, Relaxed);
    }

    /// A task has news for a socket.
    pub fn post(&self, id: Id) {
        if self.sessions.load(Relaxed) < 2 {
            self.inbox.post(id);
        } else if self.inbox.note(id) {
            self.orders.lock().unwrap_or_else(PoisonError::into_inner).wake = true;
            self.notify.notify_one();
        }
    }

    /// The end of a turn: these sessions' tasks have something to do.
    pub fn kick(&self, kicks: &mut Vec<Arc<Shared>>) {
        match kicks.len() {
            0 => {}
            1 => kicks.drain(..).for_each(|shared| shared.notify.notify_one()),
            _ => {
                self.orders.lock().unwrap_or_else(PoisonError::into_inner).kicks.append(kicks);
                self.notify.notify_one();
            }
        }
    }

    /// The environment ends.
    pub fn end(&self) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).over = true;
        self.notify.notify_one();
    }

    async fn run(&self) {
        loop {
            // First of all: where a panic has begun this again, there may be some.
            let mut at_hand = AtHand { courier: self, orders: self.take_orders() };
            hooks::pass("courier");
            at_hand.orders.kicks.iter().for_each(|shared| shared.notify.notify_one());
            at_hand.orders.kicks.clear();
            if at_hand.orders.wake {
                tokio::task::yield_now().await;
                at_hand.orders.wake = false;
                self.inbox.wake();
            }
            if at_hand.orders.over {
                return;
            }
            self.notify.notified().await;
        }
    }

    fn take_orders(&self) -> Orders {
        std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Orders that are being carried out. A panic puts what is left of them back: who waits for it would wait for ever.
struct AtHand<'a> {
    courier: &'a Courier,
    orders: Orders,
}

impl Drop for AtHand<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut orders = self.courier.orders.lock().unwrap_or_else(PoisonError::into_inner);
            orders.kicks.append(&mut self.orders.kicks);
            orders.wake |= self.orders.wake;
            orders.over |= self.orders.over;
        }
    }
}
