//! Decrypted bytes, in chunks, on their way from the driver to the socket.

use std::collections::VecDeque;
use std::io::IoSliceMut;
use std::sync::{Mutex, PoisonError};

use crate::net::memory::{self, NoMemory};

/// The size in bytes of the chunks in which decrypted bytes are collected. One chunk becomes one message.
pub const PLAIN_CHUNK: usize = 64 * 1024;
/// The most free chunks that the process keeps for all connections: 4 MiB in all.
const FREE_PLAIN_CHUNKS: usize = 64;

/// Free chunks, for all connections of the process.
static FREE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// An empty chunk with room for `length` bytes, or for [`PLAIN_CHUNK`] bytes if `length` is larger.
pub fn chunk(length: usize) -> Result<Vec<u8>, NoMemory> {
    if length < PLAIN_CHUNK / 16 {
        return memory::vec(length);
    }
    let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    free.map_or_else(|| memory::vec(PLAIN_CHUNK), Ok)
}

/// Keeps a chunk that is not needed any more for other connections. Frees it if its size differs, or if there are enough.
pub fn put_back(mut chunk: Vec<u8>) {
    if chunk.capacity() != PLAIN_CHUNK {
        return;
    }
    chunk.clear();
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    if free.len() < FREE_PLAIN_CHUNKS {
        free.push(chunk);
    }
}

/// Chunks that the socket reads.
#[derive(Default)]
pub struct PlainChunks {
    /// The chunks, in order.
    chunks: VecDeque<Vec<u8>>,
    /// How many bytes of the first chunk are read.
    start: usize,
}

impl PlainChunks {
    /// Copies bytes into `slices`, one slice after the other, and returns how many. Where all chunks are read, `refill` may add more.
    ///
    /// The bytes lie without a gap. So a slice that cannot be filled ends the copying, although the driver, on its own thread, may
    /// have added more by the time that the next slice is looked at.
    pub fn read(&mut self, slices: &mut [IoSliceMut<'_>], mut refill: impl FnMut(&mut VecDeque<Vec<u8>>)) -> usize {
        let mut total = 0;
        for slice in slices {
            let mut room = &mut slice[..];
            while !room.is_empty() {
                if self.chunks.is_empty() {
                    refill(&mut self.chunks);
                }
                let Some(chunk) = self.chunks.front() else { return total };
                let rest = &chunk[self.start..];
                let length = rest.len().min(room.len());
                let (filled, left) = room.split_at_mut(length);
                filled.copy_from_slice(&rest[..length]);
                room = left;
                total += length;
                self.start += length;
                if self.start == chunk.len()
                    && let Some(chunk) = self.chunks.pop_front()
                {
                    self.start = 0;
                    put_back(chunk);
                }
            }
        }
        total
    }

    /// Drops the bytes that are not read. Returns how many there were.
    pub fn clear(&mut self) -> usize {
        let bytes = self.chunks.iter().map(Vec::len).sum::<usize>() - self.start;
        self.start = 0;
        self.chunks.drain(..).for_each(put_back);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each refill gives the next of `refills`; `None`: nothing has arrived by then.
    fn read(chunks: &mut PlainChunks, slices: &mut [&mut [u8]], refills: &mut VecDeque<Option<&[u8]>>) -> usize {
        let mut slices: Vec<IoSliceMut<'_>> = slices.iter_mut().map(|slice| IoSliceMut::new(slice)).collect();
        chunks.read(&mut slices, |chunks| chunks.extend(refills.pop_front().flatten().map(<[u8]>::to_vec)))
    }

    /// The driver adds bytes between two slices: a gap would be memory that nobody has written.
    #[test]
    fn bytes_that_arrive_while_it_copies_leave_no_gap() {
        for before in [&b""[..], b"a", b"abc"] {
            let (mut first, mut second) = ([b'-'; 4], [b'-'; 4]);
            let mut refills = VecDeque::from([Some(before).filter(|bytes| !bytes.is_empty()), None, Some(b"later")]);
            let mut chunks = PlainChunks::default();
            let total = read(&mut chunks, &mut [&mut first, &mut second], &mut refills);
            assert_eq!(total, before.len());
            assert_eq!(&first[..total], before);
            assert_eq!((&first[total..], second), (&[b'-'; 4][total..], [b'-'; 4]), "nothing else is written");
        }
    }

    #[test]
    fn all_bytes_come_in_order_however_slices_and_chunks_are_cut() {
        let bytes: Vec<u8> = (0..=255).collect();
        for (size, cut) in [(1, 7), (3, 64), (50, 5), (64, 64), (300, 10)] {
            let mut refills: VecDeque<Option<&[u8]>> = bytes.chunks(cut).flat_map(|part| [Some(part), None]).collect();
            let (mut chunks, mut received) = (PlainChunks::default(), Vec::new());
            while received.len() < bytes.len() {
                let mut memory = [vec![0; size], vec![0; size], vec![0; size]];
                let total = read(&mut chunks, &mut memory.each_mut().map(|slice| &mut slice[..]), &mut refills);
                received.extend_from_slice(&memory.concat()[..total]);
            }
            assert_eq!(received, bytes, "slices of {size}, chunks of {cut}");
            assert_eq!(chunks.clear(), 0);
        }
    }

    #[test]
    fn clear_counts_what_was_not_read() {
        let mut chunks = PlainChunks::default();
        let mut slice = [0; 3];
        assert_eq!(read(&mut chunks, &mut [&mut slice], &mut VecDeque::from([Some(&b"abcde"[..])])), 3);
        assert_eq!((chunks.clear(), chunks.clear()), (2, 0));
    }
}
