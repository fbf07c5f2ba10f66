//! TLS below a TCP socket: when it begins, and the socket's reads and writes once a session stands in the stream's place.

use std::time::{Duration, Instant};

use super::TcpSocket;
use crate::net::context::Context;
use crate::net::options::StreamOptions;
use crate::net::send_queue::SendQueue;
use crate::net::tls::{self, Arrival, Info, Limit, Role, Session};
use crate::net::{Id, SocketError};
use crate::proto::{Machine, ReadyState};

/// How long a handshake may take where nobody set connectTimeout: about what the system gives a connection attempt.
const PATIENCE: Duration = Duration::from_secs(120);

/// What no TLS record begins with.
const NO_RECORD: u8 = 0;

/// What a socket with TLS has beside.
pub(super) struct Secure {
    /// TLS is still to begin.
    role: Option<Role>,
    /// By startTls(): `open` has been told long ago.
    upgrade: bool,
    pub(super) session: Option<Session>,
    /// What was received and not delivered when startTls() was called: the handshake's.
    received: Vec<u8>,
    /// What was sent since startTls(): it waits for the handshake.
    later: SendQueue,
    /// What there is to tell of the handshake, until it is asked for.
    info: Option<Box<Info>>,
    /// The handshake is done.
    is_established: bool,
    /// startTls() is to be told that it is done.
    secured_due: bool,
    /// The session has been asked for close_notify and FIN; they are on their way.
    finishing: bool,
    finished: bool,
}

impl Secure {
    fn new(role: Option<Role>, upgrade: bool, session: Option<Session>) -> Box<Self> {
        Box::new(Self {
            role,
            upgrade,
            session,
            received: Vec::new(),
            later: SendQueue::default(),
            info: None,
            is_established: false,
            secured_due: false,
            finishing: false,
            finished: false,
        })
    }
}

impl TcpSocket {
    /// TLS follows the connection attempt.
    pub(super) fn secure_when_connected(&mut self, role: Role) {
        self.secure = Some(Secure::new(Some(role), false, None));
    }

    /// A connection whose handshake a server has made (R-srv-connect).
    pub fn arrived(arrival: Arrival, options: &StreamOptions, id: Id, context: &mut Context) -> Self {
        let Arrival { session, info, remote, local, seat, fault } = arrival;
        let machine = Machine::accepted(super::ledger(options), options.allow_half_open);
        let mut socket = Self::new(machine, None, remote, local, options);
        socket.is_accepted = true;
        socket.writable = true;
        socket.seat = Some(seat);
        session.assign(id);
        let mut secure = Secure::new(None, false, Some(session));
        secure.info = Some(info);
        secure.is_established = true;
        socket.secure = Some(secure);
        if let Some((error, truncated)) = fault {
            socket.session_lost(error, truncated, context);
        }
        socket.on_news(id, context);
        socket
    }

    /// startTls(): what was sent leaves in the clear first, what was received belongs to the handshake (R-tls-start).
    /// `early`: some of that is out of reach, in a stream that nobody has read; it was no TLS.
    pub fn start_tls(
        &mut self,
        role: Role,
        limit: Option<Limit>,
        early: bool,
        id: Id,
        context: &mut Context,
    ) -> Result<(), SocketError> {
        if self.machine.state() != ReadyState::Open || self.secure.is_some() || self.machine.is_faulty() {
            return Err(SocketError::Closed { member: "startTls" });
        }
        let mut secure = Secure::new(Some(role), true, None);
        secure.received = self.room_for_held()?;
        if early {
            // More than the room is for, and a byte is to be had.
            secure.received.push(NO_RECORD);
        }
        for mut filled in self.held.drain(..) {
            secure.received.extend_from_slice(&filled.block.as_mut_slice()[..filled.len]);
            context.blocks.hand_back(filled);
        }
        self.secure = Some(secure);
        self.limit = limit;
        if let Some(limit) = limit {
            let now = Instant::now();
            self.limit_deadline.set(&mut context.timers, now, limit.at.saturating_duration_since(now), id);
        }
        self.begin_when_flushed(id, context);
        self.mark_dirty(id, context);
        self.schedule(id, context);
        Ok(())
    }

