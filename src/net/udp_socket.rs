//! A UDP socket: binding, send(), errors, multicast groups. The module `receive` is the receiving half, `flush` gives
//! datagrams to the system.

mod flush;
mod origin;
mod receive;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use mio::Interest;
use mio::net::UdpSocket as MioSocket;
use socket2::SockRef;

use self::receive::{Held, ReceiveState};
use super::blob_request::BlobRequest;
use super::context::Context;
use super::event::EventKind;
use super::figures::Figures;
use super::multicast::{GroupRequest, Member, Memberships};
use super::options::{SendOptions, UdpChanges, UdpOptions};
use super::step::Step;
use super::syscall::Syscall;
use super::udp_open::{Opened, Peer};
use super::udp_options::{self, MulticastInterface};
use super::udp_queue::UdpQueue;
use super::{Id, SocketError, ip_address, sys, udp_open};
use crate::proto::Ledger;

/// If this many datagrams are in the queue, send() gives them to the system at once (R-udp-full).
const FLUSH_COUNT: usize = 64;
/// If this many bytes are in the queue, send() gives them to the system at once (R-udp-full).
const FLUSH_BYTES: u64 = 64 * 1024;
/// The most errors that wait to be emitted. Further errors are dropped.
const MAX_QUEUED_ERRORS: usize = 16 * 1024;
/// The longest payload of an IPv4 UDP packet, in bytes (R-udp-toolong).
const MAX_PAYLOAD_V4: usize = 65_507;
/// The longest payload of an IPv6 UDP packet, in bytes (R-udp-toolong).
const MAX_PAYLOAD_V6: usize = 65_527;

/// One UDP socket.
pub struct UdpSocket {
    /// The system's socket.
    socket: MioSocket,
    /// The local address that the socket reports: with `connected` the address that datagrams leave from, otherwise `bound`.
    pub local: SocketAddr,
    /// The address that the socket is bound to.
    bound: SocketAddr,
    /// The default destination, in canonical form. Its port is 0 if the options have none. None: they have no address.
    pub remote: Option<SocketAddr>,
    /// The peer of a connected socket: no other one is sent to or received from. None: the socket is not connected.
    peer: Option<Peer>,
    /// The interface that the socket is bound to (networkInterface). None: it is bound to none.
    interface: Option<NonZeroU32>,
    /// True if IPV6_V6ONLY was asked for.
    ipv6_only: bool,
    /// True while runs of datagrams may be sent as one message. It becomes false for good when a call shows that the route cannot do it.
    may_segment: bool,
    /// maxBufferedAmount in bytes.
    max_buffered_amount: u64,
    /// The bufferedAmount account.
    pub ledger: Ledger,
    /// The bytes of datagrams that were emitted, and of those that the system took.
    figures: Figures,
    /// Datagrams that send() has accepted and the system has not taken.
    queue: UdpQueue,
    /// The destination of the last accepted send(), for [`Destination::Same`]. None: there was no such send().
    last: Option<SocketAddr>,
    /// Datagrams that were received and then held back, by suspend() or because there was no listener (R-udp-suspend).
    held: VecDeque<Held>,
    /// The indices of the datagrams in `Context::batches` that are still to be delivered in this turn.
    batch: std::ops::Range<usize>,
    /// True if the last batch had a large datagram, or if there was no batch yet.
    last_batch_was_large: bool,
    /// Errors that are still to be emitted.
    errors: VecDeque<SocketError>,
    /// The multicast groups that the socket has joined.
    groups: Memberships,
    /// True if the system also delivers datagrams of groups that this socket has not joined on that interface. Then the socket reports
    /// packet information, and such datagrams are dropped here (R-udp-group).
    sorts_groups: bool,
    /// True: messages report the details of their datagrams (packetInfo).
    packet_info: bool,
    /// True while there is a listener for datagrams.
    pub listening: bool,
    /// True between suspend() and resume().
    pub suspended: bool,
    /// True while the socket is in `Context::ready`.
    pub scheduled: bool,
    /// True while the socket is in `Context::dirty`.
    dirty: bool,
    /// True while the system may have datagrams for this socket.
    readable: bool,
    /// How the last receiving calls ended.
    receive_state: ReceiveState,
    /// True while the system takes no more datagrams. A report of the poll set, or a deadline, starts the next try.
    blocked: bool,
    /// True after close(), and after a send() that has closed the socket.
    closed: bool,
    /// Whether JavaScript has been asked for the bytes of the next Blob.
    blob_request: BlobRequest,
}

