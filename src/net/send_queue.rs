//! The bytes that a stream socket has accepted and not yet written, in order. This file writes nothing.

use std::collections::VecDeque;
use std::io::IoSlice;

use super::memory::{self, NoMemory};
use super::sys;

/// The size in bytes of the chunks into which small sends are merged. With 16 KiB the chunks of 32 busy connections fit into a second-level
/// cache.
const SEND_CHUNK: usize = 16 * 1024;
/// The most free chunks that one pool keeps: 1 MiB in all.
const MAX_FREE_SEND_CHUNKS: usize = 64;
/// The most slices in one gathering write. 64 chunks are 1 MiB, which is more than the system takes at once.
const MAX_SLICES: usize = 64;

/// The free chunks of one environment, or of one relay. An idle connection holds no chunk.
#[derive(Default)]
pub struct Pool {
    /// Empty vectors with a capacity of `SEND_CHUNK` bytes.
    free: Vec<Vec<u8>>,
}

impl Pool {
    /// An empty chunk: a free one, or a new one.
    fn take(&mut self) -> Result<Vec<u8>, NoMemory> {
        match self.free.pop() {
            Some(chunk) => Ok(chunk),
            None => memory::vec(SEND_CHUNK),
        }
    }

    /// Keeps a chunk for the next connection. Frees memory of another size, and chunks beyond the limit.
    pub fn put_back(&mut self, mut chunk: Vec<u8>) {
        if chunk.capacity() == SEND_CHUNK && self.free.len() < MAX_FREE_SEND_CHUNKS {
            chunk.clear();
            self.free.push(chunk);
        }
    }
}

/// Bytes that wait to be written, in the order of the send() calls (R-tcp-order).
#[derive(Default)]
pub struct SendQueue {
    /// The parts of the queue, in order.
    segments: VecDeque<Segment>,
    /// How many segments are `Segment::Blob`.
    blobs: usize,
}

/// A part of the queue.
enum Segment {
    /// Bytes that can be written.
    Bytes {
        /// The memory that holds them.
        data: Vec<u8>,
        /// The index in `data` of the first byte that is not written.
        start: usize,
        /// True if the bytes come from a Blob. Then they do not count against the limit (R-tcp-full).
        from_blob: bool,
    },
    /// The position of a Blob of which some bytes are not read yet. No byte behind it may be written before them.
    Blob {
        /// How many bytes of the Blob are still to be read; at least 1.
        missing: u64,
    },
}

impl SendQueue {
    /// Whether no bytes and no Blob wait.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// How many bytes the queue holds, including those behind a Blob. Bytes of Blobs that are not read yet do not count.
    pub fn bytes(&self) -> u64 {
        let bytes_of = |segment: &Segment| match segment {
            Segment::Bytes { data, start, .. } => (data.len() - start) as u64,
            Segment::Blob { .. } => 0,
        };
        self.segments.iter().map(bytes_of).sum()
    }

    /// Whether bytes can be written now.
    pub fn is_ready(&self) -> bool {
        matches!(self.segments.front(), Some(Segment::Bytes { .. }))
    }

    /// Whether the next bytes to write are those of a Blob and are not read yet.
    pub fn waits_for_blob(&self) -> bool {
        matches!(self.segments.front(), Some(Segment::Blob { .. }))
    }

    /// Whether the queue holds a Blob that is not completely read. Then no bytes may be written without going through the queue.
    pub fn has_blob(&self) -> bool {
        self.blobs > 0
    }

    /// How many bytes the last chunk has room for.
    fn room(&self) -> usize {
        match self.segments.back() {
            Some(Segment::Bytes { data, from_blob: false, .. }) => data.capacity() - data.len(),
            _ => 0,
        }
    }

    /// Whether the last chunk has room for `length` bytes.
    pub fn fits(&self, length: usize) -> bool {
        length <= self.room()
    }

