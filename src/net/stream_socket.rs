//! One connection, TCP's or a Unix socket's. It has a machine and a ledger, and updates them with calls from above and with reports from the
//! [`Transport`] below.
//!
//! - this file: the connection attempt, calls, steps, deadlines, the end.
//! - `direct.rs`: reading straight into the program's memory.
//! - `receive.rs`: reading, the peer's end, a loss.
//! - `returned.rs`: bytes that `reader` gives back.
//! - `send.rs`: send(), when its bytes are written, and the FIN behind them.
//! - `figures.rs`: bytesRead and bytesWritten.
//! - `flush_limit.rs`: closeTimeout.
//! - `framing.rs`: the option `framing`.
//! - `idle_limit.rs`: idleTimeout.
//! - `live.rs`: setOptions().
//! - `tls.rs`: startTls(), and the reports of the TLS driver.
//! - `relay.rs`: one socket's part of a relay.
//! - `unix.rs`: a client's connection to a path.

mod direct;
mod figures;
mod flush_limit;
mod framing;
mod idle_limit;
mod live;
mod receive;
mod relay;
mod returned;
mod send;
mod tls;
mod unix;

use std::time::{Duration, Instant};

use self::flush_limit::FlushLimit;
use self::idle_limit::IdleLimit;
use self::receive::{Reading, Receiving};
use self::relay::Relay;
pub use self::returned::GiveBack;
pub use self::send::Unkept;
use self::tls::TlsQuestion;
use self::unix::UnixClient;
use super::accepted::Accepted;
use super::blob_request::BlobRequest;
use super::connection_permits::ConnectionPermit;
use super::context::Context;
use super::deadline::DeadlineKind;
use super::endpoint::Endpoint;
use super::event::EventKind;
use super::options::{StreamOptions, TcpOptions};
use super::relay_signal::RelaySignal;
use super::send_queue::SendQueue;
use super::step::Step;
use super::stream_handle::PolledStream;
use super::syscall::Syscall;
use super::tcp_open::{self, ConnectStart};
use super::tls::{Info, client_role};
use super::transport::{Finish, Transport};
use super::{Id, SocketError, ip_address};
use crate::proto::{Event, Intake, Ledger, Machine};

/// The longest silence of the peer after our FIN and close(), before the connection ends without the peer's FIN (R-tcp-close).
const LINGER_SILENCE: Duration = Duration::from_secs(2);
/// The longest time that a peer may go on sending after our FIN and close() (R-tcp-close).
const LINGER_TOTAL: Duration = Duration::from_secs(30);

/// One connection, TCP's or a Unix socket's.
pub struct StreamSocket {
    /// The readyState machine, with the ledger.
    pub machine: Machine<SocketError>,
    /// The layer that reads and writes the bytes.
    transport: Transport,
    /// Bytes that were sent and that the transport has not taken yet.
    queue: SendQueue,
    /// The peer's end.
    pub remote: Endpoint,
    /// Our end. TCP: the wildcard address until the system has chosen one.
    pub local: Endpoint,
    /// True while the socket is in `Context::ready`.
    pub scheduled: bool,
    /// True while the socket is in `Context::dirty`.
    dirty: bool,
    /// The state of reading.
    receiving: Receiving,
    /// Whether JavaScript has been asked for the next piece of a Blob.
    blob_request: BlobRequest,
    /// The wait for the peer's end, after our FIN and close(). `None`: it has not begun.
    linger: Option<Box<Linger>>,
    /// True if the error of a loss does not wait for unread bytes: this end has given up a connection that still works, and the peer may go on
    /// sending, or the bytes belong to a handshake that does not begin.
    is_cut: bool,
    /// connectTimeout in milliseconds, for the error's message. 0: no limit.
    connect_timeout: u32,
    /// closeTimeout in milliseconds. 0: no limit.
    close_timeout: u32,
    /// The state of closeTimeout. `None` unless the socket is closing and has bytes left to send.
    flush_limit: Option<Box<FlushLimit>>,
    /// The state of idleTimeout. `None`: there is no limit.
    idle_limit: Option<Box<IdleLimit>>,
    /// True once the keep-alive probes were set for this connection, on or off.
    has_probes: bool,
    /// Counts this connection among those of its server until it is "closed". `None` for a client.
    permit: Option<ConnectionPermit>,
    /// The relay. `None`: relay() was not called with this socket.
    relay: Option<Box<Relay>>,
    /// The last event, while `Relayed` has to be emitted before it.
    last_event: Option<Box<EventKind>>,
    /// True if a server accepted the connection.
    is_accepted: bool,
    /// True once JavaScript knows the connection as open: then `close` follows the error of a panic. A panic may also befall the `open` event.
    pub open_delivered: bool,
    /// The outcome of the TLS handshake, until JavaScript asks for it.
    tls_info: Option<Box<Info>>,
    /// True while startTls() is done and its event is not emitted.
    secured_due: bool,
    /// The question of the handshake of startTls() for a certificate. `None`: it has none, or the question is answered.
    question: Option<Box<TlsQuestion>>,
    /// What a client's connection to a path needs until `open` is emitted. `None`: it was emitted, or it is another connection.
    unix: Option<Box<UnixClient>>,
}

