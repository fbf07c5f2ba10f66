/// The bufferedAmount account of one socket. It counts all bytes since the socket was made; bufferedAmount is a difference of
/// two counts.
///
/// `accepted` ≥ `written` ≥ `settled`. A byte is *accepted* by send(), *written* once the system has it, and *settled* in a
/// later task (R-tcp-send: bufferedAmount falls only in a later task).
#[derive(Debug)]
pub struct Ledger {
    /// Bytes that send() has accepted.
    accepted: u64,
    /// Bytes that the system has taken.
    written: u64,
    /// Bytes that no longer count as buffered.
    settled: u64,
    /// Bytes of Blobs among the buffered ones. They do not count against the limit (R-tcp-full).
    blob_buffered: u64,
    /// Bytes of Blobs that are written and not settled.
    blob_written: u64,
    /// send() returns false while more bytes than this are buffered.
    high_water_mark: u64,
    /// maxBufferedAmount in bytes.
    limit: u64,
    /// True between a send() that returned false and the `drain` that follows it.
    drain_due: bool,
}

impl Ledger {
    /// An empty account. send() returns false above `high_water_mark` bytes; `limit` is maxBufferedAmount in bytes.
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

    /// Buffered bytes: `bufferedAmount` before it is clamped to an unsigned long.
    pub fn buffered(&self) -> u64 {
        self.accepted - self.settled
    }

    /// `bufferedAmount`: at most 2^32-1 (R-tcp-send).
    pub fn buffered_amount(&self) -> u32 {
        u32::try_from(self.buffered()).unwrap_or(u32::MAX)
    }

    /// Bytes that the system has taken since the socket was made.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Accepted bytes that the system does not have yet.
    pub fn unwritten(&self) -> u64 {
        self.accepted - self.written
    }

    /// maxBufferedAmount in bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether no written bytes wait for [`Ledger::settle`].
    pub fn is_settled(&self) -> bool {
        self.settled == self.written
    }

    /// Whether so many `bytes` more would pass the limit (R-tcp-full). An empty send() and one made while nothing is buffered
    /// never do.
    pub fn overflows(&self, bytes: u64) -> bool {
        let counted = self.buffered() - self.blob_buffered;
        bytes > 0 && self.buffered() > 0 && counted + bytes > self.limit
    }

    /// Counts bytes that send() accepts. Returns what send() returns: false where the caller should wait for `drain`.
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

    /// The system has taken `bytes`; `from_blobs` of them came from Blobs.
    pub fn wrote(&mut self, bytes: u64, from_blobs: u64) {
        self.written += bytes;
        self.blob_written += from_blobs;
        debug_assert!(self.written <= self.accepted);
    }

    /// A later task has begun: written bytes no longer count as buffered.
    pub fn settle(&mut self) {
        self.settled = self.written;
        self.blob_buffered -= std::mem::take(&mut self.blob_written);
    }

    /// Whether `drain` is to fire now: send() has returned false, and nothing is buffered (R-tcp-drain).
    pub fn drain_ready(&self) -> bool {
        self.drain_due && self.buffered() == 0
    }

    /// `drain` has fired, or is not wanted: it is due again only after the next false.
    pub fn drained(&mut self) {
        self.drain_due = false;
    }
}