    /// Whether a server accepted it: then startTls() makes it TLS's server.
    pub fn is_accepted(&self) -> bool {
        self.is_accepted
    }

    /// Whether startTls() waits for what was sent before it: until then nothing is read.
    pub(super) fn is_upgrading(&self) -> bool {
        self.secure.as_ref().is_some_and(|secure| secure.upgrade && secure.role.is_some())
    }

    /// Where send() puts its bytes.
    pub(super) fn sending(&mut self) -> &mut SendQueue {
        match &mut self.secure {
            Some(secure) if secure.upgrade && secure.role.is_some() => &mut secure.later,
            _ => &mut self.queue,
        }
    }

    /// Everything that was to leave in the clear has left.
    pub(super) fn begin_when_flushed(&mut self, id: Id, context: &mut Context) {
        if self.is_upgrading() && self.queue.is_empty() && self.machine.can_write() {
            self.begin_tls(id, context);
        }
    }

    /// The TCP connection stands: TLS begins where it is asked for. Returns whether it does.
    pub(super) fn begin_tls(&mut self, id: Id, context: &mut Context) -> bool {
        let Some(secure) = &mut self.secure else { return false };
        let (Some(role), Some(mut stream)) = (secure.role.take(), self.stream.take()) else { return false };
        // The runtime watches it from now on. A set that does not know it is no loss.
        let _ = context.registry.deregister(&mut stream);
        let limit = self.limit.or_else(|| {
            Some(Limit { at: Instant::now() + PATIENCE, milliseconds: PATIENCE.as_millis(), is_connect: true })
                .filter(|_| !secure.upgrade && !self.is_patient)
        });
        let courier = match context.courier() {
            Ok(courier) => courier,
            Err(error) => {
                self.machine.lost(error);
                return true;
            }
        };
        let target = tls::Target::Socket(id, std::sync::Arc::clone(&courier));
        let received = std::mem::take(&mut secure.received);
        match tls::start(stream, &role, self.remote, received, limit, target, &courier) {
            Ok(session) => secure.session = Some(session),
            Err(error) => self.machine.lost(error),
        }
        if secure.upgrade {
            self.queue = std::mem::take(&mut secure.later);
        }
        self.readable = false;
        self.writable = false;
        self.end_hint = false;
        self.error_hint = false;
        true
    }

    /// Whether a handshake is under way: what was sent waits for the peer to do its part.
    pub(super) fn is_shaking_hands(&self) -> bool {
        self.secure.as_ref().is_some_and(|secure| secure.session.is_some() && !secure.is_established)
    }

    pub(super) fn session(&self) -> Option<&Session> {
        self.secure.as_ref().and_then(|secure| secure.session.as_ref())
    }

    /// What there is to tell of the handshake.
    pub fn take_secure_info(&mut self) -> Option<Box<Info>> {
        self.secure.as_mut().and_then(|secure| secure.info.take())
    }

    /// The task has news.
    pub fn on_news(&mut self, id: Id, context: &mut Context) {
        let Some(secure) = &mut self.secure else { return };
        let Some(session) = &secure.session else { return };
        let news = session.news(&mut context.pool);
        self.machine.ledger.wrote(news.written.0, news.written.1);
        // This is a task of its own, in which nothing has read bufferedAmount yet (R-tcp-send).
        if !self.machine.is_link_gone() {
            self.machine.ledger.settle();
        }
        if let Some(info) = news.info {
            secure.info = Some(info);
            secure.is_established = true;
            secure.secured_due = secure.upgrade;
            self.limit = None;
            self.limit_deadline.clear(&mut context.timers);
            self.writable = true;
            self.machine.connected();
        }
        self.writable |= news.has_room && !self.machine.is_connecting();
        self.readable = news.readable;
        if news.finished && !std::mem::replace(&mut secure.finished, true) {
            self.end_sent(id, context);
        }
        if let Some((error, truncated)) = news.fault {
            self.session_lost(error, truncated, context);
        }
        if self.queue.is_ready() && self.writable {
            self.mark_dirty(id, context);
        }
        self.offer_room(context);
        self.schedule(id, context);
    }

