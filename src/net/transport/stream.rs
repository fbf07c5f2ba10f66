//! Calls on the handle of a plain connection, whatever its family, beyond those of std's traits.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;

use crate::net::blocks::{Block, MAX_FREE_BLOCKS};
use crate::net::stream_handle::PolledStream;

/// Ends our direction: the peer reads the end after the last byte.
pub fn shut_down(stream: &PolledStream) {
    // If the socket is not connected any more, the loss is reported as an error of its own.
    let _ = stream.shutdown(Shutdown::Write);
}

/// Makes the connection end with RST, whenever it ends. A Unix socket has no RST: its peer sees an ordinary end, or a reset if bytes of its
/// own are unread (R-unix).
pub fn reset_at_end(stream: &PolledStream) {
    // If this fails, the peer sees FIN in place of RST. The connection ends in both cases.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
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