    /// Appends as many bytes as the last chunk has room for. Returns the rest.
    pub fn append<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(Segment::Bytes { data, from_blob: false, .. }) = self.segments.back_mut() else { return bytes };
        let (fitting, rest) = bytes.split_at((data.capacity() - data.len()).min(bytes.len()));
        data.extend_from_slice(fitting);
        rest
    }

    /// Reserves memory for `length` more bytes. The queue does not change.
    pub fn reserve(&mut self, length: usize, pool: &mut Pool) -> Result<Reserved, NoMemory> {
        let missing = length.saturating_sub(self.room());
        if missing == 0 {
            return Ok(Reserved(Vec::new()));
        }
        memory::room_for_one(&mut self.segments)?;
        Ok(Reserved(if missing <= SEND_CHUNK { pool.take()? } else { memory::vec(missing)? }))
    }

    /// Appends a copy of `bytes`.
    pub fn push(&mut self, bytes: &[u8], pool: &mut Pool) -> Result<(), NoMemory> {
        let reserved = self.reserve(bytes.len(), pool)?;
        self.push_reserved(bytes, reserved, pool);
        Ok(())
    }

    /// Appends a copy of `bytes`. `reserved` is memory for at least these bytes.
    pub fn push_reserved(&mut self, bytes: &[u8], reserved: Reserved, pool: &mut Pool) {
        let Reserved(mut data) = reserved;
        let rest = self.append(bytes);
        if rest.is_empty() {
            return pool.put_back(data);
        }
        data.extend_from_slice(rest);
        self.segments.push_back(Segment::Bytes { data, start: 0, from_blob: false });
    }

    /// Reserves memory for [`SendQueue::push_blob`].
    pub fn room_for_blob(&mut self) -> Result<(), NoMemory> {
        memory::room_for_one(&mut self.segments)
    }

    /// Appends a Blob of `size` bytes, at least 1. Its bytes follow later.
    pub fn push_blob(&mut self, size: u64) {
        self.blobs += 1;
        self.segments.push_back(Segment::Blob { missing: size });
    }

    /// Puts the next bytes of the first Blob at its position. Returns how many of them fit into the size of the Blob. The others are not
    /// part of the Blob.
    pub fn fill_blob(&mut self, bytes: &[u8]) -> Result<usize, NoMemory> {
        let blob = self.segments.iter().position(|segment| matches!(segment, Segment::Blob { .. }));
        let Some(at) = blob else { return Ok(0) };
        memory::room_for_one(&mut self.segments)?;
        let Segment::Blob { missing } = &mut self.segments[at] else { return Ok(0) };
        let count = usize::try_from(*missing).unwrap_or(usize::MAX).min(bytes.len());
        let data = memory::copy(&bytes[..count])?;
        *missing -= count as u64;
        if *missing == 0 {
            self.blobs -= 1;
            self.segments.remove(at);
        }
        if count > 0 {
            self.segments.insert(at, Segment::Bytes { data, start: 0, from_blob: true });
        }
        Ok(count)
    }

    /// Takes out the first segment. None: the queue is empty, or a Blob is first.
    pub fn take(&mut self) -> Option<Piece> {
        if !self.is_ready() {
            return None;
        }
        match self.segments.pop_front()? {
            Segment::Bytes { data, start, from_blob } => Some(Piece { data, start, from_blob }),
            Segment::Blob { .. } => None,
        }
    }

    /// Appends to `slices` the bytes that one write may have now ([`sys::MOST_PER_WRITE`]), of at most `MAX_SLICES` segments. If that is
    /// the whole queue, `extra` follows.
    pub fn slices<'a>(&'a self, extra: &'a [u8], slices: &mut Vec<IoSlice<'a>>) {
        let mut room = sys::MOST_PER_WRITE.unwrap_or(usize::MAX);
        let mut push = |bytes: &'a [u8]| {
            let part = &bytes[..bytes.len().min(room)];
            room -= part.len();
            if !part.is_empty() {
                slices.push(IoSlice::new(part));
            }
        };
        for segment in self.segments.iter().take(MAX_SLICES) {
            match segment {
                Segment::Bytes { data, start, .. } => push(&data[*start..]),
                Segment::Blob { .. } => return,
            }
        }
        if self.segments.len() < MAX_SLICES {
            push(extra);
        }
    }

    /// The bytes of the queue if it has exactly one segment. This is the common case and needs no gathering write. None: the queue has no
    /// segment or several, or the segment is a Blob.
    pub fn single(&self) -> Option<&[u8]> {
        match (self.segments.front(), self.segments.len()) {
            (Some(Segment::Bytes { data, start, .. }), 1) => Some(&data[*start..]),
            _ => None,
        }
    }

    /// Drops the first `written` bytes. `written` may be more than the queue holds.
    pub fn consume(&mut self, written: usize, pool: &mut Pool) -> Consumed {
        let mut consumed = Consumed { bytes: 0, from_blobs: 0 };
        while consumed.bytes < written {
            let Some(Segment::Bytes { data, start, from_blob }) = self.segments.front_mut() else { break };
            let count = (data.len() - *start).min(written - consumed.bytes);
            *start += count;
            consumed.bytes += count;
            if *from_blob {
                consumed.from_blobs += count;
            }
            if *start == data.len()
                && let Some(Segment::Bytes { data, .. }) = self.segments.pop_front()
            {
                pool.put_back(data);
            }
        }
        consumed
    }

    /// Drops the whole queue.
    pub fn clear(&mut self, pool: &mut Pool) {
        self.blobs = 0;
        for segment in self.segments.drain(..) {
            if let Segment::Bytes { data, .. } = segment {
                pool.put_back(data);
            }
        }
    }
}

