//! What a TCP socket's bytes go through: a plain connection, a TLS session above one, or a connection that a relay's task has.
//!
//! [`Transport`] is the one place where a connection's kind makes a difference. The socket calls it, and applies what it reports to its
//! machine and its ledger; it never asks which kind it has.
//!
//! What a kind of stream has to offer is the trait [`Stream`](stream::Stream), and TCP's is one file, `tcp.rs`. Another kind needs a file like it, and
//! [`Plain`] an enum of both in place of its stream.
//!
//! What it does NOT do: readyState, bufferedAmount, events, deadlines, what becomes of an error. Those are the socket's.

mod plain;
mod report;
mod secure;
mod stream;
mod tcp;
mod upgrade;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::TcpStream;
use tokio::sync::Notify;

use self::plain::Plain;
pub use self::report::{
    Attempt, Discarded, Failure, Finish, Handshake, PeerProgress, RelayEnd, RelayNews, RelayOutcome, TlsNews,
    WriteReport,
};
use self::secure::Secure;
use self::upgrade::Upgrade;
use super::blocks::Block;
use super::context::Context;
use super::deadline::TimeLimit;
use super::relay_task::{TaskEnd, TaskHandle};
use super::send_queue::SendQueue;
use super::syscall::Syscall;
use super::tls::{Role, Session};
use super::{Id, SocketError};

/// What a TCP socket's bytes go through.
pub struct Transport {
    link: Link,
    readiness: Readiness,
}

/// The kinds.
enum Link {
    /// There is no connection here: the attempt failed at once, the connection is over, or a relay's task is about to get it.
    Gone,
    /// A connection of the poll set's. With an upgrade, TLS begins once that can.
    Plain(Plain),
    /// A TLS session, whose connection is a task's.
    Secure(Box<Secure>),
    /// A relay's task has the connection.
    Lent(TaskHandle),
}

/// What is known of a connection without a system call.
#[derive(Default)]
struct Readiness {
    /// There may be bytes to read, or their end.
    readable: bool,
    /// There may be room to write.
    writable: bool,
    /// The poll set reports writability too. (Only once a write did not fit: this spares an accepted socket one report.)
    watches_writes: bool,
    /// The poll set reported the peer's end, which may lie behind unread bytes.
    peer_end: bool,
    /// The poll set reported an error.
    error: bool,
}

impl Transport {
    /// No connection.
    pub fn gone() -> Self {
        Self { link: Link::Gone, readiness: Readiness::default() }
    }

    /// A connection attempt that is under way. With a `role`, TLS follows it; `connect_timeout` (milliseconds; 0: none) limits both.
    pub fn connecting(stream: TcpStream, role: Option<Role>, connect_timeout: Option<u32>) -> Self {
        let upgrade = role.map(|role| Box::new(Upgrade::after_connect(role, connect_timeout)));
        Self { link: Link::Plain(Plain::new(stream, upgrade)), readiness: Readiness::default() }
    }

    /// A plain connection that a server accepted.
    pub fn accepted(stream: TcpStream) -> Self {
        let readiness = Readiness { writable: true, ..Readiness::default() };
        Self { link: Link::Plain(Plain::new(stream, None)), readiness }
    }

    /// A TLS connection that a server accepted, whose handshake is done.
    pub fn accepted_tls(session: Session) -> Self {
        let readiness = Readiness { writable: true, ..Readiness::default() };
        Self { link: Link::Secure(Box::new(Secure::established(session))), readiness }
    }

    // --- reports from below ---

    /// Registers the connection with the poll set: for what can be read, and where `writes` is true for room to write.
    pub fn register(&mut self, writes: bool, id: Id, context: &Context) -> Result<(), Failure> {
        let Link::Plain(plain) = &mut self.link else { return Ok(()) };
        plain.register(writes, id, &context.registry)?;
        self.readiness.watches_writes = writes;
        Ok(())
    }

    /// What the poll set reports. Returns whether it reports room to write.
    pub fn on_ready(&mut self, event: &mio::event::Event) -> bool {
        let ready = &mut self.readiness;
        ready.readable |= event.is_readable() || event.is_read_closed();
        ready.writable |= event.is_writable();
        ready.peer_end |= event.is_read_closed();
        ready.error |= event.is_error();
        event.is_writable()
    }

