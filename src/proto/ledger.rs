/// The bufferedAmount account of one socket: bytes counted cumulatively, differences derived.
///
/// `accepted` ≥ `written` ≥ `settled`. What send() took is accepted; what the system has is written; what a later
/// task has seen written is settled (R-tcp-send: bufferedAmount falls only in a later task).
#[derive(Debug)]
pub struct Ledger {
    accepted: u64,
    written: u64,
    settled: u64,
    /// Bytes of Blobs among those buffered: they don't count against the limit (R-tcp-full).
    blob_buffered: u64,
    /// How many of those are written.
    blob_written: u64,
    high_water_mark: u64,
    limit: u64,
    drain_due: bool,
}

impl Ledger {
    /// An empty account. send() returns false above `high_water_mark` bytes; `limit` is maxBufferedAmount.
    pub fn new(high_water_mark: u32, limit: u32) -> Self {
        Self {
            accepted: 0,
            written: 0,
            settled: 0,
            blob_buffered: 0,
            blob_written: 0,
            high_water_mark: high_water_mark.into(),
            limit: limit.into(),
            drain_due: false,
        }
    }

    /// What `bufferedAmount` reads, before it is clamped to an unsigned long.
    pub fn buffered(&self) -> u64 {
        self.accepted - self.settled
    }

    /// `bufferedAmount`: past 2^32-1 it stays there (R-tcp-send).
    pub fn buffered_amount(&self) -> u32 {
        u32::try_from(self.buffered()).unwrap_or(u32::MAX)
    }

    /// Bytes that the system has got so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that the system does not have yet.
    pub fn unwritten(&self) -> u64 {
        self.accepted - self.written
    }

    /// maxBufferedAmount in bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether written bytes wait for [`Ledger::settle`].
    pub fn is_settled(&self) -> bool {
        self.settled == self.written
    }

    /// Whether `bytes` more would pass the hard limit (R-tcp-full): never while nothing is buffered, never for
    /// nothing.
    pub fn overflows(&self, bytes: u64) -> bool {
        let counted = self.buffered() - self.blob_buffered;
        bytes > 0 && self.buffered() > 0 && counted + bytes > self.limit
    }

    /// Counts what send() took. Returns what send() returns: whether the caller may go on at once.
    pub fn accept(&mut self, bytes: u64) -> bool {
        self.accepted += bytes;
        if bytes > 0 && self.buffered() > self.high_water_mark {
            self.drain_due = true;
            return false;
        }
        true
    }

    /// [`Ledger::accept`] for a Blob.
    pub fn accept_blob(&mut self, bytes: u64) -> bool {
        self.blob_buffered += bytes;
        self.accept(bytes)
    }

    /// The system took `bytes`, `from_blobs` of them a Blob's.
    pub fn wrote(&mut self, bytes: u64, from_blobs: u64) {
        self.written += bytes;
        self.blob_written += from_blobs;
        debug_assert!(self.written <= self.accepted);
    }

    /// A later task has come: what is written no longer counts as buffered.
    pub fn settle(&mut self) {
        self.settled = self.written;
        self.blob_buffered -= std::mem::take(&mut self.blob_written);
    }

    /// Whether `drain` is to fire now (R-tcp-drain: once after a false, at 0).
    pub fn drain_ready(&self) -> bool {
        self.drain_due && self.buffered() == 0
    }

    /// Marks `drain` as fired.
    pub fn drained(&mut self) {
        self.drain_due = false;
    }
}
