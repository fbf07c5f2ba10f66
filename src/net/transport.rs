//! The layer between a stream socket and its bytes: a plain connection, a TLS session, or a connection that a relay's task has.
//!
//! [`Transport`] is the one place where the kind of a connection makes a difference. The socket calls the transport, and updates its
//! machine and its ledger with the reports that it gets. The socket never asks which kind of connection it has.
//!
//! TCP and Unix sockets differ only in how they are opened (`tcp_open.rs`, `unix.rs`), and in when the result of an attempt is known
//! (`tcp.rs`). An established connection of either family is the same kind here (`stream_handle.rs`), but
//! for what a short read means (`readiness.rs`).
//!
//! What this file does NOT do: readyState, bufferedAmount, events, deadlines, and the handling of errors. The socket does all that.

mod plain;
mod readiness;
mod report;
mod secure;
mod stream;
mod tcp;
mod upgrade;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use socket2::SockRef;
use tokio::sync::Notify;

use self::plain::Plain;
use self::readiness::{Readiness, ShortRead};
pub use self::report::{
    Attempt, Discarded, Failure, Finish, Handshake, PeerProgress, RelayEnd, RelayNews, RelayOutcome, TlsNews,
    WriteReport,
};
use self::secure::Secure;
use self::upgrade::Upgrade;
use super::blocks::Block;
use super::context::Context;
use super::deadline::TimeLimit;
use super::endpoint::Endpoint;
use super::figures::Figures;
use super::relay_task::{TaskEnd, TaskHandle};
use super::send_queue::SendQueue;
use super::stream_handle::{PolledStream, StdStream};
use super::syscall::Syscall;
use super::tls::{Answer, DrivenIn, Role, Session};
use super::{Id, SocketError};

/// What a stream socket reads from and writes to.
pub struct Transport {
    /// The connection.
    link: Link,
    /// What is known about the connection without a system call.
    readiness: Readiness,
}

/// The kinds of connection.
enum Link {
    /// The transport has no connection: the attempt failed at once, the connection is over, or it is on its way to a relay's task.
    Gone,
    /// A connection that the poll set watches. If it has an upgrade, TLS begins as soon as it can.
    Plain(Plain),
    /// A TLS session. Its driver has the connection, in a task or on this thread.
    Secure(Box<Secure>),
    /// A relay's task has the connection.
    Lent(TaskHandle),
}

impl Transport {
    /// A transport without a connection.
    pub fn gone() -> Self {
        Self { link: Link::Gone, readiness: Readiness::default() }
    }

    /// A connection attempt that is under way. With a `role`, TLS follows it. `connect_timeout` limits the attempt and the TLS handshake
    /// together, in milliseconds. 0: no limit. None: the default limits.
    pub fn connecting(stream: PolledStream, role: Option<Role>, connect_timeout: Option<u32>) -> Self {
        let upgrade = role.map(|role| Box::new(Upgrade::after_connect(role, connect_timeout)));
        Self { link: Link::Plain(Plain::new(stream, upgrade)), readiness: Readiness::default() }
    }

    /// A plain connection that is established: a server accepted it, or connect(2) has answered at once. `remote` is the peer's end: only
    /// the peer of a Unix socket can pass descriptors.
    pub fn established(stream: PolledStream, remote: &Endpoint) -> Self {
        let short_read = match remote {
            Endpoint::Inet(_) => ShortRead::NoMore,
            Endpoint::Unix(_) => ShortRead::Checked,
        };
        let readiness = Readiness { writable: true, short_read, ..Readiness::default() };
        Self { link: Link::Plain(Plain::new(stream, None)), readiness }
    }

    /// A TLS connection that a server accepted. Its handshake is done.
    pub fn accepted_tls(session: Session) -> Self {
        let readiness = Readiness { writable: true, ..Readiness::default() };
        Self { link: Link::Secure(Box::new(Secure::established(session))), readiness }
    }

    // --- reports from below ---

    /// Registers the connection with the poll set, to be watched for bytes to read. If `writes` is true, also for room to write.
    pub fn register(&mut self, writes: bool, id: Id, context: &Context) -> Result<(), Failure> {
        let Link::Plain(plain) = &mut self.link else { return Ok(()) };
        plain.register(writes, id, &context.registry)?;
        self.readiness.watches_writes = writes;
        Ok(())
    }

    /// Takes a report of the poll set. Returns whether it reports room to write.
    pub fn on_ready(&mut self, event: &mio::event::Event) -> bool {
        let ready = &mut self.readiness;
        if let Link::Secure(secure) = &mut self.link {
            secure.on_ready(event, ready);
            return false;
        }
        ready.readable |= event.is_readable() || event.is_read_closed();
        ready.writable |= event.is_writable();
        ready.peer_end |= event.is_read_closed();
        ready.error |= event.is_error();
        if event.is_priority() {
            ready.short_read = ShortRead::MoreMayFollow;
        }
        event.is_writable()
    }

