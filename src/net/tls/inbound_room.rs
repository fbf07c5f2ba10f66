//! How many decrypted bytes wait between the driver and the session, and whether the driver waits for room. The two may run on two threads, and
//! neither holds a lock for this. `tests/loom.rs` includes this file with loom's atomics, and tries all orders in which the threads can run.

use super::atomics::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// The most decrypted bytes that may wait for the socket. When there are more, the driver stops reading, and TCP's flow control stops the
/// peer (R-listen).
pub const INBOUND: usize = 256 * 1024;
/// The driver reads only while the session has room for at least this many bytes.
pub const LEAST_ROOM: usize = 64 * 1024;

/// The account of the decrypted bytes that wait for the socket. All changes of a value read it, too, so they stand in one order for both threads.
pub struct InboundRoom {
    /// How many bytes the socket has not read yet.
    queued: AtomicUsize,
    /// True while the driver does not read because too many bytes are queued.
    is_full: AtomicBool,
}

impl InboundRoom {
    /// Nothing waits.
    pub fn new() -> Self {
        Self { queued: AtomicUsize::new(0), is_full: AtomicBool::new(false) }
    }

    /// How many bytes wait.
    pub fn queued(&self) -> usize {
        self.queued.load(SeqCst)
    }

    /// Whether the driver waits for room.
    pub fn is_full(&self) -> bool {
        self.is_full.load(SeqCst)
    }

    /// The driver has added bytes. Returns true if none waited before: then the session is to be notified.
    pub fn add(&self, bytes: usize) -> bool {
        self.queued.fetch_add(bytes, SeqCst) == 0
    }

    /// The session has taken bytes. Returns true if the driver waits for room and there is some again: then it is to be woken.
    pub fn take(&self, bytes: usize) -> bool {
        let left = self.queued.fetch_sub(bytes, SeqCst) - bytes;
        left <= INBOUND / 2 && self.is_full.swap(false, SeqCst)
    }

    /// How many bytes the driver may read now. 0: it waits until it is woken.
    pub fn room(&self) -> usize {
        let room = || INBOUND.saturating_sub(self.queued());
        if room() < LEAST_ROOM {
            self.is_full.swap(true, SeqCst);
            // The session may have taken bytes before `is_full` was set, and then it does not wake the driver. So look again. A read alone may
            // return an old value; a change, even by 0, stands either before the session's change or behind it, and sees that.
            if self.queued.fetch_add(0, SeqCst) > INBOUND / 2 {
                return 0;
            }
        }
        self.is_full.swap(false, SeqCst);
        room()
    }
}
