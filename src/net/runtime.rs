//! The one tokio runtime of the process, and how it is made on a system that may refuse threads.
//!
//! tokio panics if it cannot start a thread. If it has started other threads of the runtime before, it also waits for them, without end. So
//! this file first starts probe threads, as many as tokio needs. Each time before tokio starts a thread, one probe ends. tokio's threads
//! wait at a gate until all of them exist. If one cannot be started in spite of the probe, the gate ends the others, and nothing waits for
//! them.

use std::any::Any;
use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, Once, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};

use super::SocketError;
use super::panics::panic_message;
use super::sys::ThreadId;
use super::syscall::Syscall;

/// The name of the runtime's threads, as debuggers show it.
const THREAD_NAME: &str = "tcp-udp-sockets";
/// The most worker threads. They run timers, watches, TLS and relays; the I/O of all other sockets is on the JavaScript threads.
const WORKERS: usize = 4;

/// The one tokio runtime of the process. It is made when it is first needed, and never shut down: its threads end with the process (the
/// addon is linked so that it stays mapped, see build.rs). Making it needs descriptors and threads. If the system refuses them, this
/// is an error, and the next call tries again.
pub fn runtime() -> Result<&'static Runtime, SocketError> {
    /// The runtime. It is empty until the system has granted what the runtime needs.
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    /// Held while the runtime is made, so that two environments make only one.
    static MAKING: Mutex<()> = Mutex::new(());
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made = make(thread::available_parallelism().map_or(1, |n| n.get().min(WORKERS)), |_| {})?;
    Ok(RUNTIME.get_or_init(|| made))
}

/// Makes a runtime with `workers` worker threads. `before_spawn` is called before tokio spawns each worker. It gets the number of workers
/// that are still to be spawned.
fn make(workers: usize, before_spawn: impl Fn(usize) + Send + Sync + 'static) -> Result<Runtime, SocketError> {
    let probes = (0..workers).map(|_| Probe::start()).collect::<io::Result<Vec<_>>>();
    let probes = Mutex::new(probes.map_err(|error| SocketError::no_thread(&error))?);
    let gate = Arc::new(Gate::default());
    let workers_gate = Arc::clone(&gate);
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(workers)
        .enable_io()
        .enable_time()
        // tokio calls this right before it spawns each thread. The new thread gets the place of the probe that ends here.
        .thread_name_fn(move || {
            let mut probes = probes.lock().unwrap_or_else(PoisonError::into_inner);
            before_spawn(probes.len());
            probes.pop().into_iter().for_each(Probe::end);
            THREAD_NAME.to_owned()
        })
        .on_thread_start(move || workers_gate.pass());
    silence_failed_builds();
    BUILDING.set(Some(Arc::clone(&gate)));
    let built = catch_unwind(AssertUnwindSafe(|| builder.build()));
    BUILDING.set(None);
    match built {
        Ok(Ok(runtime)) => {
            gate.decide(Decision::Work);
            Ok(runtime)
        }
        // No thread has been spawned yet.
        Ok(Err(error)) => Err(SocketError::system(Syscall::CreatePollSet, error)),
        Err(panic) => Err(SocketError::NoThread { detail: panic_message(&*panic) }),
    }
}

// --- threads tried out ---

/// A thread that does nothing. If it can be started, the system has room for one more thread.
struct Probe {
    /// The thread.
    thread: JoinHandle<()>,
    /// Dropping it ends the thread.
    keep: Sender<()>,
    /// The number of the thread, used to wait until the system does not count the thread any more.
    id: ThreadId,
}

impl Probe {
    /// Starts a thread.
    fn start() -> io::Result<Self> {
        let (keep, kept) = mpsc::channel::<()>();
        let (send_id, received_id) = mpsc::channel();
        let thread = thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(move || {
            // Sending fails only if `start` has given up. Then recv() fails too, and this thread ends.
            let _ = send_id.send(ThreadId::current());
            let _ = kept.recv();
        })?;
        let id = received_id.recv().map_err(io::Error::other)?;
        Ok(Self { thread, keep, id })
    }

    /// Ends the thread, and waits until the system does not count it any more.
    fn end(self) {
        drop(self.keep);
        // The thread runs no code that panics.
        let _ = self.thread.join();
        self.id.wait_until_gone();
    }
}

// --- the gate ---

/// The gate at which each of tokio's threads waits, before it does anything, until all of them exist.
#[derive(Default)]
struct Gate {
    /// What the threads are to do. None: this is not decided yet.
    decision: Mutex<Option<Decision>>,
    /// Notified when the decision is made.
    decided: Condvar,
}

/// What waiting threads are to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// All threads exist, so they work.
    Work,
    /// One thread could not be started, so the others end.
    End,
}

impl Gate {
    /// Sets the decision and wakes the threads.
    fn decide(&self, decision: Decision) {
        *self.decision.lock().unwrap_or_else(PoisonError::into_inner) = Some(decision);
        self.decided.notify_all();
    }

    /// Waits for the decision. It returns if the threads are to work. If they are to end, it unwinds, because that is the only way to end a
    /// thread of tokio.
    fn pass(&self) {
        let undecided = self.decision.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.decided.wait_while(undecided, |decision| decision.is_none());
        let decision = *waited.unwrap_or_else(PoisonError::into_inner);
        if decision == Some(Decision::End) {
            resume_unwind(Box::new("the runtime could not be made") as Box<dyn Any + Send>);
        }
    }
}

thread_local! {
    /// The gate of the runtime that this thread is making. None: this thread makes no runtime.
    static BUILDING: RefCell<Option<Arc<Gate>>> = const { RefCell::new(None) };
}

/// Sets a panic hook for the case that tokio fails to start a thread. The hook decides that the other threads end. It runs before the panic
/// unwinds, which waits for those threads. It prints nothing, since this panic is not a bug. (The hook concerns only the addon, which has
/// its own copy of Rust's library.)
fn silence_failed_builds() {
    /// Done by the first call in this process.
    static HOOK_SET: Once = Once::new();
    HOOK_SET.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| match BUILDING.try_with(RefCell::take) {
            Ok(Some(gate)) => gate.decide(Decision::End),
            _ => before(panic),
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Panics where tokio does if the system refuses a thread that it has granted a moment before.
    fn fail_at(left: usize) -> Result<Runtime, SocketError> {
        make(3, move |probes| assert!(probes != left, "OS can't spawn worker thread: none"))
    }

    #[test]
    fn a_thread_that_cannot_be_started_is_an_error_and_nothing_waits_for_the_others() {
        for left in [3, 2, 1] {
            let start = Instant::now();
            let error = fail_at(left).expect_err("there is no runtime");
            assert_eq!((error.name(), error.code().as_deref()), ("NetworkError", Some("EAGAIN")));
            assert!(error.to_string().contains("no thread"), "{error}");
            assert!(start.elapsed() < Duration::from_secs(10));
        }
        let runtime = make(3, |_| {}).expect("there are threads again");
        assert_eq!(runtime.block_on(runtime.spawn(async { 7 })).expect("it runs"), 7);
    }

    #[test]
    fn all_threads_are_tried_out_at_once_and_each_ends_before_tokio_spawns_its_own() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let runtime = make(2, move |probes| record.lock().unwrap().push(probes)).expect("there are threads");
        assert_eq!(*seen.lock().unwrap(), [2, 1]);
        assert_eq!(runtime.metrics().num_workers(), 2);
    }
}
