//! TLS on a stream socket: a client whose handshake a server has done, startTls(), and the reports of the TLS driver.

use std::time::Instant;

use super::StreamSocket;
use crate::net::accepted::Accepted;
use crate::net::context::Context;
use crate::net::deadline::{DeadlineKind, TimeLimit};
use crate::net::options::StreamOptions;
use crate::net::send_queue::SendQueue;
use crate::net::tls::{AcceptedTls, Fault, Info, Role};
use crate::net::transport::Transport;
use crate::net::{Id, SocketError};
use crate::proto::ReadyState;

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
        if self.machine.state() != ReadyState::Open || self.machine.is_faulty() || !self.transport.can_start_tls() {
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

    fn on_tls_news(&mut self, id: Id, context: &mut Context) {
        let Some(news) = self.transport.tls_news(context) else { return };
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
