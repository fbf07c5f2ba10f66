mod flush_limit;
mod receive;
mod relay;
mod secure;
mod send;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::Interest;
use mio::net::TcpStream;
use socket2::SockRef;

use self::flush_limit::FlushLimit;
use self::receive::Reading;
pub use self::relay::Note;
use self::relay::Relay;
use self::secure::Secure;
pub use self::send::Unkept;
use super::blocks::Filled;
use super::context::Context;
use super::event::EventKind;
use super::options::{StreamOptions, TcpOptions};
use super::seats::Seat;
use super::send_queue::SendQueue;
use super::syscall::Syscall;
use super::tcp_open::{self, Attempt};
use super::timers::{Deadline, Timers};
use super::tls::{Limit, client_role};
use super::turn::Step;
use super::{Id, SocketError, endpoint};
use crate::proto::{Event, Intake, Ledger, Machine};

/// R-tcp-close: how long a peer may stay silent, and how long it may go on sending, after our FIN.
const LINGER_SILENCE: Duration = Duration::from_secs(2);
const LINGER_TOTAL: Duration = Duration::from_secs(30);

/// One TCP connection. Plain, it has a stream; with TLS, once that has begun, a session in its stead (`secure`).
pub struct TcpSocket {
    pub machine: Machine<SocketError>,
    stream: Option<TcpStream>,
    queue: SendQueue,
    pub remote: SocketAddr,
    pub local: SocketAddr,
    /// In `Context::ready`.
    pub scheduled: bool,
    /// In `Context::dirty`.
    dirty: bool,
    /// The system may have bytes for us.
    readable: bool,
    /// The system may take bytes from us.
    writable: bool,
    /// Registered for writability too (only once a write did not fit: an accepted socket is spared one event).
    watches_writes: bool,
    /// The poll set told of the peer's end (it may lie behind unread bytes).
    end_hint: bool,
    /// The poll set told of an error.
    error_hint: bool,
    /// The last read was a large one.
    bulk: bool,
    /// What one large read gave beyond the message at hand (R-listen: 256 KiB at most).
    held: VecDeque<Filled>,
    /// Blocks told of in this turn.
    filled: usize,
    /// A Blob's next piece is to be asked for.
    blob_due: bool,
    /// A Blob's next piece has been asked for.
    blob_asked: bool,
    linger: Option<Linger>,
    /// Lost at our own end, while the connection itself is sound: what the peer sends on does not hold the loss up.
    is_cut: bool,
    /// closeTimeout in milliseconds; 0: no limit.
    close_timeout: u32,
    /// Its deadline, while a closing socket has bytes left to send.
    flush_limit: Option<Box<FlushLimit>>,
    /// Counts it among its server's connections until it is "closed".
    seat: Option<Seat>,
    /// relay() was called with it.
    relay: Option<Box<Relay>>,
    /// The last event, where another comes before it.
    last_event: Option<EventKind>,
    /// A server accepted it.
    is_accepted: bool,
    /// connectTimeout: until it is connected.
    limit: Option<Limit>,
    /// Of `limit`, and of `linger`.
    limit_deadline: Deadline,
    linger_deadline: Deadline,
    /// connectTimeout is 0: none, for TLS neither.
    is_patient: bool,
    secure: Option<Box<Secure>>,
}

struct Linger {
    since: Instant,
    heard: Instant,
}

