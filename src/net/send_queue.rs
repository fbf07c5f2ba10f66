use std::collections::VecDeque;
use std::io::IoSlice;

use super::memory::{self, NoMemory};

/// Small sends are merged into chunks of this size. 16 KiB keeps 32 busy connections' chunks in a second-level cache.
const CHUNK: usize = 16 * 1024;
/// Free chunks kept for the next connection: 1 MiB in all.
const FREE_CHUNKS: usize = 64;
/// Slices in one gathering write. 64 chunks are 1 MiB, more than a socket takes at once.
const SLICES: usize = 64;

/// The free chunks of an environment: an idle connection holds none.
#[derive(Default)]
pub struct Pool {
    free: Vec<Vec<u8>>,
}

impl Pool {
    fn take(&mut self) -> Result<Vec<u8>, NoMemory> {
        match self.free.pop() {
            Some(chunk) => Ok(chunk),
            None => memory::vec(CHUNK),
        }
    }

    /// Keeps an emptied chunk for the next connection.
    pub fn put_back(&mut self, mut chunk: Vec<u8>) {
        if chunk.capacity() == CHUNK && self.free.len() < FREE_CHUNKS {
            chunk.clear();
            self.free.push(chunk);
        }
    }
}

/// Bytes waiting to be written, in the order of the send() calls (R-tcp-order).
#[derive(Default)]
pub struct SendQueue {
    segments: VecDeque<Segment>,
    /// How many of them are Blobs.
    blobs: usize,
}

enum Segment {
    Bytes {
        data: Vec<u8>,
        start: usize,
        from_blob: bool,
    },
    /// The bytes of a Blob that have not been read yet. Nothing behind it may overtake it.
    Blob {
        missing: u64,
    },
}

impl SendQueue {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// How many bytes wait, those of Blobs that have not been read aside.
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

    /// Whether a Blob's bytes are the next that are needed.
    pub fn waits_for_blob(&self) -> bool {
        matches!(self.segments.front(), Some(Segment::Blob { .. }))
    }

    /// Whether a Blob stands anywhere: then nothing may be written past the queue.
    pub fn has_blob(&self) -> bool {
        self.blobs > 0
    }

    /// What the last chunk has room for.
    fn room(&self) -> usize {
        match self.segments.back() {
            Some(Segment::Bytes { data, from_blob: false, .. }) => data.capacity() - data.len(),
            _ => 0,
        }
    }

    /// Whether there is room for `length` bytes more.
    pub fn fits(&self, length: usize) -> bool {
        length <= self.room()
    }

