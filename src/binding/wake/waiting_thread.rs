//! A thread of its own waits on the poll set, which it is lent while JavaScript has nothing to do.
//! Works wherever mio does: what Windows has, and the BSDs without libuv.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use mio::{Events, Poll};

use super::interrupt::{Gate, Watch};
use crate::net::{Net, SocketError, hooks};

type Lent = (Poll, Events);

/// The thread, which does not know yet whom to interrupt. Dropped, it ends.
pub struct Starting {
    gate: Sender<Gate>,
    thread: WaitingThread,
}

/// The JavaScript end of the loan.
pub struct WaitingThread {
    lend: Mutex<Option<Sender<Lent>>>,
    returned: Arc<Mutex<Option<Lent>>>,
}

impl WaitingThread {
    /// Starts the thread, where there is one to be had.
    pub fn start() -> Result<Starting, SocketError> {
        let (lend, borrowed) = mpsc::channel();
        let (gate, told) = mpsc::channel();
        let returned = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&returned);
        thread::Builder::new()
            .name("tcp-udp-wait".to_owned())
            .spawn(move || {
                if let Ok(gate) = told.recv() {
                    wait(&borrowed, &slot, &gate);
                }
            })
            .map_err(|error| SocketError::no_thread(&error))?;
        Ok(Starting { gate, thread: Self { lend: Mutex::new(Some(lend)), returned } })
    }
}

impl Starting {
    /// It is to interrupt through `gate`.
    pub fn watch(self, gate: Gate) -> WaitingThread {
        // The thread waits for it, and so it is there.
        let _ = self.gate.send(gate);
        self.thread
    }
}

fn wait(borrowed: &Receiver<Lent>, slot: &Mutex<Option<Lent>>, gate: &Gate) {
    while let Ok((mut poll, mut events)) = borrowed.recv() {
        // An interrupted wait is a turn that finds nothing. So is a panic: the set has to come back, whatever happens.
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
        // Ends a wait that is under way. Failing that, the thread ends with the process.
        let _ = net.waker().wake();
    }
}
