//! The numbers of sockets. `turn.rs` has the list of the sockets that they stand for.

use mio::Token;

/// A socket's number. It consists of an index and a generation, in 31 bits, so that JavaScript engines store it as a small integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u32);

/// The bits of the index: an environment can have a million sockets.
const INDEX_BITS: u32 = 20;
/// The bits of the generation, after they are shifted down.
const GENERATION_MASK: u32 = (1 << (31 - INDEX_BITS)) - 1;

impl Id {
    /// The number of slot `index` in its use number `generation`. None: the index is too large.
    pub fn new(index: usize, generation: u32) -> Option<Self> {
        let index = u32::try_from(index).ok().filter(|index| *index < 1 << INDEX_BITS)?;
        Some(Self((generation & GENERATION_MASK) << INDEX_BITS | index))
    }

    /// The id whose number JavaScript gives. It may be that of a closed socket.
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The number that crosses to JavaScript.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The index of the slot.
    pub fn index(self) -> usize {
        (self.0 & ((1 << INDEX_BITS) - 1)) as usize
    }

    /// The token with which the socket is registered with the poll set.
    pub fn token(self) -> Token {
        Token(self.0 as usize)
    }
}

/// The token of the poll set's waker. No socket has this token, because a socket's token has only 31 bits.
pub const WAKER: Token = Token(u32::MAX as usize);
