//! Host names to addresses, by the system's own resolver.
//!
//! getaddrinfo() blocks, for many seconds where a name server is silent, and cannot be called off. So it runs on threads
//! of its own, detached: neither the end of a worker nor that of the process waits for them, and what they find for
//! somebody who has gone is dropped. The threads are the process's, few, and end when there is nothing to do.

mod system;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::inbox::Inbox;
use super::panics::panic_message;
use super::{Id, SocketError, hooks};

use self::system::{Failed, Found};

/// Which addresses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Both kinds, in the system's order.
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

/// Bytes of a name that the system is asked for: far more than DNS has (253), since who reads /etc/hosts may know longer ones.
const LONGEST: usize = 4096;
/// Look-ups under way at once that somebody waits for; further ones wait in a queue. More than a few, since silent name servers
/// hold each for ten seconds and more.
const WAITED_FOR: usize = 64;
/// Threads at most, those included whose look-up nobody waits for any more: it cannot be called off.
const THREADS: usize = 256;
/// Threads beyond that for names that the system answers by itself.
const QUICK: usize = 8;
/// A thread with nothing to do ends after this long.
const IDLE: Duration = Duration::from_secs(5);
/// Who asks for a name that is being looked up gets that answer too, if the look-up began less than this long ago.
const SHARED: Duration = Duration::from_secs(1);

/// A look-up as who asked for it sees it. Dropping it cancels it, and makes room for another. (`None` only while it is dropped.)
pub struct Pending(Option<Arc<Slot>>);

/// Where the answer is put.
type Slot = Mutex<Option<Arc<Found>>>;

impl Pending {
    /// The addresses in the system's order (RFC 6724), zones kept, or why there are none; `None` while it is not known.
    pub fn answer(&self) -> Option<Result<Vec<SocketAddr>, SocketError>> {
        let found = self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(match &*found {
            Ok(addresses) => Ok(addresses.clone()),
            Err(failed) => Err(SocketError::Lookup { code: failed.code.clone(), reason: failed.reason.clone() }),
        })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0 = None;
        POOL.make_room();
    }
}

/// Starts a look-up, or joins one that has just begun. Once it is answered, `inbox` tells `id`.
pub fn ask(host: &str, family: Family, id: Id, inbox: &Arc<Inbox>) -> Result<Pending, SocketError> {
    if host.len() > LONGEST {
        let reason = format!("a host name of {} bytes is longer than any", host.len());
        return Err(SocketError::Lookup { code: "ENOTFOUND".to_owned(), reason });
    }
    let slot = Arc::new(Slot::default());
    let waiter = Waiter { slot: Arc::downgrade(&slot), inbox: Arc::clone(inbox), id };
    LazyLock::force(&POOL)
        .ask(Question { host: host.to_owned(), family }, waiter)
        .map_err(|error| SocketError::no_thread(&error))?;
    Ok(Pending(Some(slot)))
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    host: String,
    family: Family,
}

impl Question {
    /// Whether the system answers it by itself, from /etc/hosts or by rule: such a question never waits behind those that go over
    /// the network.
    fn is_quick(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
    }
}

/// Who wants an answer.
struct Waiter {
    slot: Weak<Slot>,
    inbox: Arc<Inbox>,
    id: Id,
}

impl Waiter {
    fn tell(&self, found: &Arc<Found>) {
        if let Some(slot) = self.slot.upgrade() {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(found));
            self.inbox.post(self.id);
            hooks::pass("look-up told");
        }
    }
}

struct Job {
    question: Question,
    waiters: VecDeque<Waiter>,
    began: Option<Instant>,
}

impl Job {
    /// Lets go of those who have given up, in front: mostly the oldest, so that many who give up are each looked at once.
    fn is_waited_for(&mut self) -> bool {
        while self.waiters.front().is_some_and(|waiter| waiter.slot.strong_count() == 0) {
            self.waiters.pop_front();
        }
        !self.waiters.is_empty()
    }
}

/// The process's look-ups. The lock is never held over one.
#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    /// Something is in the queue.
    work: Condvar,
}

#[derive(Default)]
struct State {
    /// Queued or under way, by number.
    jobs: HashMap<u64, Job>,
    /// The newest job for each question.
    newest: HashMap<Question, u64>,
    queue: VecDeque<u64>,
    /// Those under way.
    running: HashSet<u64>,
    next: u64,
    threads: usize,
    idle: usize,
}

