//! Memory of the JavaScript engine for large reads. The system writes received bytes into this memory, and the application gets the same
//! memory. So the bytes are copied only once.
//!
//! The binding allocates blocks and lends them. This file keeps the blocks that are lent and not filled. It does not call the engine and
//! does not read from sockets.

/// The most free blocks that one environment keeps. This is also the most that one read fills.
///
/// Four blocks of 64 KiB are the 256 KiB that a socket may hold (R-listen). With reads of 256 KiB a megabyte costs half as much as with
/// reads of 64 KiB. The reason is that the system acknowledges each read, and each acknowledgement makes the peer's next segments arrive on
/// the processor that reads.
pub const MAX_FREE_BLOCKS: usize = 4;

/// The most blocks that one socket fills in a turn: 1 MiB, if all sockets together have not filled `TURN_BLOCKS` yet. A connection that is read
/// until it is empty costs a quarter less than one whose buffer stays full, since its bytes are still in the processor's cache.
const SOCKET_BLOCKS: usize = 16;

/// The most blocks that all sockets together fill in a turn: 8 MiB. (Each socket may fill one even beyond that.) So timers and other I/O
/// wait at most a millisecond or two.
const TURN_BLOCKS: usize = 128;

/// One piece of the engine's memory. Only its owner may read or write that memory.
#[derive(Debug)]
pub struct Block {
    /// The first byte.
    start: *mut u8,
    /// The size in bytes.
    len: usize,
    /// The number that the lender has given to the block.
    number: u32,
}

impl Block {
    /// # Safety
    /// `start` must point to `len` bytes that do not move, and that nothing else reads or writes, until the block is handed back, or
    /// until the event is emitted that carries the block's number and its bytes.
    pub unsafe fn new(start: *mut u8, len: usize, number: u32) -> Self {
        Self { start, len, number }
    }

    /// The address and the size in bytes, as they were when the block was lent.
    pub fn memory(&self) -> (*mut u8, usize) {
        (self.start, self.len)
    }

    /// The number that the lender has given to the block.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The memory, for a read to write into.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: the caller of `new` promised `len` valid bytes at `start`, which nothing else reads or writes. The slice borrows this
        // block by `&mut self`, so while it lives there is no other reference to these bytes.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

/// A block that holds received bytes.
#[derive(Debug)]
pub struct Filled {
    /// The block.
    pub block: Block,
    /// How many bytes the block holds, from its start.
    pub len: usize,
}

/// The blocks that an environment was lent and has not filled.
#[derive(Default)]
pub struct Blocks {
    /// The free blocks. A read takes the last ones.
    free: Vec<Block>,
    /// True once the engine had no block to lend in this turn. Then large reads go into the shared buffer, as small ones do.
    refused: bool,
    /// True while the free blocks are known to be in place: no JavaScript has run since the last [`Blocks::check`].
    checked: bool,
    /// How many blocks were filled in this turn.
    filled: usize,
}

impl Blocks {
    /// A turn begins. Returns whether the sockets of the one before have filled all that a turn has. Then another socket is to be the first.
    pub fn begin_turn(&mut self) -> bool {
        self.refused = false;
        std::mem::take(&mut self.filled) >= TURN_BLOCKS
    }

    /// How many blocks a socket may fill in this turn.
    fn share(&self) -> usize {
        if self.filled < TURN_BLOCKS { SOCKET_BLOCKS } else { 1 }
    }

    /// Whether large reads have to use the shared buffer in this turn.
    pub fn are_refused(&self) -> bool {
        self.refused
    }

    /// Whether a socket may fill more blocks in this turn. `filled` is how many it has filled already.
    pub fn may_fill_more(&self, filled: usize) -> bool {
        filled < self.share()
    }

    /// How many blocks must be lent before a socket can read, if it has filled `filled` blocks in this turn. To make lending rare, it is as
    /// many as the pool has room for. 0: none must be lent, but the free ones must be checked ([`Self::check`]). None: the socket can read.
    pub fn missing(&self, filled: usize) -> Option<usize> {
        if self.free.len() < self.room(filled) {
            return Some(MAX_FREE_BLOCKS - self.free.len());
        }
        (!self.checked).then_some(0)
    }

    /// JavaScript is about to run. If it has got hold of the lent memory, it can move or detach it.
    pub fn require_check(&mut self) {
        self.checked = false;
    }

    /// Keeps the free blocks for which `is_in_place` is true. If it is false for any block, something is wrong, and this turn uses no more
    /// blocks.
    pub fn check(&mut self, mut is_in_place: impl FnMut(&Block) -> bool) {
        let before = self.free.len();
        self.free.retain(|block| is_in_place(block));
        self.refused |= self.free.len() < before;
        self.checked = true;
    }

    /// How many blocks the next read of a socket may fill, if it has filled `filled` blocks in this turn.
    fn room(&self, filled: usize) -> usize {
        self.share().saturating_sub(filled).clamp(1, MAX_FREE_BLOCKS)
    }

    /// Takes a block that the engine lends. None: the engine has no block, and this turn uses no more blocks.
    pub fn lend(&mut self, block: Option<Block>) {
        self.refused |= block.is_none();
        self.free.extend(block);
    }

    /// Takes back a block whose bytes are not needed.
    pub fn hand_back(&mut self, filled: Filled) {
        self.checked = false;
        self.free.push(filled.block);
    }

    /// Takes out a block that the pool does not need, to be given back to the lender. None: there is no such block.
    pub fn surplus(&mut self) -> Option<Block> {
        if self.free.len() > MAX_FREE_BLOCKS { self.free.pop() } else { None }
    }

    /// The index in `free` of the first block for the next read of a socket that has filled `filled` blocks in this turn.
    fn next_start(&self, filled: usize) -> usize {
        self.free.len().saturating_sub(self.room(filled))
    }

    /// The blocks for the next read of a socket that has filled `filled` blocks in this turn.
    pub fn next(&mut self, filled: usize) -> &mut [Block] {
        let start = self.next_start(filled);
        &mut self.free[start..]
    }

    /// A read has put `bytes` bytes into the blocks of [`Self::next`]. Moves the blocks that hold these bytes to `to`, in order.
    pub fn take_filled(&mut self, filled: usize, mut bytes: usize, to: &mut impl Extend<Filled>) {
        let start = self.next_start(filled);
        let used = self.free[start..]
            .iter()
            .scan(bytes, |left, block| (*left > 0).then(|| *left = left.saturating_sub(block.len)));
        let used = used.count();
        self.filled += used;
        to.extend(self.free.drain(start..start + used).map(|block| {
            let len = bytes.min(block.len);
            bytes -= len;
            Filled { block, len }
        }));
    }
}