    /// What TLS's task reports. `None`: there is no session.
    pub fn tls_news(&mut self, context: &mut Context) -> Option<TlsNews> {
        match &mut self.link {
            Link::Secure(secure) => Some(secure.news(&mut self.readiness, &mut context.pool)),
            Link::Gone | Link::Plain(_) | Link::Lent(_) => None,
        }
    }

    /// What a relay's task reports. `None`: no such task has the connection.
    pub fn relay_news(&mut self, id: Id, context: &Context) -> Option<RelayNews> {
        let Link::Lent(task) = &self.link else { return None };
        // The task may end between the two: so the end is asked for first.
        let end = task.take_end();
        let written = task.take_first_written();
        let Some(end) = end else { return Some(RelayNews { written, end: None }) };
        let passed = task.passed();
        self.link = Link::Gone;
        let outcome = match end {
            TaskEnd::Ended => RelayOutcome::Ended,
            TaskEnd::Lost(error) => RelayOutcome::Lost(error),
            TaskEnd::OtherLost => RelayOutcome::OtherLost,
            TaskEnd::Stopped(stream, left) => {
                self.link = Link::Plain(Plain::new(TcpStream::from_std(stream), None));
                self.readiness = Readiness { readable: true, writable: true, ..Readiness::default() };
                RelayOutcome::Returned { left, registered: self.register(true, id, context) }
            }
        };
        Some(RelayNews { written, end: Some(RelayEnd { passed, outcome }) })
    }

    /// What has become of the connection attempt. (The poll set reports room to write for either outcome.)
    pub fn attempt(&mut self, id: Id, context: &Context) -> Attempt {
        let Link::Plain(plain) = &mut self.link else { return Attempt::UnderWay };
        if !self.readiness.writable && !self.readiness.error {
            return Attempt::UnderWay;
        }
        plain.attempt(&mut self.readiness, id, &context.registry)
    }

    /// Takes an error that the poll set has reported. What the system received before it can still be read.
    pub fn take_error(&mut self) -> Option<Failure> {
        if !std::mem::take(&mut self.readiness.error) {
            return None;
        }
        let Link::Plain(plain) = &self.link else { return None };
        let error = plain.take_error()?;
        self.readiness.readable = true;
        Some(Failure { syscall: Syscall::Read, error })
    }

    /// Whether the peer may have ended, as far as is known without a system call.
    pub fn may_have_ended(&self) -> bool {
        match &self.link {
            Link::Plain(plain) => self.readiness.peer_end && !plain.awaits_tls(),
            Link::Secure(_) => self.readiness.readable,
            Link::Gone | Link::Lent(_) => false,
        }
    }

    /// Whether the peer's end is the next that would be read. `is_reading`: a read follows; where looking costs a system call, that finds
    /// the end.
    pub fn peek_end(&mut self, is_reading: bool) -> Result<bool, Failure> {
        match &self.link {
            Link::Plain(_) if is_reading => Ok(false),
            Link::Plain(plain) => plain.peek_end(&mut self.readiness),
            Link::Secure(secure) => Ok(secure.is_at_end()),
            Link::Gone | Link::Lent(_) => Ok(false),
        }
    }

    // --- TLS that follows ---

    /// Whether startTls() can be called.
    pub fn can_start_tls(&self) -> bool {
        matches!(&self.link, Link::Plain(plain) if !plain.awaits_tls())
    }

    /// startTls(): TLS begins once what was sent before has left. `received`: bytes that came already and are the handshake's.
    pub fn start_tls(&mut self, role: Role, received: Vec<u8>, limit: Option<TimeLimit>) {
        if let Link::Plain(plain) = &mut self.link {
            plain.upgrade = Some(Box::new(Upgrade::start_tls(role, received, limit)));
        }
    }

    /// Where bytes wait that are sent between startTls() and the beginning of TLS.
    pub fn queue_behind_tls(&mut self) -> Option<&mut SendQueue> {
        match &mut self.link {
            Link::Plain(plain) => plain.upgrade.as_mut().and_then(|upgrade| upgrade.queue()),
            Link::Gone | Link::Secure(_) | Link::Lent(_) => None,
        }
    }

    /// Whether TLS is to follow, once everything that was sent in the clear has left.
    fn awaits_tls(&self) -> bool {
        matches!(&self.link, Link::Plain(plain) if plain.awaits_tls())
    }

