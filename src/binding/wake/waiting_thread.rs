//! The wake source "thread": a thread waits on the poll set, which is lent to it while JavaScript has nothing to do. It works wherever mio
//! does: on Windows, and on the BSDs without libuv.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use mio::{Events, Poll};

use super::gate::Gate;
use super::interrupt::Watch;
use crate::net::{Net, SocketError, hooks};

/// The poll set, and room for its reports, on loan.
type Lent = (Poll, Events);

/// A thread that has no gate yet to interrupt through. Dropping this ends it.
pub struct IdleThread {
    /// Gives the thread its gate.
    gate: Sender<Gate>,
    /// What the JavaScript thread keeps of it.
    thread: WaitingThread,
}

/// The JavaScript thread's side of the loan.
pub struct WaitingThread {
    /// Lends the poll set to the thread. `None` once the environment has ended, which ends the thread.
    lend: Mutex<Option<Sender<Lent>>>,
    /// Where the thread leaves the poll set when a wait is over.
    returned: Arc<Mutex<Option<Lent>>>,
}

impl WaitingThread {
    /// Starts the thread. Fails where the system gives none.
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
    /// Gives the thread the gate to interrupt through.
    pub fn watch(self, gate: Gate) -> WaitingThread {
        // It fails only where the thread has ended, and the thread waits for this.
        let _ = self.gate.send(gate);
        self.thread
    }
}

/// Waits on the poll set each time that it is lent, until there is nobody to lend it.
fn wait(borrowed: &Receiver<Lent>, slot: &Mutex<Option<Lent>>, gate: &Gate) {
    while let Ok((mut poll, mut events)) = borrowed.recv() {
        // After a wait that fails (a signal), or panics, the turn finds nothing. The set is given back all the same.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            hooks::pass("watch");
            poll.poll(&mut events, None)
        }));
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((poll, events));
        gate.interrupt();
    }
}

impl Watch for WaitingThread {
    fn arm(&self, net: &mut Net) {
        let lend = self.lend.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lend) = &*lend
            && let Some(lent) = net.lend_poll()
        {
            // The thread ends only when this sender is dropped.
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
        // Ends a wait that is under way. If that fails, the thread ends with the process.
        let _ = net.waker().wake();
    }
}