/// The destination of a send().
pub enum Destination<'a> {
    /// An address literal and a port.
    To(&'a str, u16),
    /// The destination of the last accepted send().
    Same,
}

/// The result of a send().
pub enum UdpSent {
    /// The datagram is accepted. The flag is what send() returns.
    Accepted(bool),
    /// The socket is closed: send() throws an InvalidStateError.
    NotOpen,
    /// The datagram is too long, or the buffer is full: the socket has closed itself, and `error` follows (R-udp-toolong).
    Ended,
}

impl UdpSocket {
    /// What the socket has moved so far, in bytes of payload.
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// How many datagrams the system has dropped because the receive buffer was full.
    pub fn dropped(&self) -> u64 {
        sys::dropped_datagrams(&SockRef::from(&self.socket))
    }

    /// setOptions(): changes the options that are given (R-live). If the system refuses one, those before it stay changed.
    pub fn change(&mut self, changes: &UdpChanges) -> Result<(), SocketError> {
        let (local, ipv6_only) = (&self.bound, self.ipv6_only);
        let interface = changes.multicast_interface.as_deref();
        let interface = interface.map(|text| MulticastInterface::find(text, local, ipv6_only)).transpose()?;
        udp_options::change(&SockRef::from(&self.socket), changes, interface.as_ref(), local, ipv6_only)
            .map_err(SocketError::of_live_option)?;
        self.ledger.change(changes.high_water_mark, changes.max_buffered_amount);
        self.max_buffered_amount = changes.max_buffered_amount.map_or(self.max_buffered_amount, u64::from);
        Ok(())
    }

    /// Makes and binds a socket (R-udp-bind).
    pub fn bind(options: &UdpOptions, id: Id, context: &mut Context) -> Result<Self, SocketError> {
        let Opened { mut socket, local, bound, remote, peer, interface, sorts_groups } = udp_open::open(options)?;
        context
            .registry
            .register(&mut socket, id.token(), Interest::READABLE)
            .map_err(|error| SocketError::system_at(Syscall::Watch, local, error))?;
        let most = options.live.max_buffered_amount.unwrap_or_default();
        Ok(Self {
            socket,
            local,
            bound,
            remote,
            peer,
            interface,
            ipv6_only: options.ipv6_only.unwrap_or(false),
            may_segment: sys::SEGMENTS_DATAGRAMS,
            max_buffered_amount: most.into(),
            ledger: Ledger::new(options.live.high_water_mark.unwrap_or_default(), most),
            figures: Figures::default(),
            queue: UdpQueue::default(),
            last: None,
            held: VecDeque::new(),
            batch: 0..0,
            last_batch_was_large: true,
            errors: VecDeque::new(),
            groups: Memberships::default(),
            sorts_groups,
            packet_info: options.packet_info,
            listening: false,
            suspended: false,
            scheduled: false,
            dirty: false,
            readable: false,
            receive_state: ReceiveState::default(),
            blocked: false,
            closed: false,
            blob_request: BlobRequest::default(),
        })
    }

    /// Whether readyState is "closed".
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    // --- reports from below ---

    /// The poll set reports that the socket is ready.
    pub fn on_ready(&mut self, event: &mio::event::Event, id: Id, context: &mut Context) {
        self.readable |= event.is_readable() || event.is_error();
        if event.is_error() && self.peer.is_some() {
            self.take_refusal();
        }
        if event.is_writable() && self.blocked {
            self.set_blocked(false, id, context);
            self.mark_dirty(id, context);
        }
    }

