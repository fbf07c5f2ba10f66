//! Memory of the reader, into which received bytes can be decrypted. So they are copied once, while they are still in the processor's cache.

use std::io::IoSliceMut;

/// Memory for decrypted bytes. It is filled from its start, without a gap.
pub struct Direct<'slices, 'memory> {
    /// The slices that have room. `start` is where the room of the first one begins.
    free: &'slices mut [IoSliceMut<'memory>],
    /// How many bytes of the first slice are filled.
    start: usize,
    /// How many bytes are filled in all.
    filled: usize,
}

impl<'slices, 'memory> Direct<'slices, 'memory> {
    /// Memory without room: all bytes go to the session.
    pub fn none() -> Self {
        Self { free: &mut [], start: 0, filled: 0 }
    }

    /// Memory of a reader whose first `used` bytes are filled already. No other bytes wait in the session.
    pub fn after(used: usize, slices: &'slices mut [IoSliceMut<'memory>]) -> Self {
        let (mut free, mut start) = (slices, used);
        while let Some(first) = free.first()
            && start >= first.len()
        {
            start -= first.len();
            free = &mut std::mem::take(&mut free)[1..];
        }
        Self { free, start, filled: 0 }
    }

    /// For how many bytes there is room.
    pub fn room(&self) -> usize {
        self.free.iter().map(|slice| slice.len()).sum::<usize>() - self.start
    }

    /// How many bytes are filled.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Copies as many bytes as there is room for. Returns the others.
    pub fn take<'bytes>(&mut self, mut bytes: &'bytes [u8]) -> &'bytes [u8] {
        while !bytes.is_empty() && !self.free.is_empty() {
            let room = &mut self.free[0][self.start..];
            let length = bytes.len().min(room.len());
            room[..length].copy_from_slice(&bytes[..length]);
            (self.start, self.filled) = (self.start + length, self.filled + length);
            bytes = &bytes[length..];
            if self.start == self.free[0].len() {
                self.free = &mut std::mem::take(&mut self.free)[1..];
                self.start = 0;
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_filled_in_order_and_what_has_no_room_is_returned() {
        for cut in [1, 2, 3, 5, 8, 20] {
            let mut memory = [vec![0; 3], vec![], vec![0; 1], vec![0; 4]];
            let mut slices = memory.each_mut().map(|slice| IoSliceMut::new(slice));
            let mut direct = Direct::after(0, &mut slices);
            assert_eq!((direct.room(), direct.filled()), (8, 0));
            let bytes: Vec<u8> = (1..=11).collect();
            let left: Vec<u8> = bytes.chunks(cut).flat_map(|part| direct.take(part).to_vec()).collect();
            assert_eq!((direct.room(), direct.filled()), (0, 8));
            assert_eq!(left, bytes[8..]);
            assert_eq!(memory.concat(), bytes[..8]);
        }
    }

    #[test]
    fn the_used_beginning_stays_as_it_is() {
        for used in 0..=8 {
            let mut memory = [vec![0; 3], vec![], vec![0; 1], vec![0; 4]];
            let mut slices = memory.each_mut().map(|slice| IoSliceMut::new(slice));
            let mut direct = Direct::after(used, &mut slices);
            assert_eq!((direct.room(), direct.filled()), (8 - used, 0));
            assert_eq!(direct.take(&[7; 9]).len(), 1 + used);
            assert_eq!((direct.room(), direct.filled()), (0, 8 - used));
            let expected: Vec<u8> = (0..8).map(|at| if at < used { 0 } else { 7 }).collect();
            assert_eq!(memory.concat(), expected);
        }
    }

    #[test]
    fn none_takes_nothing() {
        let mut none = Direct::none();
        assert_eq!((none.room(), none.take(b"abc"), none.filled()), (0, &b"abc"[..], 0));
    }
}
