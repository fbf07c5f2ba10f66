//! The handles of connected stream sockets, TCP's and Unix'.
//!
//! On a connected stream socket, reading, writing, peeking, shutdown and SO_ERROR are the same system calls for every family. The types of
//! std, mio and tokio that are called `TcpStream` own a descriptor and make these calls, so they serve for both families here. Connecting,
//! accepting and addresses differ: `tcp_open.rs` and `transport/tcp.rs` do that for TCP, `unix.rs` for Unix sockets.

/// A handle that a poll set can watch. The JavaScript thread does its I/O.
pub use mio::net::TcpStream as PolledStream;
/// A handle that neither a poll set nor the tokio runtime watches.
pub use std::net::TcpStream as StdStream;
/// A handle that the tokio runtime watches. A task does its I/O.
pub use tokio::net::TcpStream as TaskStream;