/// The wait for the peer's end (R-tcp-close).
struct Linger {
    /// When the wait began.
    since: Instant,
    /// When the last bytes came. At first the same as `since`.
    last_bytes: Instant,
}

impl StreamSocket {
    /// Starts a connection attempt (R-tcp-create). Every failure that concerns the remote end becomes an event, even if it comes at once.
    pub fn connect(options: &TcpOptions, id: Id, context: &mut Context) -> Result<Self, SocketError> {
        let remote = ip_address::parse("remoteAddress", &options.remote_address, options.remote_port)?;
        let role = match &options.secure {
            Some(secure) => Some(client_role(secure, &remote.ip().to_string())?),
            None => None,
        };
        let attempt = tcp_open::start(options, remote)?;
        let machine = Machine::connecting(ledger(&options.stream), options.stream.allow_half_open);
        let mut socket = {
            let local = ip_address::wildcard(&remote, 0);
            Self::new(machine, Transport::gone(), remote.into(), local.into(), &options.stream)
        };
        let stream = match attempt {
            ConnectStart::Started(stream) => stream,
            ConnectStart::Failed(error) => {
                socket.machine.lost(error);
                socket.schedule(id, context);
                return Ok(socket);
            }
        };
        if !options.is_attempt
            && let Ok(local) = stream.local_addr()
        {
            socket.local = ip_address::canonical(local).into();
        }
        socket.transport = Transport::connecting(stream, role, options.connect_timeout);
        socket.transport.register(true, id, context).map_err(|failure| failure.at(remote.into()))?;
        socket.limit_connecting(options.connect_timeout, id, context);
        Ok(socket)
    }

    /// Sets the deadline of connectTimeout, in milliseconds. 0 or None: there is none.
    fn limit_connecting(&mut self, connect_timeout: Option<u32>, id: Id, context: &mut Context) {
        self.connect_timeout = connect_timeout.unwrap_or(0);
        if self.connect_timeout > 0 {
            let after = Duration::from_millis(self.connect_timeout.into());
            context.timers.set(id, DeadlineKind::Connect, Instant::now(), after);
        }
    }

    /// Makes a socket for a connection that a server accepted (R-srv-connect).
    pub fn accepted(
        connection: Accepted<PolledStream>,
        options: &StreamOptions,
        id: Id,
        context: &mut Context,
    ) -> Result<Self, SocketError> {
        let Accepted { stream, remote, local, permit, .. } = connection;
        let mut transport = Transport::established(stream, &remote);
        transport
            .register(false, id, context)
            .map_err(|failure| SocketError::system_at(Syscall::Accept, remote.clone(), failure.error))?;
        let mut socket = Self::of_server(transport, remote, local, permit, options);
        socket.start_idle_limit(id, context);
        Ok(socket)
    }

    fn of_server(
        transport: Transport,
        remote: Endpoint,
        local: Endpoint,
        permit: ConnectionPermit,
        options: &StreamOptions,
    ) -> Self {
        let machine = Machine::accepted(ledger(options), options.allow_half_open);
        Self {
            is_accepted: true,
            open_delivered: true,
            permit: Some(permit),
            ..Self::new(machine, transport, remote, local, options)
        }
    }

    fn new(
        machine: Machine<SocketError>,
        transport: Transport,
        remote: Endpoint,
        local: Endpoint,
        options: &StreamOptions,
    ) -> Self {
        Self {
            machine,
            transport,
            queue: SendQueue::default(),
            remote,
            local,
            scheduled: false,
            dirty: false,
            receiving: Receiving::new(options.framing.as_ref()),
            blob_request: BlobRequest::default(),
            linger: None,
            is_cut: false,
            connect_timeout: 0,
            close_timeout: options.close_timeout,
            flush_limit: None,
            idle_limit: IdleLimit::new(options.idle_timeout),
            has_probes: options.network.keep_alive.name().is_some(),
            permit: None,
            relay: None,
            last_event: None,
            is_accepted: false,
            open_delivered: false,
            tls_info: None,
            secured_due: false,
            question: None,
            unix: None,
        }
    }

    // --- reports from below ---

    /// Takes a report of the poll set.
    pub fn on_ready(&mut self, event: &mio::event::Event, id: Id, context: &mut Context) {
        if self.transport.on_ready(event) && self.queue.is_ready() {
            self.mark_dirty(id, context);
        }
    }

