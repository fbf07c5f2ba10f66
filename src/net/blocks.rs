//! Memory that the engine lends for large reads, so that their bytes are written once, where the application gets them.

/// Free blocks of one environment; as many as one read takes.
///
/// Four of 64 KiB: a read of 256 KiB halves what a megabyte costs against reads of 64 KiB (each read acknowledges, and each
/// acknowledgement has the peer's next segments sent on the reader's processor), and it is what a socket may hold (R-listen).
pub const LENT: usize = 4;

/// Blocks that one socket fills in a turn where no other has anything to do: 1 MiB. A connection that is emptied while its bytes
/// are still in the processor's cache costs half of one that is left to fill up.
const SOCKET_BLOCKS: usize = 16;

/// Blocks that all sockets fill together in a turn, while each gets one at least: 4 MiB, so that timers and other I/O wait
/// for a millisecond or two.
const TURN_BLOCKS: usize = 64;

/// Memory of the engine's. Whoever has it is the only one to touch it.
#[derive(Debug)]
pub struct Block {
    start: *mut u8,
    len: usize,
    number: u32,
}

impl Block {
    /// # Safety
    /// `start` must point to `len` bytes that stay where they are, and that nothing else reads or writes, until the
    /// event that tells of them (`Place::Block` with this number), or until the block is handed back.
    pub unsafe fn new(start: *mut u8, len: usize, number: u32) -> Self {
        Self { start, len, number }
    }

    /// Where it was when it was lent.
    pub fn place(&self) -> (*mut u8, usize) {
        (self.start, self.len)
    }

    /// The lender's name for it.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The memory, to read into.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: `new`'s caller vouches for the memory; the borrow of `self` keeps it single.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

/// A block with received bytes, from its start.
#[derive(Debug)]
pub struct Filled {
    pub block: Block,
    pub len: usize,
}

/// What the environment has been lent and has not used.
#[derive(Default)]
pub struct Blocks {
    free: Vec<Block>,
    /// None were to be had in this turn: large reads go into the shared buffer like small ones.
    refused: bool,
    /// Those that are free are where they were: no JavaScript has run since they were looked at.
    checked: bool,
    /// Blocks for each socket in this turn.
    share: usize,
}

impl Blocks {
    /// A turn begins in which `sockets` have something to do.
    pub fn begin_turn(&mut self, sockets: usize) {
        self.refused = false;
        self.share = (TURN_BLOCKS / sockets.max(1)).clamp(1, SOCKET_BLOCKS);
    }

    /// Whether a large read is to do without.
    pub fn are_refused(&self) -> bool {
        self.refused
    }

    /// Whether a socket that has filled so many may go on in this turn.
    pub fn leave_some(&self, filled: usize) -> bool {
        filled < self.share
    }

    /// How many must be lent before a socket that has filled so many can read on; as many as the pool holds, so that this is
    /// rare. Zero: those that are free are to be looked at again ([`Self::check`]). `None`: it can read.
    pub fn missing(&self, filled: usize) -> Option<usize> {
        if self.free.len() < self.room(filled) {
            return Some(LENT - self.free.len());
        }
        (!self.checked).then_some(0)
    }

    /// JavaScript runs, and may do with the lent memory what it likes if it has got hold of it.
    pub fn distrust(&mut self) {
        self.checked = false;
    }

    /// Keeps the free ones that are where they were. Where one is not, the turn does without: something is wrong.
    pub fn check(&mut self, mut is_in_place: impl FnMut(&Block) -> bool) {
        let before = self.free.len();
        self.free.retain(|block| is_in_place(block));
        self.refused |= self.free.len() < before;
        self.checked = true;
    }

    fn room(&self, filled: usize) -> usize {
        self.share.saturating_sub(filled).clamp(1, LENT)
    }

    /// None: the engine has none, and the turn does without.
    pub fn lend(&mut self, block: Option<Block>) {
        self.refused |= block.is_none();
        self.free.extend(block);
    }

    /// Nobody wants what was read into it.
    pub fn hand_back(&mut self, filled: Filled) {
        self.checked = false;
        self.free.push(filled.block);
    }

    /// One that the pool has no use for, to be given back to the lender.
    pub fn surplus(&mut self) -> Option<Block> {
        if self.free.len() > LENT { self.free.pop() } else { None }
    }

    /// Where in `free` that begins which the next read of a socket that has filled so many goes into.
    fn next_start(&self, filled: usize) -> usize {
        self.free.len().saturating_sub(self.room(filled))
    }

    /// What the next read of a socket that has filled so many goes into.
    pub fn next(&mut self, filled: usize) -> &mut [Block] {
        let start = self.next_start(filled);
        &mut self.free[start..]
    }

    /// The first `bytes` of [`Self::next`] hold received bytes: they are taken out, in order.
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
