//! bufferedAmount, and when `drain` is due. It counts bytes and stores none.

/// The bufferedAmount account of one socket. Each count includes all bytes since the socket was made. bufferedAmount is the difference
/// between two counts.
///
/// `accepted` ≥ `written` ≥ `settled`. A byte is *accepted* by send(), and *written* once the system has it. It is *settled*, so that it
/// does not count as buffered any more, in a later task (R-tcp-send: bufferedAmount falls only in a later task).
#[derive(Debug)]
pub struct Ledger {
    /// Bytes that send() has accepted.
    accepted: u64,
    /// Bytes that the system has taken.
    written: u64,
    /// Bytes that do not count as buffered any more.
    settled: u64,
    /// How many of the buffered bytes are bytes of Blobs. These do not count against the limit (R-tcp-full).
    blob_buffered: u64,
    /// Bytes of Blobs that are written and not yet settled.
    blob_written: u64,
    /// The high-water mark in bytes. A send() returns false if more bytes than this are buffered after it.
    high_water_mark: u64,
    /// maxBufferedAmount in bytes.
    limit: u64,
    /// True between a send() that returned false and the `drain` that follows it.
    drain_due: bool,
}

impl Ledger {
    /// An empty account. `high_water_mark` is in bytes; above it send() returns false. `limit` is maxBufferedAmount in bytes.
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

    /// The buffered bytes: `bufferedAmount` before it is clamped to an unsigned long.
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

    /// Changes the limits that are given: the high-water mark and maxBufferedAmount. They count from the next send() on.
    pub fn change(&mut self, high_water_mark: Option<u32>, limit: Option<u32>) {
        self.high_water_mark = high_water_mark.map_or(self.high_water_mark, u64::from);
        self.limit = limit.map_or(self.limit, u64::from);
    }

    /// Whether all written bytes are settled. If not, [`Ledger::settle`] is due in a later task.
    pub fn is_settled(&self) -> bool {
        self.settled == self.written
    }

    /// Whether a send() of `bytes` bytes would pass the limit (R-tcp-full). An empty send() never does. Nor does a send() while nothing is
    /// buffered.
    pub fn overflows(&self, bytes: u64) -> bool {
        let counted = self.buffered() - self.blob_buffered;
        bytes > 0 && self.buffered() > 0 && counted + bytes > self.limit
    }

    /// Counts bytes that send() accepts. Returns the result of send(): false means that the caller should wait for `drain`.
    pub fn accept(&mut self, bytes: u64) -> bool {
        self.accepted += bytes;
        if bytes > 0 && self.buffered() > self.high_water_mark {
            self.drain_due = true;
            return false;
        }
        true
    }

    /// As [`Ledger::accept`], for the bytes of a Blob.
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

    /// A later task has begun: the written bytes do not count as buffered any more.
    pub fn settle(&mut self) {
        self.settled = self.written;
        self.blob_buffered -= std::mem::take(&mut self.blob_written);
    }

    /// Whether `drain` is to fire now: a send() has returned false, and nothing is buffered any more (R-tcp-drain).
    pub fn drain_ready(&self) -> bool {
        self.drain_due && self.buffered() == 0
    }

    /// `drain` has fired, or is not wanted. It is due again only after the next send() that returns false.
    pub fn drained(&mut self) {
        self.drain_due = false;
    }
}