    /// The system had no buffer, and the pause after that is over.
    pub fn on_send_pause_over(&mut self, id: Id, context: &mut Context) {
        self.blocked = false;
        self.mark_dirty(id, context);
    }

    // --- calls from above ---

    /// send() of `data`, with the options that its fourth argument gives.
    pub fn send(
        &mut self,
        data: &[u8],
        destination: Destination<'_>,
        options: Option<&SendOptions>,
        id: Id,
        context: &mut Context,
    ) -> Result<UdpSent, SocketError> {
        if self.closed {
            return Ok(UdpSent::NotOpen);
        }
        let to = self.resolve(destination)?;
        let origin = options.map_or(Ok(None), |options| origin::origin_of(options, &to, &mut context.interfaces))?;
        if let Some(error) = self.refusal(data.len() as u64, &to) {
            return Ok(self.end(error, id, context));
        }
        self.queue.push(data, ip_address::as_family_of(&self.bound, to), origin)?;
        self.last = Some(to);
        let go_on = self.ledger.accept(data.len() as u64);
        if !self.blocked && (self.queue.len() >= FLUSH_COUNT || self.queue.waiting() >= FLUSH_BYTES) {
            self.flush(id, context);
        }
        self.mark_dirty(id, context);
        Ok(UdpSent::Accepted(go_on))
    }

    /// send() of a Blob of `size` bytes. Its bytes follow later.
    pub fn send_blob(
        &mut self,
        size: u64,
        destination: Destination<'_>,
        options: Option<&SendOptions>,
        id: Id,
        context: &mut Context,
    ) -> Result<UdpSent, SocketError> {
        if size == 0 {
            return self.send(&[], destination, options, id, context);
        }
        if self.closed {
            return Ok(UdpSent::NotOpen);
        }
        let to = self.resolve(destination)?;
        let origin = options.map_or(Ok(None), |options| origin::origin_of(options, &to, &mut context.interfaces))?;
        if let Some(error) = self.refusal(size, &to) {
            return Ok(self.end(error, id, context));
        }
        self.queue.push_blob(size, ip_address::as_family_of(&self.bound, to), origin)?;
        self.last = Some(to);
        let go_on = self.ledger.accept_blob(size);
        self.mark_dirty(id, context);
        Ok(UdpSent::Accepted(go_on))
    }

    /// Takes the bytes of the first unread Blob.
    pub fn blob_piece(&mut self, bytes: &[u8], id: Id, context: &mut Context) {
        match self.queue.fill_blob(bytes) {
            Ok(true) => {
                self.blob_request.answer();
                self.mark_dirty(id, context);
            }
            Ok(false) => self.blob_failed("it has other bytes than its size said".to_owned(), id, context),
            Err(no_memory) => self.blob_lost(|_| no_memory.into(), id, context),
        }
    }

    /// The first unread Blob cannot be read, so its datagram is dropped, with an error (R-udp-neterr).
    pub fn blob_failed(&mut self, reason: String, id: Id, context: &mut Context) {
        self.blob_lost(|to| SocketError::Blob { to: to.into(), reason }, id, context);
    }

