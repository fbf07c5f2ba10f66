//! What kind of turn the last one was: an exchange of short messages, or something else. It counts, and decides nothing.

use crate::net::event::{EventKind, Payload};

/// An exchange has at most this many messages. With more the thread has enough to do, and a pause brings more of them into one turn, which
/// is cheaper for each.
const MESSAGES: usize = 4;

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

    /// Whether a few short messages have come, and something was sent: an answer, or the next question. The next message often follows soon.
    pub fn is_one(&self) -> bool {
        (1..=MESSAGES).contains(&self.messages) && !self.has_bulk && self.senders > 0
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
