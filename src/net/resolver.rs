//! Resolves host names to addresses, with the system's own resolver.
//!
//! getaddrinfo() blocks, for many seconds if a name server does not answer, and cannot be cancelled. So it runs on threads of its
//! own. These threads are detached: neither a worker nor the process waits for them when it ends. If nobody wants the result of a
//! look-up any more, it is dropped. The threads belong to the process. There are few, and an idle one ends after a while.

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
    /// Both families, in the system's order.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// The longest host name, in bytes, that the system is asked for. DNS allows 253, but /etc/hosts may have longer ones.
const MAX_NAME_LENGTH: usize = 4096;
/// The most look-ups under way for which somebody waits; others wait in a queue. It is not a small number, since a name server that
/// does not answer holds each of its look-ups for ten seconds or more.
const MAX_AWAITED_LOOKUPS: usize = 64;
/// The most threads, including those whose look-up nobody waits for any more.
const MAX_THREADS: usize = 256;
/// Threads beyond [`MAX_THREADS`] that look up local names ([`Query::is_local`]).
const LOCAL_NAME_THREADS: usize = 8;
/// A thread ends after being idle for this time.
const THREAD_IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Another request for the same name shares a look-up that began less than this time ago.
const SHARING_WINDOW: Duration = Duration::from_secs(1);

/// A look-up, as its caller sees it. Dropping it cancels the request, and lets a queued look-up start. It holds None only while it is
/// being dropped.
pub struct Pending(Option<Arc<Slot>>);

/// Where a thread puts the result. None: it is not known yet.
type Slot = Mutex<Option<Arc<Found>>>;

impl Pending {
    /// The addresses in the system's order (RFC 6724) with their zones, or why there are none. None: the look-up is under way.
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
        THREADS.make_room();
    }
}

/// Starts a look-up, or shares one that has just begun. When the result is there, it posts `id` to `inbox`.
pub fn ask(host: &str, family: Family, id: Id, inbox: &Arc<Inbox>) -> Result<Pending, SocketError> {
    if host.len() > MAX_NAME_LENGTH {
        let reason = format!("a host name of {} bytes is longer than any", host.len());
        return Err(SocketError::Lookup { code: "ENOTFOUND".to_owned(), reason });
    }
    let slot = Arc::new(Slot::default());
    let waiter = Waiter { slot: Arc::downgrade(&slot), inbox: Arc::clone(inbox), id };
    LazyLock::force(&THREADS)
        .ask(Query { host: host.to_owned(), family }, waiter)
        .map_err(|error| SocketError::no_thread(&error))?;
    Ok(Pending(Some(slot)))
}

/// What the system is asked.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Query {
    /// The name to look up.
    host: String,
    /// Which addresses are wanted.
    family: Family,
}

impl Query {
    /// Whether the system answers without the network, from /etc/hosts or by rule. Such a query never waits behind one that needs
    /// the network.
    fn is_local(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
    }
}

/// One request that waits for a result.
struct Waiter {
    /// The place for the result. It has no strong reference any more once the request was cancelled.
    slot: Weak<Slot>,
    /// The inbox of the environment that made the request.
    inbox: Arc<Inbox>,
    /// The number of the operation that waits. It is posted to the inbox.
    id: Id,
}

impl Waiter {
    /// Delivers the result, if the request was not cancelled.
    fn deliver(&self, found: &Arc<Found>) {
        if let Some(slot) = self.slot.upgrade() {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(found));
            self.inbox.post(self.id);
            hooks::pass("look-up delivered");
        }
    }
}

/// One look-up, queued or under way.
struct Job {
    /// What the system is asked.
    query: Query,
    /// The requests that want the result, oldest first.
    waiters: VecDeque<Waiter>,
    /// When a thread began the look-up. None: the job is still in the queue.
    began: Option<Instant>,
}

impl Job {
    /// Whether a request still waits for this job. Cancelled requests at the front are removed. Usually the oldest requests are cancelled
    /// first, so each is checked about once.
    fn is_waited_for(&mut self) -> bool {
        while self.waiters.front().is_some_and(|waiter| waiter.slot.strong_count() == 0) {
            self.waiters.pop_front();
        }
        !self.waiters.is_empty()
    }
}

/// The threads of the process that look up names.
#[derive(Default)]
struct Threads {
    /// The look-ups. The lock is not held during a look-up.
    lookups: Mutex<Lookups>,
    /// Notified when a job was put into the queue.
    work: Condvar,
}

/// All look-ups, and how many threads there are for them.
#[derive(Default)]
struct Lookups {
    /// The jobs that are queued or under way, by number.
    jobs: HashMap<u64, Job>,
    /// The number of the newest job for each query.
    newest: HashMap<Query, u64>,
    /// The numbers of the jobs that no thread has begun, in order.
    queue: VecDeque<u64>,
    /// The numbers of the jobs under way.
    running: HashSet<u64>,
    /// The number of the next job.
    next: u64,
    /// How many threads there are.
    threads: usize,
    /// How many of these threads wait for a job.
    idle: usize,
}

/// The threads of this process.
static THREADS: LazyLock<Threads> = LazyLock::new(Threads::default);

