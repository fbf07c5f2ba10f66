//! The process's one tokio runtime, and how it is made where threads may be wanting.
//!
//! tokio panics where a thread that it needs cannot be had, and from the second one on it then waits, for ever, for the first to end.
//! So the threads are tried out before, each is given up for tokio's at the last moment, and tokio's wait at a gate until all are
//! there: where one is not after all, the gate turns them away and nothing waits for them.

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

/// The name of the runtime's threads, as debuggers show it.
const NAME: &str = "tcp-udp-sockets";
/// Workers at most: they carry timers, watches, TLS and relays; the other sockets' own I/O is on the JavaScript threads.
const WORKERS: usize = 4;

/// The one tokio runtime of the process, made when it is first needed and never shut down: its threads end with
/// the process (the addon is linked so that it is never unmapped under them, see build.rs). It needs descriptors and
/// threads, which may be wanting: then the next call tries again.
pub fn runtime() -> Result<&'static Runtime, SocketError> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    /// Two environments at once make one.
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

/// Makes a runtime with so many workers. `before_spawn` is called before tokio spawns each, with how many are still to be spawned.
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
        // Called right before each thread is spawned: where its probe was, there is room for it.
        .thread_name_fn(move || {
            let mut probes = probes.lock().unwrap_or_else(PoisonError::into_inner);
            before_spawn(probes.len());
            probes.pop().into_iter().for_each(Probe::end);
            NAME.to_owned()
        })
        .on_thread_start(move || workers_gate.pass());
    silence_failed_builds();
    BUILDING.set(Some(Arc::clone(&gate)));
    let built = catch_unwind(AssertUnwindSafe(|| builder.build()));
    BUILDING.set(None);
    match built {
        Ok(Ok(runtime)) => {
            gate.decide(Verdict::Work);
            Ok(runtime)
        }
        // No thread has been spawned yet.
        Ok(Err(error)) => Err(SocketError::system("epoll_create", error)),
        Err(panic) => Err(SocketError::NoThread { detail: panic_message(&*panic) }),
    }
}

// --- threads tried out ---

/// A thread that only shows that it can be had, until it ends.
struct Probe {
    thread: JoinHandle<()>,
    /// Dropping it ends the thread.
    keep: Sender<()>,
    /// The thread's number, to wait until the system does not count it any more.
    id: ThreadId,
}

impl Probe {
    fn start() -> io::Result<Self> {
        let (keep, kept) = mpsc::channel::<()>();
        let (send_id, received_id) = mpsc::channel();
        let thread = thread::Builder::new().name(NAME.to_owned()).spawn(move || {
            // It fails only where the other thread has given up: then recv() fails too, and this one ends.
            let _ = send_id.send(ThreadId::current());
            let _ = kept.recv();
        })?;
        let id = received_id.recv().map_err(io::Error::other)?;
        Ok(Self { thread, keep, id })
    }

    /// Ends it, and waits until the system counts it no more.
    fn end(self) {
        drop(self.keep);
        // It has nothing to panic with.
        let _ = self.thread.join();
        self.id.wait_until_gone();
    }
}

// --- the gate ---

/// Where tokio's threads wait, before they do anything, until all of them are there.
#[derive(Default)]
struct Gate {
    verdict: Mutex<Option<Verdict>>,
    decided: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Work,
    /// One of them could not be had: they are to end.
    End,
}

impl Gate {
    fn decide(&self, verdict: Verdict) {
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
        self.decided.notify_all();
    }

    /// Returns once the threads are to work. Where they are to end, this one unwinds: tokio knows no other way to be rid of it.
    fn pass(&self) {
        let undecided = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.decided.wait_while(undecided, |verdict| verdict.is_none());
        let verdict = *waited.unwrap_or_else(PoisonError::into_inner);
        if verdict == Some(Verdict::End) {
            resume_unwind(Box::new("the runtime could not be made") as Box<dyn Any + Send>);
        }
    }
}

thread_local! {
    /// The gate of the runtime that this thread is making.
    static BUILDING: RefCell<Option<Arc<Gate>>> = const { RefCell::new(None) };
}

/// Makes the panic of a failing build turn the threads away before it unwinds and waits for them. It prints nothing then, since it is
/// no bug. (The hook is the addon's own: the addon has its own copy of Rust's library.)
fn silence_failed_builds() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| match BUILDING.try_with(RefCell::take) {
            Ok(Some(gate)) => gate.decide(Verdict::End),
            _ => before(panic),
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// What tokio does where a thread that was there a moment ago is not any more.
    fn fail_at(left: usize) -> Result<Runtime, SocketError> {
        make(3, move |probes| assert!(probes != left, "OS can't spawn worker thread: none"))
    }

    #[test]
    fn a_thread_that_cannot_be_had_is_an_error_and_nothing_waits_for_the_others() {
        for left in [3, 2, 1] {
            let start = Instant::now();
            let error = fail_at(left).expect_err("there is no runtime");
            assert_eq!((error.name(), error.code().as_deref()), ("NetworkError", Some("EAGAIN")));
            assert!(error.reason().contains("no thread"), "{}", error.reason());
            assert!(start.elapsed() < Duration::from_secs(10));
        }
        let runtime = make(3, |_| {}).expect("there are threads again");
        assert_eq!(runtime.block_on(runtime.spawn(async { 7 })).expect("it runs"), 7);
    }

    #[test]
    fn all_threads_are_tried_out_at_once_and_each_ends_before_tokio_spawns_its_own() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&seen);
        let runtime = make(2, move |probes| recorded.lock().unwrap().push(probes)).expect("there are threads");
        assert_eq!(*seen.lock().unwrap(), [2, 1]);
        assert_eq!(runtime.metrics().num_workers(), 2);
    }
}