impl TcpSocket {
    /// Starts a connection attempt (R-tcp-create). What concerns the remote end becomes an event, also at once.
    pub fn connect(options: &TcpOptions, id: Id, context: &mut Context) -> Result<Self, SocketError> {
        let remote = endpoint::parse("remoteAddress", &options.remote_address, options.remote_port)?;
        let role = match &options.secure {
            Some(secure) => Some(client_role(secure, &remote.ip().to_string())?),
            None => None,
        };
        let attempt = tcp_open::start(options, remote)?;
        let machine = Machine::connecting(ledger(&options.stream), options.stream.allow_half_open);
        let mut socket = Self::new(machine, None, remote, endpoint::wildcard(&remote, 0), &options.stream);
        if let Some(role) = role {
            socket.secure_when_connected(role);
        }
        let mut stream = match attempt {
            Attempt::Started(stream) => stream,
            Attempt::Failed(error) => {
                socket.machine.lost(error);
                socket.schedule(id, context);
                return Ok(socket);
            }
        };
        context
            .registry
            .register(&mut stream, id.token(), Interest::READABLE | Interest::WRITABLE)
            .map_err(|error| SocketError::system_at(Syscall::Watch, remote, error))?;
        socket.watches_writes = true;
        if let Ok(local) = stream.local_addr() {
            socket.local = endpoint::canonical(local);
        }
        socket.stream = Some(stream);
        socket.limit_attempt(options.connect_timeout, id, context);
        Ok(socket)
    }

    /// A connection that a server accepted (R-srv-connect).
    pub fn accepted(
        mut stream: TcpStream,
        remote: SocketAddr,
        local: SocketAddr,
        options: &StreamOptions,
        seat: Seat,
        id: Id,
        context: &Context,
    ) -> io::Result<Self> {
        context.registry.register(&mut stream, id.token(), Interest::READABLE)?;
        let machine = Machine::accepted(ledger(options), options.allow_half_open);
        let mut socket = Self::new(machine, Some(stream), remote, local, options);
        socket.writable = true;
        socket.is_accepted = true;
        socket.seat = Some(seat);
        Ok(socket)
    }

    /// connectTimeout (R-range: 0 is none).
    fn limit_attempt(&mut self, milliseconds: Option<u32>, id: Id, context: &mut Context) {
        self.is_patient = milliseconds == Some(0);
        if let Some(milliseconds) = milliseconds.filter(|&milliseconds| milliseconds > 0) {
            let (now, after) = (Instant::now(), Duration::from_millis(milliseconds.into()));
            self.limit = Some(Limit { at: now + after, milliseconds: milliseconds.into(), is_connect: true });
            self.limit_deadline.set(&mut context.timers, now, after, id);
        }
    }

    fn new(
        machine: Machine<SocketError>,
        stream: Option<TcpStream>,
        remote: SocketAddr,
        local: SocketAddr,
        options: &StreamOptions,
    ) -> Self {
        Self {
            machine,
            stream,
            queue: SendQueue::default(),
            remote,
            local,
            scheduled: false,
            dirty: false,
            readable: false,
            writable: false,
            watches_writes: false,
            end_hint: false,
            error_hint: false,
            bulk: false,
            held: VecDeque::new(),
            filled: 0,
            blob_due: false,
            blob_asked: false,
            linger: None,
            is_cut: false,
            close_timeout: options.close_timeout,
            flush_limit: None,
            seat: None,
            relay: None,
            last_event: None,
            is_accepted: false,
            limit: None,
            limit_deadline: Deadline::default(),
            linger_deadline: Deadline::default(),
            is_patient: false,
            secure: None,
        }
    }

    // --- reports from below ---

    /// What the poll set says.
    pub fn on_ready(&mut self, event: &mio::event::Event, id: Id, context: &mut Context) {
        self.readable |= event.is_readable() || event.is_read_closed();
        if event.is_writable() {
            self.writable = true;
            if self.queue.is_ready() {
                self.mark_dirty(id, context);
            }
        }
        self.end_hint |= event.is_read_closed();
        self.error_hint |= event.is_error();
    }

