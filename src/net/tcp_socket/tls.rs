//! TLS on a TCP socket: a client that a server accepted with it, startTls(), and what the transport's task reports.

use std::time::Instant;

use super::TcpSocket;
use crate::net::accepted::Accepted;
use crate::net::context::Context;
use crate::net::deadline::{DeadlineKind, TimeLimit};
use crate::net::options::StreamOptions;
use crate::net::send_queue::SendQueue;
use crate::net::tls::{AcceptedTls, Fault, Info, Role};
use crate::net::transport::Transport;
use crate::net::{Id, SocketError};
use crate::proto::ReadyState;

/// A byte that no TLS record begins with.
const NO_RECORD: u8 = 0;

impl TcpSocket {
    /// A connection whose handshake a server has done (R-srv-connect).
    pub fn accepted_tls(accepted: AcceptedTls, options: &StreamOptions, id: Id, context: &mut Context) -> Self {
        let AcceptedTls { connection: Accepted { stream: session, remote, local, permit }, info, fault } = accepted;
        session.assign(id);
        let mut socket = Self::of_server(Transport::accepted_tls(session), remote, local, permit, options);
        socket.tls_info = Some(info);
        if let Some(fault) = fault {
            socket.on_fault(fault, context);
        }
        socket.on_news(id, context);
        socket
    }

    /// startTls(): what was sent before leaves in the clear; what was received and not delivered is the handshake's (R-tls-start).
    /// `early`: some of that lies in a stream that nobody has read, and it was no TLS.
    pub fn start_tls(
        &mut self,
        role: Role,
        limit: Option<TimeLimit>,
        early: bool,
        id: Id,
        context: &mut Context,
    ) -> Result<(), SocketError> {
        if self.machine.state() != ReadyState::Open || self.machine.is_faulty() || !self.transport.can_start_tls() {
            return Err(SocketError::Closed { member: "startTls" });
        }
        let mut received = self.room_for_held()?;
        if early {
            // Any byte will do that no handshake begins with. It goes beyond the room, and one byte always finds memory.
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

    /// The handshake's limit has passed. Where it has not begun, because what was sent in the clear has not left, the connection is lost.
    /// Else its own task keeps the limit.
    pub fn on_handshake_timeout(&mut self) {
        if let Some(limit) = self.transport.tls_limit() {
            self.machine.lost(limit.error(self.remote));
        }
    }

    /// Whether a server accepted it: then startTls() makes it TLS's server.
    pub fn is_accepted(&self) -> bool {
        self.is_accepted
    }

    /// Takes the TLS handshake's outcome.
    pub fn take_tls_info(&mut self) -> Option<Box<Info>> {
        self.tls_info.take()
    }

    /// Where send() puts its bytes.
    pub(super) fn sending(&mut self) -> &mut SendQueue {
        self.transport.queue_behind_tls().unwrap_or(&mut self.queue)
    }

    /// startTls(): begins TLS once everything that was to leave in the clear has left.
    pub(super) fn begin_tls_when_flushed(&mut self, id: Id, context: &mut Context) {
        if self.queue.is_empty() && self.machine.can_write() {
            self.begin_tls(id, context);
        }
    }

    /// Begins TLS where that is to follow. Returns whether it is.
    pub(super) fn begin_tls(&mut self, id: Id, context: &mut Context) -> bool {
        let Some(begun) = self.transport.begin_tls(self.remote, id, context) else { return false };
        match begun {
            Ok(queue) if !queue.is_empty() => self.queue = queue,
            Ok(_) => {}
            Err(error) => self.machine.lost(error),
        }
        true
    }

    /// TLS's task, or a relay's, has news.
    pub fn on_news(&mut self, id: Id, context: &mut Context) {
        self.on_tls_news(id, context);
        self.on_relay_news(id, context);
        self.schedule(id, context);
    }

    fn on_tls_news(&mut self, id: Id, context: &mut Context) {
        let Some(news) = self.transport.tls_news(context) else { return };
        self.machine.ledger.wrote(news.written.bytes, news.written.of_blobs);
        // This is a task of the event loop's own, in which nothing has read bufferedAmount yet (R-tcp-send).
        if !self.machine.is_link_gone() {
            self.machine.ledger.settle();
        }
        if let Some(handshake) = news.handshake {
            self.tls_info = Some(handshake.info);
            self.secured_due = handshake.is_upgrade;
            context.timers.clear(id, DeadlineKind::Handshake);
            self.machine.connected();
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
            // R-tls-end: the connection is closing, so nothing is missed.
            Fault::Truncated(_) if self.machine.state() == ReadyState::Closing => self.machine.peer_ended(),
            Fault::Truncated(error) | Fault::Lost(error) => {
                self.machine.lost(error);
                self.queue.clear(&mut context.pool);
            }
        }
    }
}
