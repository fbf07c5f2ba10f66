use mio::Token;

/// A socket's number: index and generation, 31 bits, so that JavaScript keeps it as a small integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u32);

/// A million sockets in one environment.
const INDEX_BITS: u32 = 20;
const GENERATION_MASK: u32 = (1 << (31 - INDEX_BITS)) - 1;

impl Id {
    /// The slot `index` in its `generation`-th use.
    pub fn new(index: usize, generation: u32) -> Option<Self> {
        let index = u32::try_from(index).ok().filter(|index| *index < 1 << INDEX_BITS)?;
        Some(Self((generation & GENERATION_MASK) << INDEX_BITS | index))
    }

    /// The number as it crossed to JavaScript and back.
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The number that crosses to JavaScript.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The slot.
    pub fn index(self) -> usize {
        (self.0 & ((1 << INDEX_BITS) - 1)) as usize
    }

    /// The name under which the poll set knows the socket.
    pub fn token(self) -> Token {
        Token(self.0 as usize)
    }
}

/// The poll set's name for its waker: no socket's, whose numbers have 31 bits.
pub const WAKER: Token = Token(u32::MAX as usize);