    /// A deadline has come: connectTimeout's, closeTimeout's, or the linger's.
    pub fn on_deadline(&mut self, id: Id, context: &mut Context) {
        if let Some(limit) = self.limit
            && (self.machine.is_connecting() || self.is_upgrading())
        {
            let now = Instant::now();
            if now < limit.at {
                self.limit_deadline.set(&mut context.timers, now, limit.at - now, id);
            } else {
                self.limit = None;
                self.machine.lost(limit.passed(self.remote));
            }
        }
        self.look_at_flush(context);
        // A thread that was busy has not yet seen what came meanwhile.
        if self.linger.is_some() && self.readable {
            self.drop_bytes(context);
        }
        let Some(linger) = &self.linger else { return };
        let (end, now) = ((linger.heard + LINGER_SILENCE).min(linger.since + LINGER_TOTAL), Instant::now());
        if now >= end {
            self.linger = None;
            self.machine.peer_ended();
        } else {
            self.linger_deadline.set(&mut context.timers, now, end - now, id);
        }
    }

    /// It goes, or its connection has.
    pub fn clear_deadlines(&mut self, timers: &mut Timers) {
        self.limit_deadline.clear(timers);
        self.linger_deadline.clear(timers);
        self.end_flush_limit(timers);
    }

    // --- calls from above ---

    /// halfclose().
    pub fn half_close(&mut self, id: Id, context: &mut Context) {
        self.machine.half_close();
        self.mark_dirty(id, context);
    }

    /// halfclose() by a stream, which is to hear when the last byte is the system's.
    pub fn finish(&mut self, id: Id, context: &mut Context) {
        self.half_close(id, context);
        self.machine.tell_finish();
        self.schedule(id, context);
    }

    /// What the stream that takes the bytes does with them from now on (R-streams).
    pub fn take_in(&mut self, intake: Intake, id: Id, context: &mut Context) {
        self.machine.take_in(intake);
        if intake == Intake::Dropped {
            self.drop_held(context);
        }
        self.schedule(id, context);
    }

    /// close().
    pub fn close(&mut self, id: Id, context: &mut Context) {
        let address = self.remote;
        self.end_relay(Note::Closed, context);
        self.call_back(Note::Closed);
        self.machine.close(|| SocketError::Abandoned { address });
        self.give_up_handshake();
        self.drop_held(context);
        self.start_linger(id, context);
        if self.machine.is_link_gone() {
            self.drop_stream(false, context);
        }
        self.mark_dirty(id, context);
        self.schedule(id, context);
    }

    /// reset().
    pub fn reset(&mut self, id: Id, context: &mut Context) {
        let address = self.remote;
        self.end_relay(Note::Reset, context);
        self.call_back(Note::Reset);
        self.machine.reset(|| SocketError::Abandoned { address });
        self.drop_stream(true, context);
        self.schedule(id, context);
    }

    /// Its signal was aborted: reset(), told as an error (R-abort).
    pub fn abort(&mut self, id: Id, context: &mut Context) {
        let address = self.remote;
        self.end_relay(Note::Reset, context);
        self.call_back(Note::Reset);
        self.machine.abort(|| SocketError::Aborted { address });
        self.drop_stream(true, context);
        self.schedule(id, context);
    }

    /// To be stepped in the next turn.
    pub fn schedule(&mut self, id: Id, context: &mut Context) {
        if !std::mem::replace(&mut self.scheduled, true) {
            context.ready.push(id);
        }
    }

    /// Its turn is over: from now on it can be scheduled for the next.
    pub fn unschedule(&mut self) {
        self.scheduled = false;
        self.filled = 0;
    }

    fn mark_dirty(&mut self, id: Id, context: &mut Context) {
        if !std::mem::replace(&mut self.dirty, true) {
            context.dirty.push(id);
        }
    }

    // --- outputs ---

