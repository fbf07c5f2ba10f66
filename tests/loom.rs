//! The hand-over of decrypted bytes between the two threads of a TLS connection, under loom: it runs the threads in every order in which
//! they can touch the shared memory. A wake-up that gets lost is a deadlock, which loom reports.

// The file is included here with loom's atomics in the place of the standard library's.
#[path = "../src/net/tls/inbound_room.rs"]
#[allow(missing_docs, dead_code)]
mod inbound_room;

/// What `inbound_room.rs` imports.
mod atomics {
    pub use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
}

use inbound_room::{INBOUND, InboundRoom};
use loom::sync::{Arc, Notify};
use loom::thread;

/// What one read of the driver brings.
const READ: usize = 128 * 1024;
/// How many bytes the peer sends.
const ALL: usize = 4 * READ;

/// The driver adds bytes while there is room, and waits for room. The session takes some of what waits, `at_once` bytes at most, and waits for
/// news. All bytes arrive, and never more than the limit wait.
fn exchange(at_once: usize) {
    let mut model = loom::model::Builder::new();
    // Three switches at any place find what needs two threads to meet twice.
    model.preemption_bound = Some(3);
    model.check(move || {
        let room = Arc::new(InboundRoom::new());
        let (driver_wakes, session_wakes) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let driver = {
            let (room, driver_wakes, session_wakes) =
                (Arc::clone(&room), Arc::clone(&driver_wakes), Arc::clone(&session_wakes));
            thread::spawn(move || {
                let mut left = ALL;
                while left > 0 {
                    let bytes = room.room().min(READ).min(left);
                    if bytes == 0 {
                        driver_wakes.wait();
                        continue;
                    }
                    left -= bytes;
                    if room.add(bytes) {
                        session_wakes.notify();
                    }
                }
            })
        };
        let mut received = 0;
        while received < ALL {
            let queued = room.queued();
            assert!(queued <= INBOUND, "{queued} bytes wait");
            if queued == 0 {
                session_wakes.wait();
                continue;
            }
            let taken = queued.min(at_once);
            received += taken;
            if room.take(taken) {
                driver_wakes.notify();
            }
        }
        driver.join().unwrap();
        assert_eq!(room.queued(), 0);
    });
}

#[test]
fn a_session_that_takes_everything_loses_no_wake_up() {
    exchange(usize::MAX);
}

#[test]
fn a_session_that_takes_little_at_once_loses_no_wake_up() {
    exchange(READ);
}
