//! TLS on a stream socket: a client whose handshake a server has done, startTls(), and the reports of the TLS driver.

use std::time::Instant;

use super::StreamSocket;
use crate::net::accepted::Accepted;
use crate::net::context::Context;
use crate::net::deadline::{DeadlineKind, TimeLimit};
use crate::net::event::EventKind;
use crate::net::options::StreamOptions;
use crate::net::send_queue::SendQueue;
use crate::net::tls::{
    AcceptedTls, Answer, Chosen, DrivenIn, Fault, GivenCertificate, Info, Role, TlsError, new_question,
};
use crate::net::transport::Transport;
use crate::net::{Id, SocketError};
use crate::proto::ReadyState;

/// The question of a handshake for the certificate of a name.
pub(super) struct TlsQuestion {
    /// Its number.
    number: u32,
    /// The name, until JavaScript gets the question.
    name: Option<String>,
}

/// A byte that no TLS record begins with. It makes a handshake fail.
const NO_RECORD: u8 = 0;

impl StreamSocket {
    /// Makes a socket for a connection whose handshake a server has done (R-srv-connect).
    pub fn accepted_tls(accepted: AcceptedTls, options: &StreamOptions, id: Id, context: &mut Context) -> Self {
        let AcceptedTls { connection: Accepted { stream: session, remote, local, permit, .. }, info, fault } = accepted;
        session.assign(id);
        let mut socket = Self::of_server(Transport::accepted_tls(session), remote, local, permit, options);
        socket.tls_info = Some(info);
        socket.start_idle_limit(id, context);
        if let Some(fault) = fault {
            socket.on_fault(fault, context);
        }
        socket.on_news(id, context);
        socket
    }

    /// startTls(). Bytes that were sent before are sent in the clear. Bytes that were received and not delivered belong to the handshake
    /// (R-tls-start). `early`: a stream holds received bytes that nobody has read, so the handshake cannot get them.
    pub fn start_tls(
        &mut self,
        role: Role,
        limit: Option<TimeLimit>,
        early: bool,
        id: Id,
        context: &mut Context,
    ) -> Result<(), SocketError> {
        if self.machine.state() == ReadyState::Open && self.machine.is_faulty() {
            // JavaScript does not know of the loss yet, so for the program the socket is open. The event of the loss follows, and rejects the
            // promise. What was received before belongs to the handshake, which does not begin any more.
            self.take_held(&mut Vec::new(), context);
            self.is_cut = true;
            self.schedule(id, context);
            return Ok(());
        }
        if self.machine.state() != ReadyState::Open || !self.transport.can_start_tls() {
            return Err(SocketError::Closed { member: "startTls" });
        }
        let mut received = self.room_for_held()?;
        if early {
            // The handshake is to fail, and this byte makes it fail. The memory was reserved without it, but one byte always finds memory.
            received.push(NO_RECORD);
        }
        self.take_held(&mut received, context);
        self.transport.start_tls(role, received, limit);
        if let Some(limit) = limit {
            let now = Instant::now();
            context.timers.set(id, DeadlineKind::Handshake, now, limit.at.saturating_duration_since(now));
        }
        self.begin_tls_when_flushed(id, context);
        self.mark_dirty(id, context);
        self.schedule(id, context);
        Ok(())
    }

    /// The limit of the handshake has passed. If the handshake has not begun, because bytes in the clear are still to be sent, the
    /// connection is lost. If it has begun, the TLS driver enforces the limit.
    pub fn on_handshake_timeout(&mut self) {
        if let Some(limit) = self.transport.tls_limit() {
            self.machine.lost(limit.error(self.remote.clone()));
        }
    }

    /// Whether a server accepted this socket. If so, startTls() makes it the server side of TLS.
    pub fn is_accepted(&self) -> bool {
        self.is_accepted
    }

    /// Takes the outcome of the TLS handshake.
    pub fn take_tls_info(&mut self) -> Option<Box<Info>> {
        self.tls_info.take()
    }

    /// From now on an event reports each move of the TLS driver. Returns where the driver is. `None`: there is no TLS connection.
    pub fn watch_tls_place(&mut self) -> Option<DrivenIn> {
        self.transport.watch_tls_moves()
    }

    /// The event that asks JavaScript for a certificate, if that is due.
    pub(super) fn pose_question(&mut self) -> Option<EventKind> {
        let question = self.question.as_mut()?;
        let name = question.name.take()?;
        Some(EventKind::Certificate(name, question.number))
    }

