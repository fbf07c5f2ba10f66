//! Two ways in which the reads of all transports are made.

use std::io::{self, ErrorKind, IoSliceMut};

use crate::net::blocks::{Block, MAX_FREE_BLOCKS};

/// Calls `read` again as long as a signal interrupts it.
pub fn uninterrupted(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Calls `read` with the memory of the blocks, and with its total size in bytes.
pub fn with_slices<T>(blocks: &mut [Block], read: impl FnOnce(&mut [IoSliceMut<'_>], usize) -> T) -> T {
    let mut slices: [IoSliceMut<'_>; MAX_FREE_BLOCKS] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
    let (mut room, count) = (0, blocks.len());
    for (slice, block) in slices.iter_mut().zip(blocks) {
        *slice = IoSliceMut::new(block.as_mut_slice());
        room += slice.len();
    }
    read(&mut slices[..count], room)
}
