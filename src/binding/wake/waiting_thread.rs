//! The wake source "thread": a thread waits on the poll set. The set is lent to the thread while JavaScript has nothing to do. This works
//! on every system that mio supports: on Windows, and on the BSDs without libuv.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::gate::Gate;
use super::interrupt::Watch;
use crate::net::{Net, PollSet, SocketError, hooks};

/// A thread that does not have its gate yet. Dropping this value ends the thread.
pub struct IdleThread {
    /// Sends the gate to the thread.
    gate: Sender<Gate>,
    /// The JavaScript thread's side of the thread.
    thread: WaitingThread,
}

/// The JavaScript thread's side of the waiting thread.
pub struct WaitingThread {
    /// Lends the poll set to the thread. `None` once the environment has ended, which ends the thread.
    lend: Mutex<Option<Sender<PollSet>>>,
    /// Where the thread puts the poll set after a wait. `None`: there is no set to take back.
    returned: Arc<Mutex<Option<PollSet>>>,
}

impl WaitingThread {
    /// Starts the thread. Fails if the system cannot make a thread.
    pub fn start() -> Result<IdleThread, SocketError> {
        let (lend, borrowed) = mpsc::channel();
        let (gate, given) = mpsc::channel();
        let returned = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&returned);
        thread::Builder::new()
            .name("tcp-udp-wait".to_owned())
            .spawn(move || {
                if let Ok(gate) = given.recv() {
                    wait(&borrowed, &slot, &gate);
                }
            })
            .map_err(|error| SocketError::no_thread(&error))?;
        Ok(IdleThread { gate, thread: Self { lend: Mutex::new(Some(lend)), returned } })
    }
}

impl IdleThread {
    /// Gives the thread the gate through which it interrupts JavaScript.
    pub fn watch(self, gate: Gate) -> WaitingThread {
        // send() fails only if the thread has ended, and the thread does not end while it waits for this gate.
        let _ = self.gate.send(gate);
        self.thread
    }
}

/// Waits on the poll set each time that it is lent. Returns when the lending sender was dropped.
fn wait(borrowed: &Receiver<PollSet>, slot: &Mutex<Option<PollSet>>, gate: &Gate) {
    while let Ok(mut set) = borrowed.recv() {
        // If a wait fails (by a signal) or panics, the next turn finds no events. The poll set is given back in any case.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            hooks::pass("watch");
            set.wait(None)
        }));
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(set);
        gate.interrupt();
    }
}

impl Watch for WaitingThread {
    fn arm(&self, net: &mut Net) {
        let lend = self.lend.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lend) = &*lend
            && let Some(lent) = net.lend_poll()
        {
            // send() does not fail, because the thread ends only when this sender is dropped.
            let _ = lend.send(lent);
        }
    }

    fn collect(&self, net: &mut Net) {
        if let Some(lent) = self.returned.lock().unwrap_or_else(PoisonError::into_inner).take() {
            net.return_poll(lent);
        }
    }

    fn stop(&self, net: &mut Net) {
        self.lend.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Ends a wait that is under way. If that fails, the thread ends only with the process.
        let _ = net.waker().wake();
    }
}