    /// connectTimeout has passed.
    pub fn on_connect_timeout(&mut self) {
        if self.machine.is_connecting() {
            let milliseconds = self.connect_timeout.into();
            self.machine.lost(SocketError::TimedOut { address: self.remote.clone(), milliseconds });
        }
    }

    /// Checks how long the peer has had to end its direction. If that was long enough, the connection ends without it (R-tcp-close).
    pub fn on_linger_timeout(&mut self, id: Id, context: &mut Context) {
        // While this thread was busy, bytes may have come that have not been read yet.
        if self.linger.is_some() && self.transport.is_readable() {
            self.drop_bytes(context);
        }
        let Some(linger) = &self.linger else { return };
        let (end, now) = ((linger.last_bytes + LINGER_SILENCE).min(linger.since + LINGER_TOTAL), Instant::now());
        if now >= end {
            self.linger = None;
            self.machine.peer_ended();
        } else {
            context.timers.set(id, DeadlineKind::Linger, now, end - now);
        }
    }

    // --- calls from above ---

    /// halfclose().
    pub fn half_close(&mut self, id: Id, context: &mut Context) {
        self.machine.half_close();
        self.mark_dirty(id, context);
    }

    /// halfclose() by a stream. The stream gets an event once the system has taken the last byte.
    pub fn finish(&mut self, id: Id, context: &mut Context) {
        self.half_close(id, context);
        self.machine.request_finish();
        self.schedule(id, context);
    }

    /// Sets what a stream does with this socket's bytes from now on (R-streams).
    pub fn take_in(&mut self, intake: Intake, id: Id, context: &mut Context) {
        self.machine.set_intake(intake);
        if intake == Intake::Dropped {
            self.drop_held(context);
        }
        self.schedule(id, context);
    }

    /// close().
    pub fn close(&mut self, id: Id, context: &mut Context) {
        let address = self.remote.clone();
        self.end_relay(RelaySignal::Closed, context);
        self.transport.recall();
        self.machine.close(|| SocketError::Abandoned { address });
        if self.machine.ledger.buffered() == 0 && !self.machine.is_link_gone() {
            self.transport.give_up_handshake();
        }
        self.drop_held(context);
        self.start_linger(id, context);
        if self.machine.is_link_gone() {
            self.disconnect(false, id, context);
        }
        self.mark_dirty(id, context);
        self.schedule(id, context);
    }

    /// reset().
    pub fn reset(&mut self, id: Id, context: &mut Context) {
        let address = self.remote.clone();
        self.end_relay(RelaySignal::Reset, context);
        self.machine.reset(|| SocketError::Abandoned { address });
        self.disconnect(true, id, context);
        self.schedule(id, context);
    }

    /// The socket's signal was aborted. This works like reset(), and an `error` event reports it (R-abort).
    pub fn abort(&mut self, id: Id, context: &mut Context) {
        let address = self.remote.clone();
        self.end_relay(RelaySignal::Reset, context);
        self.machine.abort(|| SocketError::Aborted { address });
        self.disconnect(true, id, context);
        self.schedule(id, context);
    }

    /// Makes the next turn step this socket.
    pub fn schedule(&mut self, id: Id, context: &mut Context) {
        if !std::mem::replace(&mut self.scheduled, true) {
            context.ready.push(id);
        }
    }

    /// This socket's part in the turn is over. From now on it can be scheduled for the next turn.
    pub fn unschedule(&mut self) {
        self.scheduled = false;
        self.receiving.begin_turn();
    }

    fn mark_dirty(&mut self, id: Id, context: &mut Context) {
        if !std::mem::replace(&mut self.dirty, true) {
            context.dirty.push(id);
        }
    }

    // --- outputs ---