    fn session_lost(&mut self, error: SocketError, truncated: bool, context: &mut Context) {
        if truncated && self.machine.state() == ReadyState::Closing {
            // R-tls-end: nobody minds any more.
            self.machine.peer_ended();
        } else {
            self.machine.lost(error);
            self.queue.clear(&mut context.pool);
        }
    }

    /// startTls() is done: to be told before anything that came since.
    pub(super) fn take_secured(&mut self) -> bool {
        let due = self.secure.as_mut().is_some_and(|secure| std::mem::take(&mut secure.secured_due));
        due && !self.machine.is_link_gone()
    }

    /// The peer's end, with no byte before it, is noticed also where nobody reads (R-tcp-message).
    pub(super) fn notice_session_end(&mut self) {
        if self.readable
            && self.held.is_empty()
            && !self.machine.is_faulty()
            && self.machine.peer_may_send()
            && let Some(session) = self.session()
            && session.waiting() == (false, true)
        {
            self.machine.peer_ended();
        }
    }

    /// Whether bytes that came before a loss are still to come, or to be taken.
    pub(super) fn has_unread_in_session(&self) -> bool {
        self.machine.is_faulty() && self.session().is_some_and(|session| session.waiting() != (false, true))
    }

    /// After close(): what still comes is dropped. Returns whether the machine has been told something.
    pub(super) fn drop_session_bytes(&mut self, context: &mut Context) -> bool {
        let Some(session) = self.secure.as_mut().and_then(|secure| secure.session.as_mut()) else { return false };
        let (any, ended) = session.discard();
        session.tell_of_room(&mut context.kicks);
        self.readable = false;
        if any && let Some(linger) = &mut self.linger {
            linger.heard = Instant::now();
        }
        if ended {
            self.machine.peer_ended();
        }
        ended
    }

    /// Hands over what waits. Returns whether there is a session to hand it to.
    pub(super) fn write_session(&mut self, context: &mut Context) -> bool {
        let Some(secure) = &mut self.secure else { return false };
        let Some(session) = &secure.session else { return false };
        if self.writable && self.machine.can_write() && self.queue.is_ready() {
            self.writable = session.write(&mut self.queue, &mut context.kicks);
        }
        true
    }

    /// close_notify, then FIN. Returns whether there is a session that does it, and tells when it has.
    pub(super) fn finish_session(&mut self) -> bool {
        let Some(secure) = &mut self.secure else { return false };
        let Some(session) = &secure.session else { return false };
        if !std::mem::replace(&mut secure.finishing, true) {
            session.finish();
        }
        true
    }

    /// close(): a handshake that nothing waits for is not waited for.
    pub(super) fn give_up_handshake(&mut self) {
        if self.machine.ledger.buffered() > 0 || self.machine.is_link_gone() {
            return;
        }
        let Some(secure) = &mut self.secure else { return };
        if secure.upgrade && secure.role.is_some() {
            // It has not begun: this is still a plain connection.
            self.secure = None;
        } else if let Some(session) = &secure.session {
            session.give_up();
        }
    }

    /// Whether our end is on its way already, or has to wait for TLS to begin.
    pub(super) fn is_finishing(&self) -> bool {
        self.secure.as_ref().is_some_and(|secure| secure.finishing || secure.role.is_some())
    }

    /// A connection whose last bytes must not be taken for the whole.
    pub(super) fn spoil_session(&self) {
        if let Some(session) = self.session() {
            session.reset_at_end();
        }
    }

    /// Lets go of the session, with RST if `reset`.
    pub(super) fn drop_session(&mut self, reset: bool, context: &mut Context) {
        let Some(secure) = &mut self.secure else { return };
        secure.later.clear(&mut context.pool);
        secure.role = None;
        match secure.session.take() {
            Some(session) if reset => session.reset(),
            _ => {}
        }
    }

    /// The environment ends: what was sent is to leave all the same.
    pub(super) fn say_farewell(&mut self) {
        if let Some(session) = self.session() {
            session.farewell();
        }
    }

    /// What was handed over and has not left yet.
    pub fn is_session_busy(&self) -> bool {
        self.session().is_some_and(Session::is_busy)
    }
}
