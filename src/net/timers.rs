use std::collections::BTreeMap;
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

/// A moment, and a number of its own: one socket may have several deadlines at one moment.
type Key = (Instant, u64);

/// The deadlines of an environment's sockets. One tokio task sleeps until the earliest and wakes the poll set.
pub struct Timers {
    deadlines: BTreeMap<Key, Id>,
    /// The number of the next deadline.
    next: u64,
    waker: Arc<Waker>,
    /// Where ticks are counted from.
    start: Instant,
    /// The task's earliest deadline; there is no task before the first one is set.
    earliest: Option<watch::Sender<Instant>>,
}

/// One deadline of one owner, or none. The owner clears it when it goes: what is left in `Timers` then would stay there until
/// its moment comes.
#[derive(Debug, Default)]
pub struct Deadline(Option<Key>);

impl Deadline {
    /// Has `id` called up in `after` from `now`, instead of when it was to be called before.
    pub fn set(&mut self, timers: &mut Timers, now: Instant, after: Duration, id: Id) {
        self.clear(timers);
        self.0 = Some(timers.add(now, after, id));
    }

    /// Whether it has come; then it is set no more.
    pub fn has_come(&mut self, timers: &mut Timers, now: Instant) -> bool {
        let has_come = self.0.is_some_and(|(at, _)| at <= now);
        if has_come {
            self.clear(timers);
        }
        has_come
    }

    /// Nobody is to be called up. Does nothing where none is set, or where it has come.
    pub fn clear(&mut self, timers: &mut Timers) {
        if let Some(key) = self.0.take() {
            timers.deadlines.remove(&key);
        }
    }
}

impl Timers {
    /// No deadlines; `waker` wakes the poll set.
    pub fn new(waker: Arc<Waker>) -> Self {
        Self { deadlines: BTreeMap::new(), next: 0, waker, start: Instant::now(), earliest: None }
    }

    /// How many deadlines are set.
    pub fn len(&self) -> usize {
        self.deadlines.len()
    }

    fn add(&mut self, now: Instant, after: Duration, id: Id) -> Key {
        let mut at = now + after;
        if after >= COARSE {
            let ticks = (at - self.start).as_millis().div_ceil(TICK.as_millis());
            at = self.start + TICK * u32::try_from(ticks).unwrap_or(u32::MAX);
        }
        let key = (at, self.next);
        self.next += 1;
        self.deadlines.insert(key, id);
        self.tell_task(now);
        key
    }

    /// Takes one socket whose time has come.
    pub fn pop_due(&mut self) -> Option<Id> {
        let (&(at, _), &id) = self.deadlines.first_key_value()?;
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
        let Some((&(first, _), _)) = self.deadlines.first_key_value() else { return };
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

#[cfg(test)]
mod tests {
    use mio::{Poll, Token};

    use super::*;

    /// Long deadlines are rounded, so that two of one socket fall on one moment: clearing or moving one leaves the other.
    #[test]
    fn two_deadlines_of_one_socket_at_one_moment_are_two() {
        let poll = Poll::new().unwrap();
        let mut timers = Timers::new(Arc::new(Waker::new(poll.registry(), Token(0)).unwrap()));
        let (id, now) = (Id::from_number(1), Instant::now());
        let [mut one, mut other] = [Deadline::default(), Deadline::default()];
        one.set(&mut timers, now, Duration::from_secs(3600), id);
        other.set(&mut timers, now, Duration::from_secs(3600), id);
        assert_eq!(timers.len(), 2);
        one.clear(&mut timers);
        one.clear(&mut timers);
        assert_eq!(timers.len(), 1);
        other.set(&mut timers, now, Duration::ZERO, id);
        assert_eq!((timers.len(), timers.pop_due()), (1, Some(id)));
        // It has come: clearing it is nobody else's loss.
        one.set(&mut timers, now, Duration::ZERO, id);
        other.clear(&mut timers);
        assert_eq!((timers.pop_due(), timers.pop_due(), timers.len()), (Some(id), None, 0));
    }

    /// An owner of two finds out which of them it was called up for.
    #[test]
    fn a_deadline_tells_once_whether_it_has_come() {
        let poll = Poll::new().unwrap();
        let mut timers = Timers::new(Arc::new(Waker::new(poll.registry(), Token(0)).unwrap()));
        let (id, now) = (Id::from_number(1), Instant::now());
        let [mut one, mut other] = [Deadline::default(), Deadline::default()];
        one.set(&mut timers, now, Duration::ZERO, id);
        other.set(&mut timers, now, Duration::from_secs(3600), id);
        assert_eq!(timers.pop_due(), Some(id));
        assert!(one.has_come(&mut timers, now) && !other.has_come(&mut timers, now));
        assert!(!one.has_come(&mut timers, now));
        assert_eq!(timers.len(), 1);
    }
}