    /// `certificateFor` has answered the question. `None`: the handshake uses the options' own certificate. It is an error if the certificate
    /// cannot be used. Then the question stays open.
    pub fn answer(&mut self, number: u32, given: Option<&GivenCertificate>) -> Result<(), SocketError> {
        if self.question.as_ref().is_none_or(|question| question.number != number) {
            return Ok(());
        }
        let chosen = given.map(|given| given.certified().map(Chosen::Certificate)).transpose()?;
        self.question = None;
        self.transport.answer(Answer::Chosen(chosen));
        Ok(())
    }

    /// `certificateFor` has failed to answer the question, for this `reason`. Returns how many handshakes wait for the answer: 1, or 0 if the
    /// question is not open any more.
    pub fn refuse(&mut self, number: u32, reason: &str) -> u32 {
        if self.question.take_if(|question| question.number == number).is_none() {
            return 0;
        }
        self.transport.answer(Answer::Chosen(Some(Chosen::Refused(TlsError::no_answer(number, reason)))));
        1
    }

    /// The queue for the bytes of send().
    pub(super) fn sending(&mut self) -> &mut SendQueue {
        self.transport.queue_behind_tls().unwrap_or(&mut self.queue)
    }

    /// Begins TLS after startTls(), once all bytes that are sent in the clear have been written.
    pub(super) fn begin_tls_when_flushed(&mut self, id: Id, context: &mut Context) {
        if self.queue.is_empty() && self.machine.can_write() {
            self.begin_tls(id, context);
        }
    }

    /// Begins TLS, if it is to follow. Returns whether it is to follow.
    pub(super) fn begin_tls(&mut self, id: Id, context: &mut Context) -> bool {
        let Some(begun) = self.transport.begin_tls(self.remote.clone(), id, context) else { return false };
        match begun {
            Ok(queue) if !queue.is_empty() => self.queue = queue,
            Ok(_) => {}
            Err(error) => self.machine.lost(error),
        }
        true
    }

    /// The TLS driver or the relay's task has reported something.
    pub fn on_news(&mut self, id: Id, context: &mut Context) {
        self.on_tls_news(id, context);
        self.on_relay_news(id, context);
        self.schedule(id, context);
    }

    /// Whether the TLS driver is on this thread, and has something to report or to do.
    pub(super) fn has_tls_news(&self) -> bool {
        self.transport.has_tls_news(self.is_reading())
    }

    /// Takes the report of the TLS driver, if it is on this thread and has something to report or to do.
    pub(super) fn look_at_tls(&mut self, id: Id, context: &mut Context) {
        if self.has_tls_news() {
            self.on_tls_news(id, context);
        }
    }

    /// Whether this socket reads, or drops what comes.
    pub(super) fn is_reading(&self) -> bool {
        self.may_read() || self.machine.drops_data()
    }

    fn on_tls_news(&mut self, id: Id, context: &mut Context) {
        let Some(news) = self.transport.tls_news(self.is_reading(), id, context) else { return };
        self.machine.ledger.wrote(news.written.bytes, news.written.of_blobs);
        // This code runs in a task of the event loop of its own, so JavaScript has not read bufferedAmount in it (R-tcp-send).
        if !self.machine.is_link_gone() {
            self.machine.ledger.settle();
        }
        if let Some(handshake) = news.handshake {
            self.tls_info = Some(handshake.info);
            self.secured_due = handshake.is_upgrade;
            context.timers.clear(id, DeadlineKind::Handshake);
            self.machine.connected();
        }
        if let Some(name) = news.question {
            self.question = Some(Box::new(TlsQuestion { number: new_question(), name: Some(name) }));
        }
        if news.fin_sent {
            self.on_fin_sent(id, context);
        }
        if let Some(fault) = news.fault {
            self.on_fault(fault, context);
        }
        if self.queue.is_ready() && self.transport.is_writable() {
            self.mark_dirty(id, context);
        }
        self.offer_room(context);
    }

    fn on_fault(&mut self, fault: Fault, context: &mut Context) {
        match fault {
            // R-tls-end: the connection is closing, so no data is missed.
            Fault::Truncated(_) if self.machine.state() == ReadyState::Closing => self.machine.peer_ended(),
            Fault::Truncated(error) | Fault::Lost(error) => {
                self.machine.lost(error);
                self.queue.clear(&mut context.pool);
            }
        }
    }
}