static POOL: LazyLock<Pool> = LazyLock::new(Pool::default);

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&'static self, question: Question, waiter: Waiter) -> io::Result<()> {
        let mut state = self.state();
        if let Some(job) = state.joinable(&question) {
            job.waiters.push_back(waiter);
            return Ok(());
        }
        let is_quick = question.is_quick();
        // More may wait than threads are idle: those that were woken have not run yet.
        if state.queue.len() >= state.idle && state.may_grow(is_quick) {
            self.grow(&mut state)?;
        }
        state.push(question, waiter, is_quick);
        self.work.notify_one();
        Ok(())
    }

    /// Starts a thread. Where none can be had, what there is to do waits for one that there is: an error only without any.
    fn grow(&'static self, state: &mut State) -> io::Result<()> {
        match thread::Builder::new().name("tcp-udp-lookup".to_owned()).spawn(|| self.serve()) {
            Ok(_) => {
                state.threads += 1;
                Ok(())
            }
            Err(error) if state.threads == 0 => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// Somebody has given up: what is queued may take the place.
    fn make_room(&'static self) {
        let mut state = self.state();
        if state.queue.len() > state.idle && state.may_grow(false) {
            // Failing that, it goes on waiting.
            let _ = self.grow(&mut state);
        }
    }

    /// What each thread does. It ends only where it stops counting as one: a panic must not leave the others waiting for it.
    fn serve(&self) {
        let mut state = self.state();
        loop {
            if let Some((number, question)) = state.take() {
                drop(state);
                let found = catch_unwind(|| {
                    hooks::pass("look-up");
                    system::look_up(&question.host, question.family)
                });
                let found = Arc::new(found.unwrap_or_else(|panic| Err(Failed::panicked(&panic_message(&*panic)))));
                state = self.state();
                let waiters = state.finish(number);
                drop(state);
                for waiter in waiters {
                    // What one of them panics with must not keep the answer from the next.
                    let _ = catch_unwind(AssertUnwindSafe(|| waiter.tell(&found)));
                }
                state = self.state();
                continue;
            }
            state.idle += 1;
            let (woken, wait) = self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait.timed_out() && state.queue.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

impl State {
    /// The job that somebody with the same question may wait for, too.
    fn joinable(&mut self, question: &Question) -> Option<&mut Job> {
        let job = self.jobs.get_mut(self.newest.get(question)?)?;
        job.began.is_none_or(|began| began.elapsed() < SHARED).then_some(job)
    }

    /// Whether another thread may be started: look-ups that nobody waits for any more do not count, up to a bound.
    fn may_grow(&mut self, is_quick: bool) -> bool {
        if is_quick {
            return self.threads < THREADS + QUICK;
        }
        let Self { jobs, running, .. } = self;
        let given_up =
            running.iter().filter(|number| jobs.get_mut(number).is_some_and(|job| !job.is_waited_for())).count();
        self.threads < THREADS && self.threads < WAITED_FOR + given_up
    }

    fn push(&mut self, question: Question, waiter: Waiter, is_quick: bool) {
        let number = self.next;
        self.next += 1;
        self.newest.insert(question.clone(), number);
        self.jobs.insert(number, Job { question, waiters: [waiter].into(), began: None });
        if is_quick {
            self.queue.push_front(number);
        } else {
            self.queue.push_back(number);
        }
    }

    /// The next job that somebody still waits for.
    fn take(&mut self) -> Option<(u64, Question)> {
        while let Some(number) = self.queue.pop_front() {
            let Some(job) = self.jobs.get_mut(&number) else { continue };
            if job.is_waited_for() {
                job.began = Some(Instant::now());
                self.running.insert(number);
                return Some((number, job.question.clone()));
            }
            self.finish(number);
        }
        None
    }

    /// A job is over. Returns who waits for it.
    fn finish(&mut self, number: u64) -> VecDeque<Waiter> {
        self.running.remove(&number);
        let Some(job) = self.jobs.remove(&number) else { return VecDeque::new() };
        if self.newest.get(&job.question) == Some(&number) {
            self.newest.remove(&job.question);
        }
        job.waiters
    }
}
