use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::Interest;
use mio::net::UdpSocket as MioSocket;

use super::context::{BATCH, Context};
use super::event::{EventKind, Place};
use super::multicast::{GroupRequest, Member, Memberships};
use super::options::UdpOptions;
use super::sys::{self, Received};
use super::timers::{Deadline, Timers};
use super::turn::Step;
use super::udp_open::Opened;
use super::udp_queue::UdpQueue;
use super::{Id, SocketError, endpoint, errno, memory, udp_open};
use crate::proto::Ledger;

/// send() hands datagrams over at the latest when this many, or this many bytes, wait (R-udp-full).
const FLUSH_COUNT: usize = 64;
const FLUSH_BYTES: u64 = 64 * 1024;
/// Where datagrams are large, no more than this many are taken at once: 256 KiB in memory (R-listen).
const LARGE_BATCH: usize = 4;
/// From this size on a datagram is large.
const LARGE: usize = 8 * 1024;
/// How long to wait when the system has no buffer and will not say when it has one.
const NO_BUFFER_PAUSE: Duration = Duration::from_millis(5);
/// How long to wait before receiving again where that fails twice in a row.
const RECEIVE_PAUSE: Duration = Duration::from_millis(100);
/// Errors kept to be told; a sender that makes more of them in one turn learns nothing from the rest.
const ERRORS: usize = 16 * 1024;
/// What a UDP packet can carry (R-udp-toolong).
const LONGEST_V4: usize = 65_507;
const LONGEST_V6: usize = 65_527;

/// One UDP socket.
pub struct UdpSocket {
    socket: MioSocket,
    pub local: SocketAddr,
    /// The default destination's address, canonical.
    pub remote: Option<SocketAddr>,
    ipv6_only: bool,
    /// Runs may be sent as one message: until the system says that they can't.
    segments: bool,
    max_buffered_amount: u64,
    pub ledger: Ledger,
    queue: UdpQueue,
    /// Where the last send() that was taken went: what JavaScript has in mind.
    last: Option<SocketAddr>,
    /// Received, and not told because somebody suspended or went away (R-udp-suspend).
    held: VecDeque<(SocketAddr, Vec<u8>)>,
    /// Which of the context's received datagrams are still to be told, in this turn.
    batch: std::ops::Range<usize>,
    /// The last batch had large datagrams.
    large: bool,
    errors: VecDeque<SocketError>,
    groups: Memberships,
    /// The system gives a group's datagrams also to sockets that have not joined it on that interface: packet information is on,
    /// and such datagrams are dropped here (R-udp-group).
    sorts_groups: bool,
    pub listening: bool,
    pub suspended: bool,
    pub scheduled: bool,
    dirty: bool,
    readable: bool,
    /// Receiving failed twice in a row: waiting for the pause to end.
    paused: bool,
    /// The last call that received failed, otherwise than for want of datagrams.
    receive_failed: bool,
    /// The system took no more: wait until it says that it does.
    blocked: bool,
    /// Of the pause after a want of buffers.
    deadline: Deadline,
    /// Of the pause after receiving has failed.
    receive_deadline: Deadline,
    /// close() was called, or send() ended the socket.
    closed: bool,
    blob_asked: bool,
    blob_due: bool,
}

/// Where a send() goes.
pub enum Destination<'a> {
    /// An address literal and a port.
    To(&'a str, u16),
    /// Where the last one went.
    Same,
}

/// What became of a send().
pub enum UdpSent {
    /// Taken; the flag is what send() returns.
    Taken(bool),
    /// The socket is closed: InvalidStateError.
    NotOpen,
    /// Too long, or the buffer is full: the socket has closed itself, `error` follows (R-udp-toolong).
    Ended,
}

impl UdpSocket {
    /// Makes and binds a socket (R-udp-bind).
    pub fn bind(options: &UdpOptions, id: Id, context: &mut Context) -> Result<Self, SocketError> {
        let Opened { mut socket, remote, sorts_groups } = udp_open::open(options)?;
        let local = socket.local_addr().map_err(|error| SocketError::system("getsockname", error))?;
        context
            .registry
            .register(&mut socket, id.token(), Interest::READABLE)
            .map_err(|error| SocketError::system_at("epoll_ctl", local, error))?;
        Ok(Self {
            socket,
            local,
            remote,
            ipv6_only: options.ipv6_only.unwrap_or(false),
            segments: sys::SEGMENTS_DATAGRAMS,
            max_buffered_amount: options.max_buffered_amount.into(),
            ledger: Ledger::new(options.high_water_mark, options.max_buffered_amount),
            queue: UdpQueue::default(),
            last: None,
            held: VecDeque::new(),
            batch: 0..0,
            large: true,
            errors: VecDeque::new(),
            groups: Memberships::default(),
            sorts_groups,
            listening: false,
            suspended: false,
            scheduled: false,
            dirty: false,
            readable: false,
            paused: false,
            receive_failed: false,
            blocked: false,
            deadline: Deadline::default(),
            receive_deadline: Deadline::default(),
            closed: false,
            blob_asked: false,
            blob_due: false,
        })
    }

