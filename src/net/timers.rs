use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::Waker;
use tokio::sync::watch;

use super::panics::restarted;
use super::runtime::runtime;
use super::{Id, hooks};

/// Deadlines this far away are rounded up to the next tick, so that the lingers of many connections share a wake.
const COARSE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// The deadlines of an environment's sockets. One tokio task sleeps until the earliest and wakes the poll set.
pub struct Timers {
    deadlines: BTreeSet<(Instant, Id)>,
    waker: Arc<Waker>,
    /// Where ticks are counted from.
    start: Instant,
    /// The task's earliest deadline; there is no task before the first one is set.
    earliest: Option<watch::Sender<Instant>>,
}

impl Timers {
    /// No deadlines; `waker` wakes the poll set.
    pub fn new(waker: Arc<Waker>) -> Self {
        Self { deadlines: BTreeSet::new(), waker, start: Instant::now(), earliest: None }
    }

    /// Calls `id` up in `after` from `now`. A socket asks again when it is called too early: deadlines are not moved.
    /// Returns when that is.
    pub fn add(&mut self, now: Instant, after: Duration, id: Id) -> Instant {
        let mut at = now + after;
        if after >= COARSE {
            let ticks = (at - self.start).as_millis().div_ceil(TICK.as_millis());
            at = self.start + TICK * u32::try_from(ticks).unwrap_or(u32::MAX);
        }
        self.deadlines.insert((at, id));
        self.tell_task(now);
        at
    }

    /// Forgets a deadline, as `add` returned it. The task may still wake once for it.
    pub fn remove(&mut self, at: Instant, id: Id) {
        self.deadlines.remove(&(at, id));
    }

    /// Takes one socket whose time has come.
    pub fn pop_due(&mut self) -> Option<Id> {
        let &(at, id) = self.deadlines.first()?;
        let now = Instant::now();
        if at > now {
            // The task may have woken for a deadline that is gone: let it sleep until this one.
            self.tell_task(now);
            return None;
        }
        self.deadlines.pop_first();
        Some(id)
    }

    /// Has the task wake at the first deadline, or before it: then it is told again. So removing deadlines does not wake it.
    fn tell_task(&mut self, now: Instant) {
        let Some(&(first, _)) = self.deadlines.first() else { return };
        match &self.earliest {
            Some(earliest) if *earliest.borrow() == first || (now..first).contains(&*earliest.borrow()) => {}
            Some(earliest) => {
                earliest.send_replace(first);
            }
            None => {
                // `Net::new` has made the runtime.
                if let Ok(runtime) = runtime() {
                    let (sender, receiver) = watch::channel(first);
                    self.earliest = Some(sender);
                    let waker = Arc::clone(&self.waker);
                    runtime.spawn(restarted(move || wake_at(receiver.clone(), Arc::clone(&waker))));
                }
            }
        }
    }
}

/// Ends when the environment's `Timers` are dropped.
async fn wake_at(mut earliest: watch::Receiver<Instant>, waker: Arc<Waker>) {
    loop {
        let next = *earliest.borrow_and_update();
        let changed = match tokio::time::timeout_at(next.into(), earliest.changed()).await {
            Ok(changed) => changed,
            Err(_) => {
                hooks::pass("timer task");
                // A failed wake leaves the next one, or the next byte, to be noticed: nothing better to do.
                let _ = waker.wake();
                earliest.changed().await
            }
        };
        if changed.is_err() {
            return;
        }
    }
}