impl Threads {
    /// Locks the look-ups. A panic under the lock leaves them usable: each change is complete.
    fn lookups(&self) -> MutexGuard<'_, Lookups> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request. Starts a thread if that is needed and allowed.
    fn ask(&'static self, query: Query, waiter: Waiter) -> io::Result<()> {
        let mut lookups = self.lookups();
        if let Some(job) = lookups.joinable(&query) {
            job.waiters.push_back(waiter);
            return Ok(());
        }
        let is_local = query.is_local();
        // The queue may be longer than there are idle threads: those that were notified have not run yet.
        if lookups.queue.len() >= lookups.idle && lookups.may_grow(is_local) {
            self.grow(&mut lookups)?;
        }
        lookups.push(query, waiter, is_local);
        self.work.notify_one();
        Ok(())
    }

    /// Starts a thread. If that fails, the queue waits for the threads that exist. It is an error only if there are none.
    fn grow(&'static self, lookups: &mut Lookups) -> io::Result<()> {
        match thread::Builder::new().name("tcp-udp-lookup".to_owned()).spawn(|| self.serve()) {
            Ok(_) => {
                lookups.threads += 1;
                Ok(())
            }
            Err(error) if lookups.threads == 0 => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// A request was cancelled. If nobody waits for a running look-up any more, another thread may start for the queue.
    fn make_room(&'static self) {
        let mut lookups = self.lookups();
        if lookups.queue.len() > lookups.idle && lookups.may_grow(false) {
            // If no thread can be started, the queue goes on waiting.
            let _ = self.grow(&mut lookups);
        }
    }

    /// The loop of each thread. The thread ends only at one place, which also reduces the count of threads. So after a panic the count is
    /// still right.
    fn serve(&self) {
        let mut lookups = self.lookups();
        loop {
            if let Some((number, query)) = lookups.take() {
                drop(lookups);
                let found = catch_unwind(|| {
                    hooks::pass("look-up");
                    system::look_up(&query.host, query.family)
                });
                let found = Arc::new(found.unwrap_or_else(|panic| Err(Failed::panicked(&panic_message(&*panic)))));
                lookups = self.lookups();
                let waiters = lookups.finish(number);
                drop(lookups);
                for waiter in waiters {
                    // A panic for one request must not stop the delivery to the next.
                    let _ = catch_unwind(AssertUnwindSafe(|| waiter.deliver(&found)));
                }
                lookups = self.lookups();
                continue;
            }
            lookups.idle += 1;
            let (woken, wait) =
                self.work.wait_timeout(lookups, THREAD_IDLE_TIMEOUT).unwrap_or_else(PoisonError::into_inner);
            lookups = woken;
            lookups.idle -= 1;
            if wait.timed_out() && lookups.queue.is_empty() {
                lookups.threads -= 1;
                return;
            }
        }
    }
}

impl Lookups {
    /// A job with the same query that another request may share. None: there is none, or it began too long ago.
    fn joinable(&mut self, query: &Query) -> Option<&mut Job> {
        let job = self.jobs.get_mut(self.newest.get(query)?)?;
        job.began.is_none_or(|began| began.elapsed() < SHARING_WINDOW).then_some(job)
    }

    /// Whether another thread may be started. Threads whose look-up nobody waits for count only against [`MAX_THREADS`], not against
    /// [`MAX_AWAITED_LOOKUPS`].
    fn may_grow(&mut self, is_local: bool) -> bool {
        if is_local {
            return self.threads < MAX_THREADS + LOCAL_NAME_THREADS;
        }
        let Self { jobs, running, .. } = self;
        let abandoned =
            running.iter().filter(|number| jobs.get_mut(number).is_some_and(|job| !job.is_waited_for())).count();
        self.threads < MAX_THREADS && self.threads < MAX_AWAITED_LOOKUPS + abandoned
    }

    /// Queues a new job.
    fn push(&mut self, query: Query, waiter: Waiter, is_local: bool) {
        let number = self.next;
        self.next += 1;
        self.newest.insert(query.clone(), number);
        self.jobs.insert(number, Job { query, waiters: [waiter].into(), began: None });
        if is_local {
            self.queue.push_front(number);
        } else {
            self.queue.push_back(number);
        }
    }

    /// Takes the next job for which a request still waits. None: there is no such job.
    fn take(&mut self) -> Option<(u64, Query)> {
        while let Some(number) = self.queue.pop_front() {
            let Some(job) = self.jobs.get_mut(&number) else { continue };
            if job.is_waited_for() {
                job.began = Some(Instant::now());
                self.running.insert(number);
                return Some((number, job.query.clone()));
            }
            self.finish(number);
        }
        None
    }

    /// Removes a job that is over. Returns the requests that wait for it.
    fn finish(&mut self, number: u64) -> VecDeque<Waiter> {
        self.running.remove(&number);
        let Some(job) = self.jobs.remove(&number) else { return VecDeque::new() };
        if self.newest.get(&job.query) == Some(&number) {
            self.newest.remove(&job.query);
        }
        job.waiters
    }
}