    /// The limit of the handshake that is to follow, if it has one.
    pub fn tls_limit(&self) -> Option<TimeLimit> {
        match &self.link {
            Link::Plain(plain) => plain.upgrade.as_ref().and_then(|upgrade| upgrade.limit()),
            Link::Gone | Link::Secure(_) | Link::Lent(_) => None,
        }
    }

    /// Begins TLS, if that is to follow. The socket calls this once the system has all bytes that are sent in the clear. Returns the bytes
    /// that the program has sent since startTls(), which are still to be encrypted; `None` if TLS is not to follow.
    pub fn begin_tls(
        &mut self,
        remote: SocketAddr,
        id: Id,
        context: &mut Context,
    ) -> Option<Result<SendQueue, SocketError>> {
        let Link::Plain(plain) = &mut self.link else { return None };
        let upgrade = plain.upgrade.take()?;
        let Link::Plain(plain) = std::mem::replace(&mut self.link, Link::Gone) else { return None };
        self.readiness = Readiness::default();
        Some(upgrade.begin(plain.deregister(&context.registry), remote, id, context).map(|(secure, queue)| {
            self.link = Link::Secure(Box::new(secure));
            queue
        }))
    }

    /// close(), with nothing left to send: a handshake is not waited for.
    pub fn give_up_handshake(&mut self) {
        match &mut self.link {
            // It has not begun: the connection stays plain.
            Link::Plain(plain) => plain.upgrade = None,
            Link::Secure(secure) => secure.give_up_handshake(),
            Link::Gone | Link::Lent(_) => {}
        }
    }

    // --- reading ---

    /// Whether there may be something to read now. While TLS is to follow there is not: those bytes are the handshake's.
    pub fn is_readable(&self) -> bool {
        self.readiness.readable && !self.awaits_tls()
    }

    /// Reads once, without blocking. `Ok(0)` is the peer's end.
    pub fn read(&mut self, buffer: &mut [u8], pending_wakes: &mut Vec<Arc<Notify>>) -> io::Result<usize> {
        match &mut self.link {
            Link::Plain(plain) => plain.read(buffer, &mut self.readiness),
            Link::Secure(secure) => secure.read(buffer, &mut self.readiness, pending_wakes),
            Link::Gone | Link::Lent(_) => self.readiness.nothing_to_read(),
        }
    }

    /// The same into blocks, one after the other.
    pub fn read_blocks(&mut self, blocks: &mut [Block], pending_wakes: &mut Vec<Arc<Notify>>) -> io::Result<usize> {
        match &mut self.link {
            Link::Plain(plain) => plain.read_blocks(blocks, &mut self.readiness),
            Link::Secure(secure) => secure.read_blocks(blocks, &mut self.readiness, pending_wakes),
            Link::Gone | Link::Lent(_) => self.readiness.nothing_to_read(),
        }
    }

    /// After a loss: whether bytes from before it can still be read.
    pub fn has_unread(&mut self) -> bool {
        match &self.link {
            Link::Plain(plain) => !plain.awaits_tls() && plain.has_unread(&mut self.readiness),
            Link::Secure(secure) => !secure.is_at_end(),
            Link::Gone | Link::Lent(_) => false,
        }
    }

    /// Reads and drops what has come, up to a bound.
    pub fn discard(&mut self, buffer: &mut [u8], pending_wakes: &mut Vec<Arc<Notify>>) -> Discarded {
        match &mut self.link {
            Link::Plain(plain) => plain.discard(buffer, &mut self.readiness),
            Link::Secure(secure) => secure.discard(&mut self.readiness, pending_wakes),
            Link::Gone | Link::Lent(_) => Discarded::default(),
        }
    }

    // --- writing ---

    /// Whether there may be room to write now.
    pub fn is_writable(&self) -> bool {
        self.readiness.writable
    }

    /// Whether bytes can be written past an empty queue, without a copy.
    pub fn writes_directly(&self) -> bool {
        matches!(&self.link, Link::Plain(plain) if !plain.awaits_tls())
    }

    /// Whether bytes that were written may still wait here, and not at the peer's or the system's.
    pub fn keeps_bytes(&self) -> bool {
        matches!(self.link, Link::Secure(_)) || self.awaits_tls()
    }