    /// Returns the next thing that is due: an event, or the result of one read.
    pub fn step(&mut self, id: Id, context: &mut Context) -> Step {
        if let Some(kind) = self.last_event.take() {
            return Step::LastEvent(*kind);
        }
        loop {
            self.look_at_tls(id, context);
            if self.machine.is_connecting() {
                self.look_at_attempt(id, context);
            } else {
                self.look_for_end();
            }
            if std::mem::take(&mut self.secured_due) && !self.machine.is_link_gone() {
                return Step::Event(EventKind::Secured);
            }
            if !self.machine.is_link_gone()
                && let Some(event) = self.pose_question()
            {
                return Step::Event(event);
            }
            if !self.machine.is_link_gone()
                && let Some(place) = self.transport.next_tls_move()
            {
                return Step::Event(EventKind::TlsMoved(place));
            }
            let unread = self.has_unread();
            if let Some(event) = self.machine.next(unread) {
                return self.emit(event, id, context);
            }
            self.pass_end_on(context);
            let may_end = self.machine.wants_fin() && self.queue.is_empty() && self.machine.ledger.is_settled();
            if may_end && self.end_output(id, context) == Finish::Sent {
                continue;
            }
            if !self.dirty {
                self.limit_flush(id, context);
            }
            if self.blob_request.emit() {
                return Step::Event(EventKind::Blob);
            }
            if self.may_read() {
                if self.take_frame_fault(id, context) {
                    continue;
                }
                if let Some(step) = self.next_held(context) {
                    return step;
                }
            }
            if self.may_read() && self.transport.is_readable() {
                if self.reads_directly() {
                    return self.offer(context);
                }
                match (self.read(context), self.relayed_to()) {
                    (Reading::Message(payload, length), other) => {
                        self.receiving.delivered += length as u64;
                        return match other {
                            Some(other) => Step::Relayed(payload, other),
                            None => Step::Read(EventKind::Message(payload)),
                        };
                    }
                    (Reading::Changed, _) => continue,
                    (Reading::NeedsBlocks(count), _) => return Step::NeedsBlocks(count),
                    (Reading::Nothing, _) if self.has_tls_news() => continue,
                    (Reading::Nothing, _) => {}
                }
            } else if self.machine.drops_data() && self.transport.is_readable() && self.drop_bytes(context) {
                continue;
            }
            return Step::Idle;
        }
    }

    /// Whether bytes may wait that this socket would read now.
    pub fn has_more(&self) -> bool {
        (self.transport.is_readable() || self.receiving.has_held()) && self.is_reading() || self.has_tls_news()
    }

    /// Starts the wait for the peer's end, once our FIN is sent and close() was called, in either order.
    fn start_linger(&mut self, id: Id, context: &mut Context) {
        if self.linger.is_none() && self.machine.lingers() {
            let now = Instant::now();
            self.linger = Some(Box::new(Linger { since: now, last_bytes: now }));
            context.timers.set(id, DeadlineKind::Linger, now, LINGER_SILENCE);
        }
    }

    /// Returns the step that emits an event from the machine.
    fn emit(&mut self, event: Event<SocketError>, id: Id, context: &mut Context) -> Step {
        if self.machine.is_link_gone() {
            self.disconnect(false, id, context);
        }
        let last = self.machine.is_over();
        if matches!(event, Event::Error(_)) {
            self.end_relay(RelaySignal::Lost, context);
        }
        let kind = match event {
            Event::Open => {
                context.timers.clear(id, DeadlineKind::Connect);
                self.start_idle_limit(id, context);
                self.opened()
            }
            Event::HalfClose => EventKind::HalfClose,
            Event::Ended => EventKind::Ended,
            Event::Drain => EventKind::Drain,
            Event::Error(error) => EventKind::Error(error),
            Event::Finish => EventKind::Finish,
            Event::Close => EventKind::Close(self.machine.ledger.buffered_amount(), self.figures()),
        };
        if !last {
            return Step::Event(kind);
        }
        match self.take_relayed_bytes() {
            Some(bytes) => {
                self.last_event = Some(Box::new(kind));
                Step::Event(EventKind::Relayed(bytes))
            }
            None => Step::LastEvent(kind),
        }
    }

    /// The event of an established connection.
    fn opened(&mut self) -> EventKind {
        match &self.local {
            Endpoint::Inet(local) => EventKind::Open(*local),
            Endpoint::Unix(_) => EventKind::UnixOpen(self.unix.take().and_then(|unix| unix.credentials)),
        }
    }

    /// Drops the connection, with RST if `reset` is true. Also drops bytes that were not sent.
    fn disconnect(&mut self, reset: bool, id: Id, context: &mut Context) {
        if let (Some(passed), Some(relay)) = (self.transport.disconnect(reset), &mut self.relay) {
            relay.passed = passed;
        }
        self.queue.clear(&mut context.pool);
        self.drop_held(context);
        self.linger = None;
        self.flush_limit = None;
        self.idle_limit = None;
        self.unix = None;
        self.question = None;
        context.timers.clear_all(id);
        self.permit = None;
    }

    /// The process ends: bytes that a TLS driver on this thread could not write go to a task.
    pub fn write_in_task(&mut self) {
        self.transport.write_in_task();
    }

    /// Whether the TLS driver still has bytes to write.
    pub fn is_writing(&self) -> bool {
        self.transport.is_writing()
    }

    /// The environment ends: the bytes that wait are written once, as far as possible (R-end-of-life).
    pub fn abandon(&mut self, id: Id, context: &mut Context) {
        if self.queue.is_ready() {
            self.write(&[], usize::MAX, id, context);
        }
        self.transport.flush_on_exit();
    }
}

fn ledger(options: &StreamOptions) -> Ledger {
    Ledger::new(options.high_water_mark, options.max_buffered_amount)
}
