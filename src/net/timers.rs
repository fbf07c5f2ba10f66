//! The deadlines of an environment's sockets. What happens when one has passed is decided in `turn/deadlines.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::Waker;
use tokio::sync::watch;

use super::deadline::DeadlineKind;
use super::panics::restarted;
use super::runtime::runtime;
use super::{Id, hooks};

/// A deadline that is at least this far away is rounded up to the next tick. So the deadlines of many connections share one wake-up.
const COARSE: Duration = Duration::from_secs(1);
/// The time between two ticks.
const TICK: Duration = Duration::from_millis(100);

/// The moment of a deadline, and a unique number, since several deadlines may have the same moment.
type Key = (Instant, u64);

/// The deadlines of an environment's sockets. One tokio task sleeps until the earliest one and then wakes the poll set.
pub struct Timers {
    /// All deadlines, in the order of their moments.
    by_moment: BTreeMap<Key, (Id, DeadlineKind)>,
    /// The moment of each deadline, by its socket and kind.
    by_socket: BTreeMap<(Id, DeadlineKind), Key>,
    /// The number of the next deadline.
    next: u64,
    /// Wakes the poll set.
    waker: Arc<Waker>,
    /// The moment from which ticks are counted.
    start: Instant,
    /// Sends the earliest deadline to the task. `None`: no deadline was set yet, so the task does not run.
    earliest: Option<watch::Sender<Instant>>,
}

impl Timers {
    /// No deadlines; `waker` wakes the poll set.
    pub fn new(waker: Arc<Waker>) -> Self {
        Self {
            by_moment: BTreeMap::new(),
            by_socket: BTreeMap::new(),
            next: 0,
            waker,
            start: Instant::now(),
            earliest: None,
        }
    }

    /// How many deadlines are set.
    pub fn len(&self) -> usize {
        self.by_moment.len()
    }

    /// Sets a socket's deadline of this kind to `after` from `now`, and replaces an earlier one of the same kind. The deadline is never
    /// early. If `after` is a second or more, it may be a tick late.
    pub fn set(&mut self, id: Id, kind: DeadlineKind, now: Instant, after: Duration) {
        let mut at = now + after;
        if after >= COARSE {
            let ticks = (at - self.start).as_millis().div_ceil(TICK.as_millis());
            at = self.start + TICK * u32::try_from(ticks).unwrap_or(u32::MAX);
        }
        let key = (at, self.next);
        self.next += 1;
        if let Some(old) = self.by_socket.insert((id, kind), key) {
            self.by_moment.remove(&old);
        }
        self.by_moment.insert(key, (id, kind));
        self.notify_task(now);
    }

    /// Removes a socket's deadline of this kind, if there is one.
    pub fn clear(&mut self, id: Id, kind: DeadlineKind) {
        if let Some(key) = self.by_socket.remove(&(id, kind)) {
            self.by_moment.remove(&key);
        }
    }

    /// Removes all deadlines of a socket that closes.
    pub fn clear_all(&mut self, id: Id) {
        while let Some((&(owner, kind), _)) = self.by_socket.range((id, DeadlineKind::FIRST)..).next()
            && owner == id
        {
            self.clear(id, kind);
        }
    }

    /// Whether a deadline has passed.
    pub fn is_due(&mut self) -> bool {
        let Some((&(at, _), _)) = self.by_moment.first_key_value() else { return false };
        let now = Instant::now();
        if at > now {
            // The task may have woken for a deadline that was removed. Let it sleep until this one.
            self.notify_task(now);
        }
        at <= now
    }

    /// Takes one deadline that has passed. `None`: there is none.
    pub fn pop_due(&mut self) -> Option<(Id, DeadlineKind)> {
        if !self.is_due() {
            return None;
        }
        let (_, due) = self.by_moment.pop_first()?;
        self.by_socket.remove(&due);
        Some(due)
    }

    /// Makes the task wake at the first deadline or earlier. If it wakes earlier, `pop_due` calls this again. So removing a deadline need
    /// not wake the task.
    fn notify_task(&mut self, now: Instant) {
        let Some((&(first, _), _)) = self.by_moment.first_key_value() else { return };
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

/// The task: wakes the poll set at each deadline that it is sent. It ends when the environment's `Timers` are dropped.
async fn wake_at(mut earliest: watch::Receiver<Instant>, waker: Arc<Waker>) {
    loop {
        let next = *earliest.borrow_and_update();
        let changed = match tokio::time::timeout_at(next.into(), earliest.changed()).await {
            Ok(changed) => changed,
            Err(_) => {
                hooks::pass("timer task");
                // If waking fails, nothing better can be done. The next wake-up or the next received byte starts a turn.
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

    fn timers() -> (Poll, Timers) {
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), Token(0)).unwrap();
        (poll, Timers::new(Arc::new(waker)))
    }

    const FAR: Duration = Duration::from_secs(3600);

    /// Long deadlines are rounded, so two deadlines of one socket may have the same moment. Removing or moving one must leave the other.
    #[test]
    fn two_deadlines_of_one_socket_at_one_moment_are_two() {
        let (_poll, mut timers) = timers();
        let (id, now) = (Id::from_number(1), Instant::now());
        timers.set(id, DeadlineKind::Close, now, FAR);
        timers.set(id, DeadlineKind::Linger, now, FAR);
        assert_eq!(timers.len(), 2);
        timers.clear(id, DeadlineKind::Close);
        timers.clear(id, DeadlineKind::Close);
        assert_eq!(timers.len(), 1);
        timers.set(id, DeadlineKind::Linger, now, Duration::ZERO);
        assert_eq!((timers.len(), timers.pop_due()), (1, Some((id, DeadlineKind::Linger))));
        // This deadline has passed already. Removing it must not remove another one.
        timers.set(id, DeadlineKind::Close, now, Duration::ZERO);
        timers.clear(id, DeadlineKind::Linger);
        let due = [timers.pop_due(), timers.pop_due()];
        assert_eq!((due, timers.len()), ([Some((id, DeadlineKind::Close)), None], 0));
    }

    #[test]
    fn a_socket_that_closes_takes_all_its_deadlines_along_and_no_others() {
        let (_poll, mut timers) = timers();
        let now = Instant::now();
        let [before, id, after] = [1, 2, 3].map(Id::from_number);
        for kind in [DeadlineKind::FIRST, DeadlineKind::Linger, DeadlineKind::Timer] {
            [before, id, after].into_iter().for_each(|id| timers.set(id, kind, now, FAR));
        }
        timers.clear_all(id);
        assert_eq!(timers.len(), 6);
        for other in [before, after] {
            timers.set(other, DeadlineKind::Linger, now, Duration::ZERO);
        }
        assert_eq!(timers.pop_due(), Some((before, DeadlineKind::Linger)));
        assert_eq!(timers.pop_due(), Some((after, DeadlineKind::Linger)));
        assert_eq!((timers.pop_due(), timers.len()), (None, 4));
    }
}