    /// Writes what is queued, then `extra`, until there is no room or `bound` bytes are passed.
    pub fn write(
        &mut self,
        queue: &mut SendQueue,
        extra: &[u8],
        bound: usize,
        id: Id,
        context: &mut Context,
    ) -> WriteReport {
        match &mut self.link {
            Link::Plain(plain) => plain.write(queue, extra, bound, &mut self.readiness, id, context),
            Link::Secure(secure) => secure.write(queue, &mut self.readiness, &mut context.pending_wakes),
            Link::Gone | Link::Lent(_) => WriteReport::default(),
        }
    }

    /// Ends our direction: FIN follows the last byte. `closing`: the connection is closed next, which sends FIN by itself.
    pub fn finish(&mut self, closing: bool) -> Finish {
        match &mut self.link {
            Link::Plain(plain) => plain.finish(closing),
            Link::Secure(secure) => secure.finish(),
            Link::Gone => Finish::Sent,
            // The task ends it itself.
            Link::Lent(_) => Finish::UnderWay,
        }
    }

    /// How far the peer has come with what was written. `None`: a relay's task looks after that. `written`: bytes that were
    /// written; `waits`: more of them are queued.
    pub fn progress(&self, written: u64, waits: bool) -> Option<PeerProgress> {
        let waits_for_room = waits && !self.readiness.writable;
        match &self.link {
            Link::Plain(plain) => Some(PeerProgress::new(written, plain.unacknowledged(), waits_for_room)),
            Link::Secure(secure) => Some(secure.progress(waits_for_room)),
            Link::Gone => Some(PeerProgress::new(written, None, waits_for_room)),
            Link::Lent(_) => None,
        }
    }

    // --- the end ---

    /// The connection ends with RST, whenever that is: the peer must not take what it received for the whole.
    pub fn reset_at_end(&self) {
        match &self.link {
            Link::Plain(plain) => plain.reset_at_end(),
            Link::Secure(secure) => secure.reset_at_end(),
            Link::Gone | Link::Lent(_) => {}
        }
    }

    /// Drops the connection, with RST where `reset` is true. Returns how many bytes a relay's task passed on, where one had it.
    pub fn disconnect(&mut self, reset: bool) -> Option<u64> {
        self.readiness = Readiness::default();
        match std::mem::replace(&mut self.link, Link::Gone) {
            Link::Gone => None,
            Link::Plain(plain) => {
                if reset {
                    plain.reset_at_end();
                }
                None
            }
            Link::Secure(secure) => {
                if reset {
                    secure.reset();
                }
                None
            }
            Link::Lent(task) => {
                if reset {
                    task.reset();
                }
                Some(task.passed())
            }
        }
    }

    /// The environment ends: what was handed over is to leave all the same.
    pub fn flush_on_exit(&self) {
        if let Link::Secure(secure) = &self.link {
            secure.flush_on_exit();
        }
    }

    /// Whether a task still writes what was handed over.
    pub fn is_writing(&self) -> bool {
        matches!(&self.link, Link::Secure(secure) if secure.is_writing())
    }

    // --- a relay's task ---

    /// Whether a relay's task could move the bytes: those of TLS are another task's.
    pub fn can_lend(&self) -> bool {
        self.writes_directly()
    }

    /// Takes the connection out of the poll set, for a relay's task. Until [`lent`](Self::lent) there is none.
    pub fn lend(&mut self, context: &Context) -> Option<std::net::TcpStream> {
        let link = std::mem::replace(&mut self.link, Link::Gone);
        let Link::Plain(plain) = link else {
            self.link = link;
            return None;
        };
        self.readiness = Readiness::default();
        Some(plain.deregister(&context.registry).into())
    }

    /// The task has the connection.
    pub fn lent(&mut self, task: TaskHandle) {
        self.link = Link::Lent(task);
    }

    /// close(): a relay's task is to give the connection back.
    pub fn recall(&self) {
        if let Link::Lent(task) = &self.link {
            task.stop();
        }
    }

    /// How many bytes a relay's task has passed on, where it has the connection.
    pub fn passed(&self) -> Option<u64> {
        match &self.link {
            Link::Lent(task) => Some(task.passed()),
            Link::Gone | Link::Plain(_) | Link::Secure(_) => None,
        }
    }
}

impl Readiness {
    fn nothing_to_read(&mut self) -> io::Result<usize> {
        self.readable = false;
        Err(io::ErrorKind::WouldBlock.into())
    }
}
