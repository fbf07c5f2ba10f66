//! Bytes that the program has given back to a stream socket: those of `reader` that were received and not read (R-reader).

use std::collections::VecDeque;

use super::StreamSocket;
use crate::net::Id;
use crate::net::context::Context;
use crate::net::event::{EventKind, Payload};
use crate::net::memory::{self, NoMemory};
use crate::net::sizes::READ_SIZE;
use crate::proto::ReadyState;

/// Bytes that were given back. There is at least one.
#[derive(Default)]
pub(super) struct Returned {
    /// The pieces, in order. None of them is empty.
    pieces: VecDeque<ReturnedPiece>,
}

/// Bytes that were given back in one call.
struct ReturnedPiece {
    /// All bytes of the call.
    bytes: Vec<u8>,
    /// How many of them were delivered again.
    delivered: usize,
}

impl Returned {
    /// How many bytes wait to be delivered again.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.bytes.len() - piece.delivered).sum()
    }

    /// Puts bytes in front of the others.
    fn put_first(&mut self, bytes: Vec<u8>) {
        self.pieces.push_front(ReturnedPiece { bytes, delivered: 0 });
    }

    /// Copies the next bytes into `buffer`. Returns how many.
    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let Some(ReturnedPiece { bytes, delivered }) = self.pieces.front_mut() else { return 0 };
        let rest = &bytes[*delivered..];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        *delivered += len;
        if *delivered == bytes.len() {
            self.pieces.pop_front();
        }
        len
    }
}

/// Why the program gives bytes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveBack {
    /// They are more than `reader` may hold.
    Excess,
    /// `reader` was released.
    Released,
    /// `reader` was released after the peer's end was reported. No `halfclose` listener has received it.
    EndUndelivered,
    /// `reader` was released after a `halfclose` listener received the peer's end.
    EndDelivered,
}

impl StreamSocket {
    /// Takes back bytes that were delivered. They are the next ones that are delivered, or they belong to the handshake or the relay that
    /// follows. Returns false if the socket cannot deliver them any more. Then nothing has changed.
    pub fn give_back(&mut self, bytes: &[u8], why: GiveBack, id: Id, context: &mut Context) -> Result<bool, NoMemory> {
        // A loss waits for the bytes before it. If the reader gave them back, they would come again and again.
        let is_lost = self.machine.is_faulty() && why == GiveBack::Excess;
        if is_lost || !matches!(self.machine.state(), ReadyState::Open | ReadyState::HalfClosed) {
            return Ok(false);
        }
        if !bytes.is_empty() {
            let mut piece = memory::vec(bytes.len())?;
            piece.extend_from_slice(bytes);
            self.receiving.returned.get_or_insert_default().put_first(piece);
            self.receiving.delivered = self.receiving.delivered.saturating_sub(bytes.len() as u64);
            self.machine.set_returned(true);
        }
        if matches!(why, GiveBack::EndUndelivered | GiveBack::EndDelivered) {
            self.machine.report_end_again(why == GiveBack::EndDelivered);
        }
        self.schedule(id, context);
        Ok(true)
    }

    /// The event that delivers the next returned bytes. `None`: there are none.
    pub(super) fn next_returned(&mut self, context: &mut Context) -> Option<EventKind> {
        let returned = self.receiving.returned.as_mut()?;
        let len = returned.read(&mut context.buffer[..READ_SIZE]);
        let is_last = returned.pieces.is_empty();
        self.receiving.delivered += len as u64;
        if is_last {
            self.drop_returned();
        }
        Some(EventKind::Message(Payload::ReadBuffer { start: 0, len }))
    }

    /// Moves all returned bytes to the end of `bytes`, which has room for them.
    pub(super) fn take_returned(&mut self, bytes: &mut Vec<u8>) {
        for piece in self.receiving.returned.take().into_iter().flat_map(|returned| returned.pieces) {
            bytes.extend_from_slice(&piece.bytes[piece.delivered..]);
        }
        self.drop_returned();
    }

    /// Drops the returned bytes. If there are none, nothing happens.
    pub(super) fn drop_returned(&mut self) {
        self.receiving.returned = None;
        self.machine.set_returned(false);
    }
}
