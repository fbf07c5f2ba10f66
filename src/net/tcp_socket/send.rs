//! The sending half of a TCP socket: what send() takes, when it is written, and the FIN behind it.

use std::io::{ErrorKind, IoSlice, Write};
use std::net::Shutdown;

use mio::Interest;

use super::{TcpSocket, is_transient};
use crate::net::context::Context;
use crate::net::memory::NoMemory;
use crate::net::send_queue::Reserved;
use crate::net::syscall::Syscall;
use crate::net::{Id, SocketError};
use crate::proto::{ReadyState, Sent};

/// From this size on send() hands the bytes to the system at once: the copy would cost more than the call.
const DIRECT_WRITE: usize = 16 * 1024;
/// From this size on there is memory for all of it before the system is given some: without, nothing has changed. Below, that would
/// cost an allocation a send, mostly for nothing.
const RESERVED: usize = 256 * 1024;
/// With this much waiting, send() doesn't wait for the end of the turn. 256 KiB a write is where a larger one gains nothing.
const EARLY_FLUSH: u64 = 256 * 1024;
/// One socket writes at most this much a turn, so that a fast reader cannot keep the others waiting.
const WRITE_BOUND: usize = 1024 * 1024;

/// There is no memory for what was to be sent; the caller knows how much that is. (Of no size, so that a send()'s answer is a register's.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unkept;

impl TcpSocket {
    /// send() of bytes. Where there is no memory to keep them in, nothing changes.
    pub fn send(&mut self, data: &[u8], id: Id, context: &mut Context) -> Result<Sent, Unkept> {
        // Most are short, and behind others of the same turn.
        if data.len() < DIRECT_WRITE && self.sending().fits(data.len()) {
            return Ok(self.accept(data, id, context, |socket, _| {
                socket.sending().append(data);
            }));
        }
        let room = self.make_room(data, context).map_err(|_| Unkept)?;
        Ok(self.accept(data, id, context, |socket, context| socket.write_or_keep(data, room, id, context)))
    }

    /// send() of bytes that `keep` writes or queues.
    fn accept(
        &mut self,
        data: &[u8],
        id: Id,
        context: &mut Context,
        keep: impl FnOnce(&mut Self, &mut Context),
    ) -> Sent {
        let remote = self.remote;
        let sent = self.machine.send(data.len() as u64, |ledger| SocketError::BufferFull {
            to: remote,
            buffered: ledger.buffered(),
            limit: ledger.limit(),
        });
        match sent {
            Sent::Taken(_) if !data.is_empty() => {
                keep(self, context);
                if self.machine.ledger.unwritten() >= EARLY_FLUSH && self.queue.is_ready() {
                    self.write(&[], usize::MAX, id, context);
                }
                self.mark_dirty(id, context);
            }
            Sent::Full => {
                self.drop_stream(true, context);
                self.schedule(id, context);
            }
            _ => {}
        }
        sent
    }

    /// Memory for all of what is sent, where it has to be had before some of it is the system's.
    fn make_room(&mut self, data: &[u8], context: &mut Context) -> Result<Option<Reserved>, NoMemory> {
        if self.machine.state() != ReadyState::Open || data.len() < RESERVED && self.writes_directly(data) {
            return Ok(None);
        }
        self.sending().reserve(data.len(), &mut context.pool).map(Some)
    }

    /// Writes what can be written at once, and queues the rest, for which there is room or is to be made.
    pub(super) fn write_or_keep(&mut self, data: &[u8], room: Option<Reserved>, id: Id, context: &mut Context) {
        let written = if self.writes_directly(data) { self.write(data, usize::MAX, id, context) } else { 0 };
        self.keep(&data[written..], room, id, context);
    }

    /// Whether bytes go to the system at once, and are copied only as far as it does not take them.
    fn writes_directly(&self, data: &[u8]) -> bool {
        data.len() >= DIRECT_WRITE && self.secure.is_none() && !self.queue.has_blob()
    }