    /// Drops the datagram of the first unread Blob, with an error.
    fn blob_lost(&mut self, error: impl FnOnce(SocketAddr) -> SocketError, id: Id, context: &mut Context) {
        self.blob_request.answer();
        if let Some((to, size)) = self.queue.drop_blob() {
            self.ledger.wrote(size, size);
            self.fail(error(ip_address::canonical(to)));
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
        let member =
            Member { socket: &self.socket, local: &self.bound, interface: self.interface, ipv6_only: self.ipv6_only };
        if !join {
            return self.groups.leave(member, request);
        }
        if sys::MIXES_IPV6_GROUPS && request.group.contains(':') && !self.sorts_groups {
            // If the system does not report destinations, the socket may get datagrams of other groups, as it does in any other program.
            self.sorts_groups = sys::report_destinations(&self.socket, self.bound.is_ipv6());
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

    /// Adds the socket to those that are stepped in the next turn.
    pub fn schedule(&mut self, id: Id, context: &mut Context) {
        if !std::mem::replace(&mut self.scheduled, true) {
            context.ready.push(id);
        }
    }

    /// Adds the socket to those that are flushed at the end of the turn.
    fn mark_dirty(&mut self, id: Id, context: &mut Context) {
        if !std::mem::replace(&mut self.dirty, true) {
            context.dirty.push(id);
        }
    }

    /// The address of a destination, if the socket can reach it.
    fn resolve(&mut self, destination: Destination<'_>) -> Result<SocketAddr, SocketError> {
        let to = match (destination, self.last) {
            (Destination::Same, Some(last)) => return Ok(last),
            (Destination::Same, None) => {
                return Err(SocketError::BadOption { reason: "no destination has been given".to_owned() });
            }
            (Destination::To(text, port), _) => ip_address::parse("remoteAddress", text, port)?,
        };
        ip_address::check_reachable(&self.bound, self.ipv6_only, &to)?;
        match self.peer {
            Some(peer) if !peer.is(to) => Err(SocketError::NotPeer { to, peer: peer.address() }),
            _ => Ok(to),
        }
    }

    /// Why a datagram of `bytes` bytes is not accepted (R-udp-toolong, R-udp-full). None: it is accepted.
    fn refusal(&self, bytes: u64, to: &SocketAddr) -> Option<SocketError> {
        let most = if to.is_ipv4() { MAX_PAYLOAD_V4 } else { MAX_PAYLOAD_V6 };
        if bytes > most as u64 {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            return Some(SocketError::TooLong { to: (*to).into(), bytes, most });
        }
        // Even an empty datagram needs memory. So the number of queued datagrams is used if it exceeds the number of queued bytes.
        let kept = if self.blocked { self.queue.waiting().max(self.queue.len() as u64) } else { 0 };
        let limit = self.max_buffered_amount;
        (kept > 0 && kept + bytes > limit).then_some(SocketError::BufferFull {
            to: (*to).into(),
            buffered: kept,
            limit,
        })
    }

    /// Closes the socket at once because of a send(). Earlier datagrams are still sent, and one `error` event follows.
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

    /// Queues an error that does not end the socket. Nothing is emitted after close().
    fn fail(&mut self, error: SocketError) {
        if !self.closed && self.errors.len() < MAX_QUEUED_ERRORS {
            self.errors.push_back(error);
        }
    }

    // --- outputs ---

    /// The next event that is due. Receives at most one batch in a turn.
    pub fn step(&mut self, id: Id, context: &mut Context) -> Step {
        if let Some(error) = self.errors.pop_front() {
            let last = self.closed && self.queue.is_empty() && self.errors.is_empty();
            let kind = EventKind::UdpError(error);
            return if last { Step::LastEvent(kind) } else { Step::Event(kind) };
        }
        if self.blob_request.emit() {
            return Step::Event(EventKind::UdpBlob);
        }
        if self.closed {
            return if self.queue.is_empty() { Step::LastEvent(EventKind::Gone) } else { Step::Idle };
        }
        if self.ledger.drain_ready() {
            self.ledger.drained();
            return Step::Event(EventKind::UdpDrain);
        }
        self.step_received(id, context)
    }

    /// The end of a turn: sends the queue, and schedules the socket if it has something to do in the next turn.
    pub fn flush_turn(&mut self, id: Id, context: &mut Context) {
        self.dirty = false;
        if !self.blocked {
            self.flush(id, context);
        }
        self.ledger.settle();
        if self.queue.waits_for_blob() {
            self.blob_request.make_due();
        }
        let ended = self.closed && self.queue.is_empty();
        if self.blob_request.is_due() || ended || self.ledger.drain_ready() || !self.errors.is_empty() {
            self.schedule(id, context);
        }
    }

    /// The environment ends: the datagrams that wait are sent once, as far as possible.
    pub fn abandon(&mut self, id: Id, context: &mut Context) {
        self.flush(id, context);
    }
}
