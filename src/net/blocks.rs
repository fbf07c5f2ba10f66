//! Memory of the JavaScript engine for large reads. The system writes received bytes there, and the application gets that memory:
//! the bytes are copied only once.
//!
//! The binding allocates the blocks and lends them. This file keeps those that are lent and not filled. It calls no engine and reads
//! from no socket.

/// The most free blocks that one environment keeps, which is also what one read fills.
///
/// Four blocks of 64 KiB are the 256 KiB that a socket may hold (R-listen). A read of 256 KiB halves the cost of a megabyte against
/// reads of 64 KiB. The reason is that the system acknowledges each read, and each acknowledgement makes the peer's next segments
/// arrive on the reader's processor.
pub const MAX_FREE_BLOCKS: usize = 4;

/// The most blocks that one socket fills in a turn: 1 MiB. It applies where few sockets have something to do. A connection that is
/// emptied while its bytes are still in the processor's cache costs half of one whose buffer fills up.
const SOCKET_BLOCKS: usize = 16;

/// The most blocks that all sockets fill together in a turn, beyond one for each: 4 MiB. So timers and other I/O wait for a
/// millisecond or two at most.
const TURN_BLOCKS: usize = 64;

/// One piece of the engine's memory. Only its owner may read or write that memory.
#[derive(Debug)]
pub struct Block {
    /// The first byte.
    start: *mut u8,
    /// The size in bytes.
    len: usize,
    /// The number under which the lender knows it.
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

    /// The number under which the lender knows it.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The memory, to read into.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: the caller of `new` promised `len` valid bytes at `start` that nothing else uses; `&mut self` makes this the only
        // reference to them, for as long as the slice lives.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

/// A block that holds received bytes.
#[derive(Debug)]
pub struct Filled {
    /// The block.
    pub block: Block,
    /// How many bytes it holds, from its start.
    pub len: usize,
}

/// The blocks that an environment was lent and has not filled.
#[derive(Default)]
pub struct Blocks {
    /// The free blocks. Reads take from the end.
    free: Vec<Block>,
    /// True once the engine had no block to lend in this turn. Then large reads go into the shared buffer, as small ones do.
    refused: bool,
    /// True while the free blocks are known to be where they were: no JavaScript has run since the last [`Blocks::check`].
    checked: bool,
    /// How many blocks each socket may fill in this turn.
    share: usize,
}

impl Blocks {
    /// A turn begins, in which so many `sockets` have something to do.
    pub fn begin_turn(&mut self, sockets: usize) {
        self.refused = false;
        self.share = (TURN_BLOCKS / sockets.max(1)).clamp(1, SOCKET_BLOCKS);
    }

    /// Whether large reads have to use the shared buffer in this turn.
    pub fn are_refused(&self) -> bool {
        self.refused
    }

    /// Whether a socket that has `filled` so many blocks may fill more in this turn.
    pub fn may_fill_more(&self, filled: usize) -> bool {
        filled < self.share
    }

    /// How many blocks must be lent before a socket that has `filled` so many can read. It is as many as the pool has room for, so
    /// that lending is rare. 0: none must be lent, but the free ones must be checked ([`Self::check`]). None: it can read.
    pub fn missing(&self, filled: usize) -> Option<usize> {
        if self.free.len() < self.room(filled) {
            return Some(MAX_FREE_BLOCKS - self.free.len());
        }
        (!self.checked).then_some(0)
    }

    /// JavaScript is about to run. It may move or detach the lent memory, if it has found it.
    pub fn require_check(&mut self) {
        self.checked = false;
    }

    /// Keeps the free blocks for which `is_in_place` is true. If any is not, this turn uses no more blocks: something is wrong.
    pub fn check(&mut self, mut is_in_place: impl FnMut(&Block) -> bool) {
        let before = self.free.len();
        self.free.retain(|block| is_in_place(block));
        self.refused |= self.free.len() < before;
        self.checked = true;
    }

    /// How many blocks the next read of a socket that has `filled` so many may fill.
    fn room(&self, filled: usize) -> usize {
        self.share.saturating_sub(filled).clamp(1, MAX_FREE_BLOCKS)
    }

    /// Takes a block that the engine lends. None: the engine has none, and this turn uses no more blocks.
    pub fn lend(&mut self, block: Option<Block>) {
        self.refused |= block.is_none();
        self.free.extend(block);
    }

    /// Takes back a block whose bytes are not needed.
    pub fn hand_back(&mut self, filled: Filled) {
        self.checked = false;
        self.free.push(filled.block);
    }

    /// Takes out a block that the pool does not need, for its lender. None: there is no such block.
    pub fn surplus(&mut self) -> Option<Block> {
        if self.free.len() > MAX_FREE_BLOCKS { self.free.pop() } else { None }
    }

    /// The index in `free` of the first block for the next read of a socket that has `filled` so many.
    fn next_start(&self, filled: usize) -> usize {
        self.free.len().saturating_sub(self.room(filled))
    }

    /// The blocks for the next read of a socket that has `filled` so many.
    pub fn next(&mut self, filled: usize) -> &mut [Block] {
        let start = self.next_start(filled);
        &mut self.free[start..]
    }

    /// A read has put so many `bytes` into the blocks of [`Self::next`]. Moves the blocks that hold them, in order, to `to`.
    pub fn take_filled(&mut self, filled: usize, mut bytes: usize, to: &mut impl Extend<Filled>) {
        let start = self.next_start(filled);
        let used = self.free[start..]
            .iter()
            .scan(bytes, |left, block| (*left > 0).then(|| *left = left.saturating_sub(block.len)));
        let used = used.count();
        to.extend(self.free.drain(start..start + used).map(|block| {
            let len = bytes.min(block.len);
            bytes -= len;
            Filled { block, len }
        }));
    }
}