    /// Queues what was accepted and not written. Where that finds no memory, some of it may be the peer's: the connection is lost.
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
            self.lose_unkept(no_memory.into(), id, context);
        }
    }

    /// Bytes that were accepted cannot be kept. The peer must not take what it got for the whole (failing that, it does).
    pub(super) fn lose_unkept(&mut self, error: SocketError, id: Id, context: &mut Context) {
        self.machine.lost(error);
        self.queue.clear(&mut context.pool);
        self.is_cut = true;
        self.reset_at_end();
        self.schedule(id, context);
    }

    /// send() of a Blob: its place is kept, its bytes follow.
    pub fn send_blob(&mut self, size: u64, id: Id, context: &mut Context) -> Result<Sent, Unkept> {
        self.sending().room_for_blob().map_err(|_| Unkept)?;
        let sent = self.machine.send_blob(size);
        if matches!(sent, Sent::Taken(_)) && size > 0 {
            self.sending().push_blob(size);
            self.mark_dirty(id, context);
        }
        Ok(sent)
    }

    /// The next piece of the first Blob.
    pub fn blob_piece(&mut self, bytes: &[u8], id: Id, context: &mut Context) {
        self.blob_asked = false;
        match self.queue.fill_blob(bytes) {
            Ok(taken) if taken == bytes.len() => self.mark_dirty(id, context),
            Ok(_) => self.blob_failed("it has other bytes than its size said".to_owned(), id, context),
            Err(no_memory) => self.lose_unkept(no_memory.into(), id, context),
        }
    }

    /// The first Blob cannot be read: a lost connection (R-tcp-order).
    pub fn blob_failed(&mut self, reason: String, id: Id, context: &mut Context) {
        self.lose_unkept(SocketError::Blob { to: self.remote, reason }, id, context);
    }

    /// The end of a turn: what was sent is written, what was written no longer counts as buffered.
    pub fn flush(&mut self, id: Id, context: &mut Context) {
        self.dirty = false;
        if self.queue.is_ready() && self.machine.can_write() {
            self.write(&[], WRITE_BOUND, id, context);
        }
        self.begin_when_flushed(id, context);
        // Once closed, bufferedAmount keeps its count (R-reset, R-tcp-full).
        if !self.machine.is_link_gone() {
            self.machine.ledger.settle();
        }
        self.offer_room(context);
        if !self.queue.is_empty() || self.secure.is_some() {
            self.limit_flush(id, context);
        }
        if self.queue.waits_for_blob() && !self.blob_asked && self.machine.can_write() {
            self.blob_asked = true;
            self.blob_due = true;
        }
        if self.queue.is_ready() && self.writable && self.machine.can_write() {
            self.mark_dirty(id, context);
        }
        if self.blob_due
            || self.machine.ledger.drain_ready()
            || self.machine.is_faulty()
            || (self.queue.is_empty() && self.machine.wants_fin())
        {
            self.schedule(id, context);
        }
    }

    /// Writes what waits, then `extra`, until the system takes no more or `bound` is passed. Returns how much of
    /// `extra` is written.
    pub(super) fn write(&mut self, extra: &[u8], bound: usize, id: Id, context: &mut Context) -> usize {
        if self.secure.is_some() && self.write_session(context) {
            return 0;
        }
        let (mut of_extra, mut total) = (0, 0);
        while self.writable && self.machine.can_write() && total < bound {
            let rest = &extra[of_extra..];
            let Some(stream) = &mut self.stream else { break };
            let written = match self.queue.single() {
                Some(bytes) if rest.is_empty() => stream.write(bytes),
                _ if self.queue.is_empty() && rest.is_empty() => break,
                None if self.queue.is_empty() => stream.write(rest),
                _ => {
                    let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(8);
                    self.queue.slices(rest, &mut slices);
                    if slices.is_empty() {
                        break;
                    }
                    stream.write_vectored(&slices)
                }
            };
            match written {
                Ok(written) => {
                    let consumed = self.queue.consume(written, &mut context.pool);
                    of_extra += written - consumed.bytes;
                    total += written;
                    self.machine.ledger.wrote(written as u64, consumed.from_blobs as u64);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_transient(&error) => {
                    self.writable = false;
                    if !std::mem::replace(&mut self.watches_writes, true) {
                        let interest = Interest::READABLE | Interest::WRITABLE;
                        if let Err(error) = context.registry.reregister(stream, id.token(), interest) {
                            self.machine.lost(SocketError::system_at(Syscall::Watch, self.remote, error));
                        }
                    }
                }
                Err(error) => {
                    // What came before the loss is still to be read and told (R-tcp-lost).
                    self.readable = true;
                    self.machine.lost(SocketError::system_at(Syscall::Write, self.remote, error));
                    self.queue.clear(&mut context.pool);
                    self.schedule(id, context);
                    return extra.len();
                }
            }
        }
        of_extra
    }

    /// Everything is written: FIN. Where the peer has ended too, and that is told now, closing the descriptor sends it.
    pub(super) fn end_output(&mut self, id: Id, context: &mut Context) {
        if self.finish_session() {
            return;
        }
        if (self.machine.peer_may_send() || self.machine.is_suspended() || self.relay.is_some())
            && let Some(stream) = &self.stream
        {
            // Not connected any more: the loss comes as an error of its own.
            let _ = stream.shutdown(Shutdown::Write);
        }
        self.end_sent(id, context);
    }

    /// Our FIN is on its way.
    pub(super) fn end_sent(&mut self, id: Id, context: &mut Context) {
        self.machine.fin_sent();
        self.end_flush_limit(&mut context.timers);
        self.tell_end_passed(context);
        self.start_linger(id, context);
    }
}
