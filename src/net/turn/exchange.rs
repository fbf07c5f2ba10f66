//! What kind of turn the last one was: an exchange of short messages, or something else. It counts, and decides nothing.

use crate::net::event::{EventKind, Payload};

/// An exchange has at most this many messages. With more the thread has enough to do, and a pause brings more of them into one turn, which
/// is cheaper for each.
const MESSAGES: usize = 4;

/// What kind of turn one was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnKind {
    /// A few short messages came, and something was sent: an answer, or the next question. The next message often follows soon.
    Exchange,
    /// Nothing came, and nothing was sent.
    Idle,
    /// Bulk, many messages, or bytes in one direction only.
    Other,
}

/// What one turn has brought and sent.
#[derive(Default)]
pub struct Exchange {
    /// How many messages and datagrams came.
    messages: usize,
    /// Whether one of them was as long as bulk is.
    has_bulk: bool,
    /// How many sockets had something to send.
    senders: usize,
}

impl Exchange {
    /// `next` returns this event.
    pub fn note_event(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Message(Payload::Block { .. }) => self.has_bulk = true,
            EventKind::Message(_) | EventKind::Readable | EventKind::Datagram(..) => self.messages += 1,
            _ => {}
        }
    }

    /// JavaScript has taken so many datagrams at once.
    pub fn note_datagrams(&mut self, count: usize) {
        self.messages += count;
    }

    /// So many sockets send what they have.
    pub fn note_senders(&mut self, count: usize) {
        self.senders += count;
    }

    /// Whether a message was as long as bulk is.
    pub fn has_bulk(&self) -> bool {
        self.has_bulk
    }

    /// What kind of turn it was.
    pub fn kind(&self) -> TurnKind {
        match self.messages {
            0 if self.senders == 0 && !self.has_bulk => TurnKind::Idle,
            1..=MESSAGES if self.senders > 0 && !self.has_bulk => TurnKind::Exchange,
            _ => TurnKind::Other,
        }
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
