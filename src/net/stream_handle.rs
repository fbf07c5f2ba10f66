//! The handles of connected stream sockets, TCP's and Unix'.
//!
//! On a connected stream socket, reading, writing, peeking, shutdown and SO_ERROR are the same system calls for every family. The types of
//! std, mio and tokio that are called `TcpStream` own a descriptor and make these calls, so they serve for both families here. Connecting,
//! accepting and addresses differ: `tcp_open.rs` and `transport/tcp.rs` do that for TCP, `unix.rs` for Unix sockets.

use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;

use super::sys;

/// A handle that a poll set can watch. The JavaScript thread does its I/O.
pub use mio::net::TcpStream as PolledStream;
/// A handle that neither a poll set nor the tokio runtime watches.
pub use std::net::TcpStream as StdStream;
/// A handle that the tokio runtime watches. A task does its I/O.
pub use tokio::net::TcpStream as TaskStream;

/// The beginning of `bytes`, or all of them: what one write may have ([`sys::MOST_PER_WRITE`]).
pub fn one_write(bytes: &[u8]) -> &[u8] {
    match sys::MOST_PER_WRITE {
        Some(most) if bytes.len() > most => &bytes[..most],
        _ => bytes,
    }
}

/// Ends our direction: the peer reads the end after the last byte.
pub fn shut_down<'a>(stream: impl Into<SockRef<'a>>) {
    // If the socket is not connected any more, the loss is reported as an error of its own.
    let _ = stream.into().shutdown(Shutdown::Write);
}

/// Makes the connection end with RST, whenever it ends. A Unix socket has no RST: its peer sees an ordinary end, or a reset if bytes of its
/// own are unread (R-unix).
pub fn reset_at_end<'a>(stream: impl Into<SockRef<'a>>) {
    // If this fails, the peer sees FIN in place of RST. The connection ends in both cases.
    let _ = stream.into().set_linger(Some(Duration::ZERO));
}
