//! The limit of direct reads in one turn. It counts bytes, and does not read.

/// How many bytes all sockets of a turn read directly, in addition to one read each. So timers and other I/O wait at most a millisecond or
/// two. With half of it, eight busy connections are not always read until they are empty.
const TURN_BYTES: usize = 8 * 1024 * 1024;

/// What is left of the bytes that sockets may read directly in this turn (`StreamSocket::read_into`).
///
/// The first socket with bytes in bulk may read all of it, the next turn another one. A connection that is read until it is empty costs half
/// of one whose buffer stays full: then its bytes are still in the processor's cache, and its peer sends on its own processor.
#[derive(Default)]
pub struct DirectBudget {
    /// How many bytes were read in this turn.
    spent: usize,
}

impl DirectBudget {
    /// A turn begins. Returns whether the one before has spent all.
    pub fn renew(&mut self) -> bool {
        std::mem::take(&mut self.spent) >= TURN_BYTES
    }

    /// Whether a socket that has read may read more.
    pub fn has_room(&self) -> bool {
        self.spent < TURN_BYTES
    }

    /// A socket has read so many bytes.
    pub fn spend(&mut self, bytes: usize) {
        self.spent += bytes;
    }
}
