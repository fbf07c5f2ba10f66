//! What a kind of stream has to offer to be a plain connection, and what all kinds share.

use std::io::{self, ErrorKind, IoSliceMut, Read, Write};
use std::net::SocketAddr;

use mio::event::Source;

use super::Failure;
use crate::net::blocks::{Block, MAX_FREE_BLOCKS};

/// A stream that does not block.
pub trait Stream: Source + Read + Write {
    /// What has become of the connection attempt, once the poll set has reported it.
    fn outcome(&self) -> Outcome;

    /// The stream's error, which the system reports once.
    fn take_error(&self) -> Option<io::Error>;

    /// Reads without taking the bytes out. `Ok(0)` is the peer's end.
    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Ends our direction.
    fn shut_down(&self);

    /// The connection ends with RST, or what stands for it, whenever that is.
    fn reset_at_end(&self);

    /// Bytes that the system holds for the peer. `None`: it does not say.
    fn unacknowledged(&self) -> Option<u64>;
}

/// What has become of a connection attempt.
pub enum Outcome {
    /// The poll set woke too early: nothing yet.
    None,
    /// The connection is established; our end's address in canonical form, if the system gives it.
    Established(Option<SocketAddr>),
    /// It was established, and is lost already.
    Lost(io::Error),
    /// The attempt failed.
    Failed(Failure),
}

/// Runs `read` again while a signal interrupts it.
pub fn uninterrupted(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Runs `read` with the memory of blocks, and with how many bytes that is.
pub fn with_slices<T>(blocks: &mut [Block], read: impl FnOnce(&mut [IoSliceMut<'_>], usize) -> T) -> T {
    let mut slices: [IoSliceMut<'_>; MAX_FREE_BLOCKS] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
    let (mut room, count) = (0, blocks.len());
    for (slice, block) in slices.iter_mut().zip(blocks) {
        *slice = IoSliceMut::new(block.as_mut_slice());
        room += slice.len();
    }
    read(&mut slices[..count], room)
}