    /// Whether readyState is "closed".
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn wants_data(&self) -> bool {
        self.listening && !self.suspended && !self.closed
    }

    // --- reports from below ---

    /// What the poll set says.
    pub fn on_ready(&mut self, event: &mio::event::Event, id: Id, context: &mut Context) {
        self.readable |= event.is_readable() || event.is_error();
        if event.is_writable() && self.blocked {
            self.set_blocked(false, id, context);
            self.mark_dirty(id, context);
        }
    }

    /// The pause after a want of buffers, or after a receive that failed, is over.
    pub fn on_deadline(&mut self, id: Id, context: &mut Context) {
        let now = Instant::now();
        if self.receive_deadline.has_come(&mut context.timers, now) {
            self.paused = false;
        }
        if self.deadline.has_come(&mut context.timers, now) {
            self.blocked = false;
        }
        self.mark_dirty(id, context);
    }

    /// It goes.
    pub fn clear_deadlines(&mut self, timers: &mut Timers) {
        self.deadline.clear(timers);
        self.receive_deadline.clear(timers);
    }

    // --- calls from above ---

    /// send() of bytes.
    pub fn send(
        &mut self,
        data: &[u8],
        destination: Destination<'_>,
        id: Id,
        context: &mut Context,
    ) -> Result<UdpSent, SocketError> {
        if self.closed {
            return Ok(UdpSent::NotOpen);
        }
        let to = self.resolve(destination)?;
        if let Some(error) = self.refusal(data.len() as u64, &to) {
            return Ok(self.end(error, id, context));
        }
        self.queue.push(data, endpoint::as_family_of(&self.local, to))?;
        self.last = Some(to);
        let go_on = self.ledger.accept(data.len() as u64);
        if !self.blocked && (self.queue.len() >= FLUSH_COUNT || self.queue.waiting() >= FLUSH_BYTES) {
            self.flush(id, context);
        }
        self.mark_dirty(id, context);
        Ok(UdpSent::Taken(go_on))
    }

    /// send() of a Blob.
    pub fn send_blob(
        &mut self,
        size: u64,
        destination: Destination<'_>,
        id: Id,
        context: &mut Context,
    ) -> Result<UdpSent, SocketError> {
        if size == 0 {
            return self.send(&[], destination, id, context);
        }
        if self.closed {
            return Ok(UdpSent::NotOpen);
        }
        let to = self.resolve(destination)?;
        if let Some(error) = self.refusal(size, &to) {
            return Ok(self.end(error, id, context));
        }
        self.queue.push_blob(size, endpoint::as_family_of(&self.local, to))?;
        self.last = Some(to);
        let go_on = self.ledger.accept_blob(size);
        self.mark_dirty(id, context);
        Ok(UdpSent::Taken(go_on))
    }

    /// The bytes of the first unread Blob.
    pub fn blob_piece(&mut self, bytes: &[u8], id: Id, context: &mut Context) {
        match self.queue.fill_blob(bytes) {
            Ok(true) => {
                self.blob_asked = false;
                self.mark_dirty(id, context);
            }
            Ok(false) => self.blob_failed("it has other bytes than its size said".to_owned(), id, context),
            Err(no_memory) => self.blob_lost(|_| no_memory.into(), id, context),
        }
    }

    /// The first unread Blob cannot be read: that datagram is lost (R-udp-neterr).
    pub fn blob_failed(&mut self, reason: String, id: Id, context: &mut Context) {
        self.blob_lost(|to| SocketError::Blob { to, reason }, id, context);
    }

    fn blob_lost(&mut self, error: impl FnOnce(SocketAddr) -> SocketError, id: Id, context: &mut Context) {
        self.blob_asked = false;
        if let Some((to, size)) = self.queue.drop_blob() {
            self.ledger.wrote(size, size);
            self.fail(error(endpoint::canonical(to)));
        }
        self.mark_dirty(id, context);
        self.schedule(id, context);
    }

    /// joinMulticastGroup() and leaveMulticastGroup().
    pub fn change_group(&mut self, join: bool, request: GroupRequest<'_>) -> Result<(), SocketError> {
        if self.closed {
            let member = if join { "joinMulticastGroup" } else { "leaveMulticastGroup" };
            return Err(SocketError::Closed { member });
        }
        let member = Member { socket: &self.socket, local: &self.local, ipv6_only: self.ipv6_only };
        if !join {
            return self.groups.leave(member, request);
        }
        if sys::MIXES_IPV6_GROUPS && request.group.contains(':') && !self.sorts_groups {
            // Where the system does not have it, the socket gets more than it should, as any other program's does.
            self.sorts_groups = sys::report_destinations(&self.socket, self.local.is_ipv6());
        }
        self.groups.join(member, request)
    }