    /// Whether [`Self::tls_news`] is to be called although nobody has posted news: the TLS driver is on this thread, and has something to
    /// report or to do. `is_reading` says that a read follows, which lets it read.
    pub fn has_tls_news(&self, is_reading: bool) -> bool {
        matches!(&self.link, Link::Secure(secure) if secure.has_news(is_reading))
    }

    /// Takes the report of the TLS driver. `None`: there is no TLS session.
    pub fn tls_news(&mut self, is_reading: bool, id: Id, context: &mut Context) -> Option<TlsNews> {
        match &mut self.link {
            Link::Secure(secure) => Some(secure.news(is_reading, &mut self.readiness, id, context)),
            Link::Gone | Link::Plain(_) | Link::Lent(_) => None,
        }
    }

    /// From now on [`Self::next_tls_move`] reports where the TLS driver goes. Returns where it is. `None`: there is none.
    pub fn watch_tls_moves(&mut self) -> Option<DrivenIn> {
        match &mut self.link {
            Link::Secure(secure) => secure.watch_moves(),
            Link::Gone | Link::Plain(_) | Link::Lent(_) => None,
        }
    }

    /// Where the TLS driver has gone next. `None`: it has not moved, or nobody watches.
    pub fn next_tls_move(&mut self) -> Option<DrivenIn> {
        match &mut self.link {
            Link::Secure(secure) => secure.next_move(),
            Link::Gone | Link::Plain(_) | Link::Lent(_) => None,
        }
    }

