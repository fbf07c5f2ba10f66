//! The sending half of a stream socket: send(), when its bytes are written, and the FIN behind them.

use super::StreamSocket;
use crate::net::context::Context;
use crate::net::deadline::DeadlineKind;
use crate::net::memory::NoMemory;
use crate::net::send_queue::Reserved;
use crate::net::transport::Finish;
use crate::net::{Id, SocketError};
use crate::proto::{ReadyState, Sent};

/// If send() gets at least this many bytes, it gives them to the system at once, since copying them would cost more than the call.
const DIRECT_WRITE: usize = 16 * 1024;
/// If send() gets at least this many bytes, memory for all of them is reserved before the system gets some of them. So if there is no
/// memory, send() changes nothing. For fewer bytes, each send() would pay for an allocation that is mostly not needed.
const RESERVED: usize = 256 * 1024;
/// If this many bytes wait, send() writes them before the end of the turn. Larger writes gain nothing.
const EARLY_FLUSH: u64 = 256 * 1024;
/// The most bytes that one socket writes in a turn, so that a peer that reads fast does not keep the other sockets waiting.
const WRITTEN_PER_TURN: usize = 1024 * 1024;

/// There is no memory for the bytes of a send(). (The type has no size, so that the result fits into a register.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unkept;

impl StreamSocket {
    /// send() of bytes. If there is no memory for them, nothing changes.
    pub fn send(&mut self, data: &[u8], id: Id, context: &mut Context) -> Result<Sent, Unkept> {
        // Most sends are short and follow others of the same turn, so the last chunk has room for them.
        if data.len() < DIRECT_WRITE && self.sending().fits(data.len()) {
            return Ok(self.accept(data, id, context, |socket, _| {
                socket.sending().append(data);
            }));
        }
        let room = self.make_room(data, context).map_err(|_| Unkept)?;
        Ok(self.accept(data, id, context, |socket, context| socket.write_or_keep(data, room, id, context)))
    }

    /// Counts the bytes of a send(). If they are accepted, `keep` writes or queues them.
    fn accept(
        &mut self,
        data: &[u8],
        id: Id,
        context: &mut Context,
        keep: impl FnOnce(&mut Self, &mut Context),
    ) -> Sent {
        let sent = self.machine.send(data.len() as u64, |ledger| SocketError::BufferFull {
            to: self.remote.clone(),
            buffered: ledger.buffered(),
            limit: ledger.limit(),
        });
        match sent {
            Sent::Accepted(_) if !data.is_empty() => {
                keep(self, context);
                if self.machine.ledger.unwritten() >= EARLY_FLUSH && self.queue.is_ready() {
                    self.write(&[], usize::MAX, id, context);
                }
                self.mark_dirty(id, context);
            }
            Sent::Full => {
                self.disconnect(true, id, context);
                self.schedule(id, context);
            }
            _ => {}
        }
        sent
    }

    /// Reserves memory for all of `data`, if it is needed before the system takes some of the bytes. None: it is not.
    fn make_room(&mut self, data: &[u8], context: &mut Context) -> Result<Option<Reserved>, NoMemory> {
        if self.machine.state() != ReadyState::Open || data.len() < RESERVED && self.writes_directly(data) {
            return Ok(None);
        }
        self.sending().reserve(data.len(), &mut context.pool).map(Some)
    }

    /// Writes as many bytes as the system takes now, and queues the rest. `room` is memory for them; None: it is allocated when it is
    /// needed.
    pub(super) fn write_or_keep(&mut self, data: &[u8], room: Option<Reserved>, id: Id, context: &mut Context) {
        let written = if self.writes_directly(data) { self.write(data, usize::MAX, id, context) } else { 0 };
        self.keep(&data[written..], room, id, context);
    }

    /// Whether these bytes are written at once. Then only those that the system does not take are copied.
    fn writes_directly(&self, data: &[u8]) -> bool {
        data.len() >= DIRECT_WRITE && self.transport.writes_directly() && !self.queue.has_blob()
    }

    /// Queues bytes that were accepted and not written. If there is no memory, the connection is lost, since the peer may get some of the
    /// bytes.
    pub(super) fn keep(&mut self, rest: &[u8], reserved: Option<Reserved>, id: Id, context: &mut Context) {
        let Context { pool, .. } = context;
        let kept = match reserved {
            Some(reserved) => {
                self.sending().push_reserved(rest, reserved, pool);
                Ok(())
            }
            None => self.sending().push(rest, pool),
        };
        if let Err(no_memory) = kept {
            self.cut(no_memory.into(), id, context);
        }
    }

