//! A thread of the tokio runtime waits on the poll set, which it is lent while JavaScript has nothing to do.
//! Works wherever mio does: what Windows has, and the BSDs without libuv.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use mio::{Events, Poll};

use super::interrupt::{Gate, Watch};
use crate::net::{Net, runtime};

type Lent = (Poll, Events);

/// The JavaScript end of the loan.
pub struct WaitingThread {
    lend: Mutex<Option<Sender<Lent>>>,
    returned: Arc<Mutex<Option<Lent>>>,
}

impl WaitingThread {
    /// Starts the thread.
    pub fn new(gate: Gate) -> io::Result<Self> {
        let (lend, borrowed) = mpsc::channel();
        let returned = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&returned);
        runtime()?.spawn_blocking(move || wait(&borrowed, &slot, &gate));
        Ok(Self { lend: Mutex::new(Some(lend)), returned })
    }
}

fn wait(borrowed: &Receiver<Lent>, slot: &Mutex<Option<Lent>>, gate: &Gate) {
    while let Ok((mut poll, mut events)) = borrowed.recv() {
        // An interrupted wait is a turn that finds nothing.
        let _ = poll.poll(&mut events, None);
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