    /// Takes the report of a relay's task. `None`: no such task has the connection.
    pub fn relay_news(&mut self, id: Id, context: &Context) -> Option<RelayNews> {
        let Link::Lent(task) = &self.link else { return None };
        // The task may end between these two calls. So the end is taken first: then no written byte is missed.
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
                self.link = Link::Plain(Plain::new(PolledStream::from_std(stream), None));
                let short_read = self.readiness.short_read;
                self.readiness = Readiness { readable: true, writable: true, short_read, ..Readiness::default() };
                RelayOutcome::Returned { left, registered: self.register(true, id, context) }
            }
        };
        Some(RelayNews { written, end: Some(RelayEnd { passed, outcome }) })
    }

    /// Returns what has become of the connection attempt. (The poll set reports room to write for success and for failure.)
    pub fn attempt(&mut self, id: Id, context: &Context) -> Attempt {
        let Link::Plain(plain) = &mut self.link else { return Attempt::UnderWay };
        if !self.readiness.writable && !self.readiness.error {
            return Attempt::UnderWay;
        }
        plain.attempt(&mut self.readiness, id, &context.registry)
    }

    /// Takes an error that the poll set has reported. Bytes that the system received before the error can still be read.
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

    /// Returns whether the next read would return the peer's end. `is_reading` says that a read follows. Then a plain connection returns
    /// false and saves the system call, since that read finds the end.
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
        self.stays_plain()
    }

    /// startTls(): TLS begins once everything that was sent before has left. `received` holds bytes that were received before, which belong
    /// to the handshake.
    pub fn start_tls(&mut self, role: Role, received: Vec<u8>, limit: Option<TimeLimit>) {
        if let Link::Plain(plain) = &mut self.link {
            plain.upgrade = Some(Box::new(Upgrade::start_tls(role, received, limit)));
        }
    }

    /// The queue for bytes that the program sends between startTls() and the beginning of TLS. `None` outside of that time.
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

    /// Whether this is a plain connection that no TLS is to follow on.
    fn stays_plain(&self) -> bool {
        matches!(&self.link, Link::Plain(plain) if !plain.awaits_tls())
    }

    /// The time limit of the handshake that is to follow, if there is one.
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
        remote: Endpoint,
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

    /// Answers the handshake's question for a certificate.
    pub fn answer(&self, answer: Answer) {
        if let Link::Secure(secure) = &self.link {
            secure.answer(answer);
        }
    }

    /// close(), with nothing left to send: the connection does not wait for the handshake.
    pub fn give_up_handshake(&mut self) {
        match &mut self.link {
            // The handshake has not begun, so the connection stays plain.
            Link::Plain(plain) => plain.upgrade = None,
            Link::Secure(secure) => secure.give_up_handshake(),
            Link::Gone | Link::Lent(_) => {}
        }
    }

    // --- reading ---

    /// Whether there may be something to read now. False while TLS is to follow, since those bytes belong to the handshake.
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

    /// Whether [`Self::read_blocks`] can fill a block of `size` bytes, as far as is known.
    pub fn fills_block(&self, size: usize) -> bool {
        match &self.link {
            Link::Secure(secure) => secure.fills_block(size),
            Link::Gone | Link::Plain(_) | Link::Lent(_) => true,
        }
    }

    /// Reads once into several blocks, one after the other.
    pub fn read_blocks(&mut self, blocks: &mut [Block], pending_wakes: &mut Vec<Arc<Notify>>) -> io::Result<usize> {
        match &mut self.link {
            Link::Plain(plain) => plain.read_blocks(blocks, &mut self.readiness),
            Link::Secure(secure) => secure.read_blocks(blocks, &mut self.readiness, pending_wakes),
            Link::Gone | Link::Lent(_) => self.readiness.nothing_to_read(),
        }
    }

    /// Whether bytes that came before a loss can still be read.
    pub fn has_unread(&mut self) -> bool {
        match &self.link {
            Link::Plain(plain) => !plain.awaits_tls() && plain.has_unread(&mut self.readiness),
            Link::Secure(secure) => !secure.is_at_end(),
            Link::Gone | Link::Lent(_) => false,
        }
    }

    /// Reads received bytes and drops them, up to a limit.
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

    /// Whether bytes can be written directly, without a copy, if the queue is empty.
    pub fn writes_directly(&self) -> bool {
        self.stays_plain()
    }

    /// Whether bytes that were written may still wait in this process and not in the system.
    pub fn keeps_bytes(&self) -> bool {
        matches!(self.link, Link::Secure(_)) || self.awaits_tls()
    }

    /// Writes the queue, then `extra`, until there is no room, or until at least `bound` bytes are written.
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
            Link::Secure(secure) => secure.write(queue, &mut self.readiness, context),
            Link::Gone | Link::Lent(_) => WriteReport::default(),
        }
    }

    /// Ends our direction: FIN follows the last byte. `closing` says that the connection is closed next, which sends FIN by itself.
    pub fn finish(&mut self, closing: bool) -> Finish {
        match &mut self.link {
            Link::Plain(plain) => plain.finish(closing),
            Link::Secure(secure) => secure.finish(),
            Link::Gone => Finish::Sent,
            // The task sends FIN by itself.
            Link::Lent(_) => Finish::UnderWay,
        }
    }

    /// Returns how much of the written bytes the peer has acknowledged. `None`: a relay's task has the connection and handles that.
    /// `written` is the number of bytes that were written; `waits` says that more bytes are queued.
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

    /// Makes the connection end with RST, whenever it ends. So the peer does not take the bytes that it has for all of them.
    pub fn reset_at_end(&self) {
        match &self.link {
            Link::Plain(plain) => plain.reset_at_end(),
            Link::Secure(secure) => secure.reset_at_end(),
            Link::Lent(task) => task.reset(),
            Link::Gone => {}
        }
    }

    /// Drops the connection, with RST if `reset` is true. If a relay's task had the connection, returns what the task has moved.
    pub fn disconnect(&mut self, reset: bool) -> Option<Figures> {
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

    /// When bytes last came or went. `None`: no task has the connection, so the socket itself knows.
    pub fn last_activity(&self) -> Option<Instant> {
        match &self.link {
            Link::Secure(secure) => Some(secure.last_activity()),
            Link::Lent(task) => Some(task.last_activity()),
            Link::Gone | Link::Plain(_) => None,
        }
    }

    /// Runs `f` on the system's socket. `None`: there is none, or it is on its way to a relay's task or back.
    pub fn with_socket<T>(&self, f: impl FnOnce(SockRef<'_>) -> T) -> Option<T> {
        match &self.link {
            Link::Plain(plain) => Some(f(plain.socket())),
            Link::Secure(secure) => secure.with_socket(f),
            Link::Lent(task) => task.with_socket(f),
            Link::Gone => None,
        }
    }

    /// The environment ends. Bytes that the TLS session got are still to be sent.
    pub fn flush_on_exit(&self) {
        if let Link::Secure(secure) = &self.link {
            secure.flush_on_exit();
        }
    }

    /// The process ends: bytes that a TLS driver on this thread could not write go to a task.
    pub fn write_in_task(&mut self) {
        if let Link::Secure(secure) = &mut self.link {
            secure.write_in_task();
        }
    }

    /// Whether the TLS driver still has bytes to write.
    pub fn is_writing(&self) -> bool {
        matches!(&self.link, Link::Secure(secure) if secure.is_writing())
    }

    // --- a relay's task ---

    /// Whether a relay's task could move the bytes. It cannot with TLS, whose driver has the connection.
    pub fn can_lend(&self) -> bool {
        self.stays_plain()
    }

    /// Takes the connection out of the poll set, for a relay's task. Until [`lent`](Self::lent) is called, the transport has no connection.
    pub fn lend(&mut self, context: &Context) -> Option<StdStream> {
        let link = std::mem::replace(&mut self.link, Link::Gone);
        let Link::Plain(plain) = link else {
            self.link = link;
            return None;
        };
        self.readiness = Readiness { short_read: self.readiness.short_read, ..Readiness::default() };
        Some(plain.deregister(&context.registry).into())
    }

    /// A relay's task has taken the connection.
    pub fn lent(&mut self, task: TaskHandle) {
        self.link = Link::Lent(task);
    }

    /// close(): asks the relay's task to give the connection back.
    pub fn recall(&self) {
        if let Link::Lent(task) = &self.link {
            task.stop();
        }
    }

    /// What a relay's task has moved for this socket. `None`: no such task has the connection.
    pub fn passed(&self) -> Option<Figures> {
        match &self.link {
            Link::Lent(task) => Some(task.passed()),
            Link::Gone | Link::Plain(_) | Link::Secure(_) => None,
        }
    }
}