    /// This end gives up a connection that still works. It ends with RST if possible, so that the peer does not take the bytes that it has
    /// for all of them.
    pub(super) fn cut(&mut self, error: SocketError, id: Id, context: &mut Context) {
        self.give_up(error);
        self.queue.clear(&mut context.pool);
        self.schedule(id, context);
    }

    /// As [`StreamSocket::cut`], where the socket is being stepped, which goes on with the error.
    pub(super) fn give_up(&mut self, error: SocketError) {
        self.machine.lost(error);
        self.is_cut = true;
        self.transport.reset_at_end();
    }

    /// send() of a Blob. The queue keeps its position, and its bytes follow later.
    pub fn send_blob(&mut self, size: u64, id: Id, context: &mut Context) -> Result<Sent, Unkept> {
        self.sending().room_for_blob().map_err(|_| Unkept)?;
        let sent = self.machine.send_blob(size);
        if matches!(sent, Sent::Accepted(_)) && size > 0 {
            self.sending().push_blob(size);
            self.mark_dirty(id, context);
        }
        Ok(sent)
    }

    /// Takes the next piece of the first Blob in the queue.
    pub fn blob_piece(&mut self, bytes: &[u8], id: Id, context: &mut Context) {
        self.blob_request.answer();
        match self.queue.fill_blob(bytes) {
            Ok(accepted) if accepted == bytes.len() => self.mark_dirty(id, context),
            Ok(_) => self.blob_failed("it has other bytes than its size said".to_owned(), id, context),
            Err(no_memory) => self.cut(no_memory.into(), id, context),
        }
    }

    /// The first Blob in the queue cannot be read, so the connection is lost (R-tcp-order).
    pub fn blob_failed(&mut self, reason: String, id: Id, context: &mut Context) {
        self.cut(SocketError::Blob { to: self.remote.clone(), reason }, id, context);
    }

    /// The end of a turn: writes the queue. Bytes that were written do not count as buffered any more.
    pub fn flush(&mut self, id: Id, context: &mut Context) {
        self.dirty = false;
        if self.queue.is_ready() && self.machine.can_write() {
            self.write(&[], WRITTEN_PER_TURN, id, context);
        }
        self.begin_tls_when_flushed(id, context);
        // Once the connection is gone, bufferedAmount keeps its value (R-reset, R-tcp-full).
        if !self.machine.is_link_gone() {
            self.machine.ledger.settle();
        }
        self.offer_room(context);
        if !self.queue.is_empty() || self.transport.keeps_bytes() {
            self.limit_flush(id, context);
        }
        if self.queue.waits_for_blob() && self.machine.can_write() {
            self.blob_request.make_due();
        }
        if self.queue.is_ready() && self.transport.is_writable() && self.machine.can_write() {
            self.mark_dirty(id, context);
        }
        if self.blob_request.is_due()
            || self.machine.ledger.drain_ready()
            || self.machine.is_faulty()
            || self.has_tls_news()
            || (self.queue.is_empty() && self.machine.wants_fin())
        {
            self.schedule(id, context);
        }
    }

    /// Writes the queue, then `extra`, until there is no room, or until at least `bound` bytes are written. Returns how many bytes of
    /// `extra` need not be queued: those that were written, or all if the connection is lost.
    pub(super) fn write(&mut self, extra: &[u8], bound: usize, id: Id, context: &mut Context) -> usize {
        if !self.machine.can_write() {
            return 0;
        }
        let report = self.transport.write(&mut self.queue, extra, bound, id, context);
        self.machine.ledger.wrote(report.written.bytes, report.written.of_blobs);
        if report.written.bytes > 0 || report.of_extra > 0 {
            self.note_activity();
        }
        let Some(failure) = report.failure else { return report.of_extra };
        self.lost(failure);
        self.queue.clear(&mut context.pool);
        self.schedule(id, context);
        extra.len()
    }

    /// Everything is written: sends FIN. If the peer has ended too, and the socket closes now, closing the connection sends FIN by itself.
    pub(super) fn end_output(&mut self, id: Id, context: &mut Context) -> Finish {
        let goes_on = self.machine.peer_may_send() || self.machine.is_suspended() || self.relay.is_some();
        let finish = self.transport.finish(!goes_on);
        if finish == Finish::Sent {
            self.on_fin_sent(id, context);
        }
        finish
    }

    /// Our FIN is sent.
    pub(super) fn on_fin_sent(&mut self, id: Id, context: &mut Context) {
        self.machine.fin_sent();
        self.flush_limit = None;
        context.timers.clear(id, DeadlineKind::Close);
        self.signal_end_passed(context);
        self.start_linger(id, context);
    }
}