    /// close() (R-udp-close). Returns whether nothing is left to send.
    pub fn close(&mut self, id: Id, context: &mut Context) -> bool {
        self.closed = true;
        self.errors.clear();
        self.held.clear();
        self.batch = 0..0;
        if !self.blocked {
            self.flush(id, context);
        }
        self.errors.clear();
        self.mark_dirty(id, context);
        self.queue.is_empty()
    }

    /// To be stepped in the next turn.
    pub fn schedule(&mut self, id: Id, context: &mut Context) {
        if !std::mem::replace(&mut self.scheduled, true) {
            context.ready.push(id);
        }
    }

    fn mark_dirty(&mut self, id: Id, context: &mut Context) {
        if !std::mem::replace(&mut self.dirty, true) {
            context.dirty.push(id);
        }
    }

    fn resolve(&mut self, destination: Destination<'_>) -> Result<SocketAddr, SocketError> {
        let to = match (destination, self.last) {
            (Destination::Same, Some(last)) => return Ok(last),
            (Destination::Same, None) => {
                return Err(SocketError::BadOption { reason: "no destination has been given".to_owned() });
            }
            (Destination::To(text, port), _) => endpoint::parse("remoteAddress", text, port)?,
        };
        endpoint::check_reachable(&self.local, self.ipv6_only, &to)?;
        Ok(to)
    }

    /// Why a datagram of `bytes` cannot be taken, if so (R-udp-toolong, R-udp-full).
    fn refusal(&self, bytes: u64, to: &SocketAddr) -> Option<SocketError> {
        let most = if to.is_ipv4() { LONGEST_V4 } else { LONGEST_V6 };
        if bytes > most as u64 {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            return Some(SocketError::TooLong { to: *to, bytes, most });
        }
        // An empty datagram takes room, too.
        let kept = if self.blocked { self.queue.waiting().max(self.queue.len() as u64) } else { 0 };
        let limit = self.max_buffered_amount;
        (kept > 0 && kept + bytes > limit).then_some(SocketError::BufferFull { to: *to, buffered: kept, limit })
    }

    /// send() ends the socket: closed at once, what was sent before still goes out, one `error` follows.
    fn end(&mut self, error: SocketError, id: Id, context: &mut Context) -> UdpSent {
        self.closed = true;
        self.held.clear();
        self.batch = 0..0;
        if !self.blocked {
            self.flush(id, context);
        }
        self.errors.clear();
        self.errors.push_back(error);
        self.mark_dirty(id, context);
        self.schedule(id, context);
        UdpSent::Ended
    }

    fn fail(&mut self, error: SocketError) {
        if !self.closed && self.errors.len() < ERRORS {
            self.errors.push_back(error);
        }
    }

    // --- outputs ---

    /// The next thing that is due: an event, or one batch.
    pub fn step(&mut self, id: Id, context: &mut Context) -> Step {
        if let Some(error) = self.errors.pop_front() {
            let last = self.closed && self.queue.is_empty() && self.errors.is_empty();
            return Step::Event(EventKind::UdpError(error), last);
        }
        if std::mem::take(&mut self.blob_due) {
            return Step::Event(EventKind::UdpBlob, false);
        }
        if self.closed {
            return if self.queue.is_empty() { Step::Event(EventKind::End, true) } else { Step::Idle };
        }
        if self.ledger.drain_ready() {
            self.ledger.drained();
            return Step::Event(EventKind::UdpDrain, false);
        }
        if !self.wants_data() {
            self.hold(context);
            return Step::Idle;
        }
        if let Some((from, bytes)) = self.held.pop_front() {
            context.held = bytes;
            return Step::Event(EventKind::Datagram(Place::Held, from), false);
        }
        if self.batch.is_empty() && !self.receive(id, context) {
            return Step::Idle;
        }
        let index = self.batch.start;
        self.batch.start += 1;
        let received = context.batches.received[index];
        let place = Place::Shared { start: received.start, len: received.len };
        let kind = EventKind::Datagram(place, endpoint::canonical(received.from));
        if self.batch.is_empty() { Step::Read(kind) } else { Step::Event(kind, false) }
    }

    /// Whether datagrams may wait that it would take now.
    pub fn has_more(&self) -> bool {
        self.wants_data() && (self.readable && !self.paused || !self.held.is_empty() || !self.batch.is_empty())
            || !self.errors.is_empty()
    }