/// Memory that [`SendQueue::reserve`] has reserved. It has no capacity if the last chunk has enough room.
pub struct Reserved(Vec<u8>);

/// Bytes taken out of a [`SendQueue`] without a copy, to be written elsewhere.
pub struct Piece {
    /// The memory that holds them.
    data: Vec<u8>,
    /// The index in `data` of the first byte that is not written.
    start: usize,
    /// True if the bytes come from a Blob.
    pub from_blob: bool,
}

impl Piece {
    /// The bytes that were not dropped.
    pub fn bytes(&self) -> &[u8] {
        &self.data[self.start..]
    }

    /// Drops the first `length` bytes.
    pub fn advance(&mut self, length: usize) {
        self.start += length;
    }

    /// The piece's memory, for [`Pool::put_back`]. None: it does not have the size of a chunk, so a pool would not keep it.
    pub fn into_memory(self) -> Option<Vec<u8>> {
        (self.data.capacity() == SEND_CHUNK).then_some(self.data)
    }
}

/// The result of [`SendQueue::consume`].
pub struct Consumed {
    /// How many bytes were dropped from the queue.
    pub bytes: usize,
    /// How many of them came from a Blob.
    pub from_blobs: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(queue: &SendQueue) -> Vec<u8> {
        let mut slices = Vec::new();
        queue.slices(&[], &mut slices);
        slices.iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn small_sends_share_a_chunk_and_large_ones_keep_their_order() {
        let (mut queue, mut pool) = (SendQueue::default(), Pool::default());
        let mut expected = Vec::new();
        for length in [1, 63, 20_000, 5, 16_384, 7] {
            let bytes = vec![length as u8; length];
            queue.push(&bytes, &mut pool).unwrap();
            expected.extend_from_slice(&bytes);
        }
        assert_eq!(contents(&queue), expected);
        assert_eq!(queue.consume(100, &mut pool).bytes, 100);
        assert_eq!(contents(&queue), expected[100..]);
        assert_eq!(queue.consume(usize::MAX, &mut pool).bytes, expected.len() - 100);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_was_reserved_and_not_needed_goes_back() {
        let (mut queue, mut pool) = (SendQueue::default(), Pool::default());
        for length in [SEND_CHUNK, SEND_CHUNK + 1, 8 * SEND_CHUNK] {
            let reserved = queue.reserve(length, &mut pool).unwrap();
            queue.push_reserved(b"", reserved, &mut pool);
            assert!(queue.is_empty());
        }
        assert_eq!(pool.free.len(), 1);
        let bytes = vec![7; 3 * SEND_CHUNK];
        let reserved = queue.reserve(bytes.len(), &mut pool).unwrap();
        // Here the system has taken as many bytes as one chunk holds.
        queue.push_reserved(&bytes[SEND_CHUNK..], reserved, &mut pool);
        assert_eq!(contents(&queue), bytes[SEND_CHUNK..]);
        assert!(queue.reserve(isize::MAX as usize, &mut pool).is_err());
        assert_eq!(contents(&queue), bytes[SEND_CHUNK..]);
    }

    #[test]
    fn nothing_overtakes_a_blob() {
        let (mut queue, mut pool) = (SendQueue::default(), Pool::default());
        queue.push(b"a", &mut pool).unwrap();
        queue.push_blob(4);
        queue.push(b"z", &mut pool).unwrap();
        assert_eq!(contents(&queue), b"a");
        queue.consume(1, &mut pool);
        assert!(queue.waits_for_blob() && !queue.is_ready());
        assert_eq!(queue.fill_blob(b"bc"), Ok(2));
        assert_eq!(contents(&queue), b"bc");
        assert_eq!(queue.fill_blob(b"de-too-much"), Ok(2));
        assert_eq!(contents(&queue), b"bcdez");
        let consumed = queue.consume(5, &mut pool);
        assert_eq!((consumed.bytes, consumed.from_blobs), (5, 4));
    }
}