    /// Appends what fits into the last chunk. Returns the rest.
    pub fn append<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(Segment::Bytes { data, from_blob: false, .. }) = self.segments.back_mut() else { return bytes };
        let (fitting, rest) = bytes.split_at((data.capacity() - data.len()).min(bytes.len()));
        data.extend_from_slice(fitting);
        rest
    }

    /// Memory for `length` bytes more, to be had before anything changes.
    pub fn reserve(&mut self, length: usize, pool: &mut Pool) -> Result<Reserved, NoMemory> {
        let missing = length.saturating_sub(self.room());
        if missing == 0 {
            return Ok(Reserved(Vec::new()));
        }
        memory::room_for_one(&mut self.segments)?;
        Ok(Reserved(if missing <= CHUNK { pool.take()? } else { memory::vec(missing)? }))
    }

    /// Appends a copy of `bytes`.
    pub fn push(&mut self, bytes: &[u8], pool: &mut Pool) -> Result<(), NoMemory> {
        let reserved = self.reserve(bytes.len(), pool)?;
        self.push_reserved(bytes, reserved, pool);
        Ok(())
    }

    /// Appends a copy of `bytes`, for which, or for more, there is memory.
    pub fn push_reserved(&mut self, bytes: &[u8], reserved: Reserved, pool: &mut Pool) {
        let Reserved(mut data) = reserved;
        let rest = self.append(bytes);
        if rest.is_empty() {
            return pool.put_back(data);
        }
        data.extend_from_slice(rest);
        self.segments.push_back(Segment::Bytes { data, start: 0, from_blob: false });
    }

    /// Makes room for the place of a Blob.
    pub fn room_for_blob(&mut self) -> Result<(), NoMemory> {
        memory::room_for_one(&mut self.segments)
    }

    /// Keeps the place of a Blob of `size` bytes (more than 0).
    pub fn push_blob(&mut self, size: u64) {
        self.blobs += 1;
        self.segments.push_back(Segment::Blob { missing: size });
    }

    /// The next bytes of the first Blob. Returns how many of them belonged to it: the rest is more than its size.
    pub fn fill_blob(&mut self, bytes: &[u8]) -> Result<usize, NoMemory> {
        let blob = self.segments.iter().position(|segment| matches!(segment, Segment::Blob { .. }));
        let Some(at) = blob else { return Ok(0) };
        memory::room_for_one(&mut self.segments)?;
        let Segment::Blob { missing } = &mut self.segments[at] else { return Ok(0) };
        let taken = usize::try_from(*missing).unwrap_or(usize::MAX).min(bytes.len());
        let data = memory::copy(&bytes[..taken])?;
        *missing -= taken as u64;
        if *missing == 0 {
            self.blobs -= 1;
            self.segments.remove(at);
        }
        if taken > 0 {
            self.segments.insert(at, Segment::Bytes { data, start: 0, from_blob: true });
        }
        Ok(taken)
    }

    /// Takes the first piece, where its bytes are there.
    pub fn take(&mut self) -> Option<Piece> {
        if !self.is_ready() {
            return None;
        }
        match self.segments.pop_front()? {
            Segment::Bytes { data, start, from_blob } => Some(Piece { data, start, from_blob }),
            Segment::Blob { .. } => None,
        }
    }

    /// The bytes that can be written now, at most `SLICES` pieces of them, then `extra` if everything else is in.
    pub fn slices<'a>(&'a self, extra: &'a [u8], slices: &mut Vec<IoSlice<'a>>) {
        for segment in self.segments.iter().take(SLICES) {
            match segment {
                Segment::Bytes { data, start, .. } => slices.push(IoSlice::new(&data[*start..])),
                Segment::Blob { .. } => return,
            }
        }
        if !extra.is_empty() && self.segments.len() < SLICES {
            slices.push(IoSlice::new(extra));
        }
    }

    /// The first piece, where it is the only one: the common case, written without gathering.
    pub fn single(&self) -> Option<&[u8]> {
        match (self.segments.front(), self.segments.len()) {
            (Some(Segment::Bytes { data, start, .. }), 1) => Some(&data[*start..]),
            _ => None,
        }
    }

    /// Drops the first `written` bytes. Returns how many were the queue's, and how many of those a Blob's.
    pub fn consume(&mut self, written: usize, pool: &mut Pool) -> Consumed {
        let mut consumed = Consumed { bytes: 0, from_blobs: 0 };
        while consumed.bytes < written {
            let Some(Segment::Bytes { data, start, from_blob }) = self.segments.front_mut() else { break };
            let taken = (data.len() - *start).min(written - consumed.bytes);
            *start += taken;
            consumed.bytes += taken;
            if *from_blob {
                consumed.from_blobs += taken;
            }
            if *start == data.len()
                && let Some(Segment::Bytes { data, .. }) = self.segments.pop_front()
            {
                pool.put_back(data);
            }
        }
        consumed
    }

    /// Drops everything.
    pub fn clear(&mut self, pool: &mut Pool) {
        self.blobs = 0;
        for segment in self.segments.drain(..) {
            if let Segment::Bytes { data, .. } = segment {
                pool.put_back(data);
            }
        }
    }
}

/// What [`SendQueue::reserve`] has got.
pub struct Reserved(Vec<u8>);

/// Bytes taken out of a [`SendQueue`] as they are, to be written elsewhere.
pub struct Piece {
    data: Vec<u8>,
    start: usize,
    /// They are a Blob's.
    pub from_blob: bool,
}

impl Piece {
    /// What is left of it.
    pub fn bytes(&self) -> &[u8] {
        &self.data[self.start..]
    }

    /// Drops the first `length` bytes.
    pub fn advance(&mut self, length: usize) {
        self.start += length;
    }

    /// Its memory, where a [`Pool`] has a use for it.
    pub fn into_memory(self) -> Option<Vec<u8>> {
        (self.data.capacity() == CHUNK).then_some(self.data)
    }
}

/// What [`SendQueue::consume`] dropped.
pub struct Consumed {
    /// Bytes that stood in the queue.
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
        for length in [CHUNK, CHUNK + 1, 8 * CHUNK] {
            let reserved = queue.reserve(length, &mut pool).unwrap();
            queue.push_reserved(b"", reserved, &mut pool);
            assert!(queue.is_empty());
        }
        assert_eq!(pool.free.len(), 1);
        let bytes = vec![7; 3 * CHUNK];
        let reserved = queue.reserve(bytes.len(), &mut pool).unwrap();
        // The system has taken the rest meanwhile.
        queue.push_reserved(&bytes[CHUNK..], reserved, &mut pool);
        assert_eq!(contents(&queue), bytes[CHUNK..]);
        assert!(queue.reserve(isize::MAX as usize, &mut pool).is_err());
        assert_eq!(contents(&queue), bytes[CHUNK..]);
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