    /// The end of a turn.
    pub fn flush_turn(&mut self, id: Id, context: &mut Context) {
        self.dirty = false;
        if !self.blocked {
            self.flush(id, context);
        }
        self.ledger.settle();
        if self.queue.waits_for_blob() && !self.blob_asked {
            self.blob_asked = true;
            self.blob_due = true;
        }
        let ended = self.closed && self.queue.is_empty();
        if self.blob_due || ended || self.ledger.drain_ready() || !self.errors.is_empty() {
            self.schedule(id, context);
        }
    }

    /// What the batch still has is kept: somebody suspended, or went away, in the middle of it.
    fn hold(&mut self, context: &Context) {
        for index in std::mem::replace(&mut self.batch, 0..0) {
            let received = context.batches.received[index];
            let bytes = &context.buffer[received.start..received.start + received.len];
            // R-udp-suspend: what memory cannot hold is dropped.
            if let Ok(bytes) = memory::copy(bytes)
                && memory::room_for_one(&mut self.held).is_ok()
            {
                self.held.push_back((endpoint::canonical(received.from), bytes));
            }
        }
    }

    /// Takes a batch from the system. Returns whether there is one.
    fn receive(&mut self, id: Id, context: &mut Context) -> bool {
        if !self.readable || self.paused {
            return false;
        }
        let most = if self.large { LARGE_BATCH } else { BATCH };
        let Context { batches, buffer, .. } = context;
        match batches.receive(&self.socket, buffer, most, self.sorts_groups) {
            Ok(()) => {
                self.receive_failed = false;
                self.readable = batches.received.len() == most || !sys::TAKES_BATCHES;
                self.large = batches.received.iter().any(|received| received.len >= LARGE);
                if self.sorts_groups {
                    batches.received.retain(|received| self.is_for_us(received));
                }
                self.batch = 0..batches.received.len();
                !self.batch.is_empty()
            }
            Err(error) => {
                match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => {
                        self.readable = false;
                        self.receive_failed = false;
                    }
                    // Of one datagram, mostly, and there may be others behind it: the poll set need not report them again. One that
                    // stays must not keep us busy: then it is tried again after a pause.
                    _ => {
                        self.fail(SocketError::system("recv", error));
                        if std::mem::replace(&mut self.receive_failed, true) {
                            self.paused = true;
                            self.receive_deadline.set(&mut context.timers, Instant::now(), RECEIVE_PAUSE, id);
                        }
                    }
                }
                false
            }
        }
    }

    /// Whether a datagram is unicast, or of a group that was joined on the interface that it came in by (R-udp-group).
    fn is_for_us(&self, received: &Received) -> bool {
        let Some(to) = received.to.filter(|to| to.address.is_multicast()) else { return true };
        self.groups.admits(to.address, to.interface, endpoint::canonical(received.from).ip())
    }

    /// Hands datagrams to the system until it takes no more.
    fn flush(&mut self, id: Id, context: &mut Context) {
        let mut segment = self.segments;
        loop {
            let Some(to) = self.queue.ready(1).next().map(|(to, _)| to) else { return };
            match context.batches.send(&self.socket, self.queue.ready(FLUSH_COUNT), segment) {
                Ok(sent) => {
                    for _ in 0..sent {
                        let (bytes, from_blobs) = self.queue.pop();
                        self.ledger.wrote(bytes, from_blobs);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.set_blocked(true, id, context);
                    return;
                }
                Err(error) if errno::is_resource_shortage(&error) => {
                    self.blocked = true;
                    self.deadline.set(&mut context.timers, Instant::now(), NO_BUFFER_PAUSE, id);
                    return;
                }
                Err(error) if segment => {
                    // One by one, to see which it is. EIO and EINVAL: this route cannot cut messages up, for good.
                    segment = false;
                    self.segments &= !matches!(errno::name(&error).as_str(), "EIO" | "EINVAL");
                }
                Err(error) => {
                    // This datagram's fault: it is lost, the next one may fare better (R-udp-neterr).
                    self.fail(SocketError::system_at("send", endpoint::canonical(to), error));
                    let (bytes, from_blobs) = self.queue.pop();
                    self.ledger.wrote(bytes, from_blobs);
                }
            }
        }
    }

    /// Watched for writability only while that is waited for: each datagram that leaves would wake us.
    fn set_blocked(&mut self, blocked: bool, id: Id, context: &mut Context) {
        self.blocked = blocked;
        self.deadline.clear(&mut context.timers);
        let interest = if blocked { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        if context.registry.reregister(&mut self.socket, id.token(), interest).is_err() {
            // It cannot be watched for want of memory: try again after a while.
            self.deadline.set(&mut context.timers, Instant::now(), NO_BUFFER_PAUSE, id);
        }
    }

    /// The environment ends: what waits gets one chance to leave.
    pub fn abandon(&mut self, id: Id, context: &mut Context) {
        self.flush(id, context);
    }
}
