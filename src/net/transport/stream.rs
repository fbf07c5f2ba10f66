//! The trait that a kind of stream implements to be used as a plain connection, and functions that all kinds share.

use std::io::{self, ErrorKind, IoSliceMut, Read, Write};
use std::net::SocketAddr;

use mio::event::Source;

use super::Failure;
use crate::net::blocks::{Block, MAX_FREE_BLOCKS};

/// A stream that does not block.
pub trait Stream: Source + Read + Write {
    /// Returns what has become of the connection attempt. Called after the poll set has reported the stream.
    fn outcome(&self) -> Outcome;

    /// The stream's error, which the system reports once.
    fn take_error(&self) -> Option<io::Error>;

    /// Reads without removing the bytes from the system's buffer. `Ok(0)` is the peer's end.
    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Ends our direction: the peer reads the end after the last byte.
    fn shut_down(&self);

    /// Makes the connection end with RST, whenever it ends. A kind of stream without RST does what is closest to it.
    fn reset_at_end(&self);

    /// How many bytes the system holds until the peer has acknowledged them. `None`: the system does not report it.
    fn unacknowledged(&self) -> Option<u64>;
}

/// The state of a connection attempt.
pub enum Outcome {
    /// There is no result yet: the poll set reported the stream too early.
    None,
    /// The connection is established. The value is our end's address in canonical form, if the system gives it.
    Established(Option<SocketAddr>),
    /// The connection was established, and is lost already.
    Lost(io::Error),
    /// The attempt failed.
    Failed(Failure),
}

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