    /// The next thing that is due: an event, or one read.
    pub fn step(&mut self, id: Id, context: &mut Context) -> Step {
        if let Some(kind) = self.last_event.take() {
            return Step::Event(kind, true);
        }
        self.hear_task(id, context);
        loop {
            if self.machine.is_connecting() {
                self.notice_connection(id, context);
            } else {
                self.notice_end();
            }
            if self.take_secured() {
                return Step::Event(EventKind::Secured, false);
            }
            let unread = self.has_unread();
            if let Some(event) = self.machine.next(unread) {
                return self.tell(event, context);
            }
            self.pass_end_on(context);
            let may_end = self.machine.wants_fin() && self.queue.is_empty() && self.machine.ledger.is_settled();
            if may_end && !self.is_finishing() && !self.is_lent() {
                self.end_output(id, context);
                continue;
            }
            if !self.dirty {
                self.limit_flush(id, context);
            }
            if std::mem::take(&mut self.blob_due) {
                return Step::Event(EventKind::Blob, false);
            }
            if self.is_upgrading() {
                return Step::Idle;
            }
            if self.may_read()
                && let Some(step) = self.tell_held(context)
            {
                return step;
            }
            if self.may_read() && self.readable {
                match (self.read(context), self.relayed_to()) {
                    (Reading::Message(place), Some(other)) => return Step::Relayed(place, other),
                    (Reading::Message(place), None) => return Step::Read(EventKind::Message(place)),
                    (Reading::Changed, _) => continue,
                    (Reading::NeedsBlocks(count), _) => return Step::NeedsBlocks(count),
                    (Reading::Nothing, _) => {}
                }
            } else if self.machine.drops_data() && self.readable && self.drop_bytes(context) {
                continue;
            }
            return Step::Idle;
        }
    }

    /// Whether bytes may wait for this socket that it would take now.
    pub fn has_more(&self) -> bool {
        (self.readable || !self.held.is_empty())
            && (self.may_read() || self.machine.drops_data())
            && !self.is_upgrading()
    }

    /// Once our FIN is sent and close() was called, whichever came first.
    fn start_linger(&mut self, id: Id, context: &mut Context) {
        if self.linger.is_none() && self.machine.lingers() {
            let now = Instant::now();
            self.linger = Some(Linger { since: now, heard: now });
            self.linger_deadline.set(&mut context.timers, now, LINGER_SILENCE, id);
        }
    }

    fn tell(&mut self, event: Event<SocketError>, context: &mut Context) -> Step {
        if self.machine.is_link_gone() {
            self.drop_stream(false, context);
        }
        let last = self.machine.is_over();
        if matches!(event, Event::Error(_)) {
            self.end_relay(Note::Lost, context);
        }
        let kind = match event {
            Event::Open => {
                self.limit_deadline.clear(&mut context.timers);
                EventKind::Open(self.local)
            }
            Event::HalfClose => EventKind::HalfClose,
            Event::Ended => EventKind::Ended,
            Event::Drain => EventKind::Drain,
            Event::Error(error) => EventKind::Error(error),
            Event::Finish => EventKind::Finish,
            Event::Close => EventKind::Close(self.machine.ledger.buffered_amount()),
        };
        if last && let Some(bytes) = self.relayed() {
            self.last_event = Some(kind);
            return Step::Event(EventKind::Relayed(bytes), false);
        }
        Step::Event(kind, last)
    }

    /// RST, whenever the connection is let go: the peer must not take what it got for the whole.
    fn reset_at_end(&self) {
        // Failing that, the peer sees FIN: the connection ends all the same.
        if let Some(stream) = &self.stream {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
        self.spoil_session();
    }

    /// Lets go of the connection, with RST if `reset`. What was not sent is dropped.
    fn drop_stream(&mut self, reset: bool, context: &mut Context) {
        if let Some(stream) = self.stream.take()
            && reset
        {
            // Failing that, the peer sees FIN: the connection ends all the same.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
        self.drop_session(reset, context);
        self.queue.clear(&mut context.pool);
        self.drop_held(context);
        self.linger = None;
        self.clear_deadlines(&mut context.timers);
        self.seat = None;
    }

    /// The environment ends: what waits gets one chance to leave (R-end-of-life).
    pub fn abandon(&mut self, id: Id, context: &mut Context) {
        if self.queue.is_ready() {
            self.write(&[], usize::MAX, id, context);
        }
        self.say_farewell();
    }
}

fn ledger(options: &StreamOptions) -> Ledger {
    Ledger::new(options.high_water_mark, options.max_buffered_amount)
}

fn is_transient(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}
