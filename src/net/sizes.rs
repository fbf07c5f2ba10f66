//! Sizes that several kinds of sockets share.

/// The most bytes that an ordinary read takes from a socket, so that the other sockets are served too. It is also the size of a block; a
/// large read fills several blocks.
pub const READ_SIZE: usize = 64 * 1024;

/// The most datagrams that one system call receives.
pub const DATAGRAM_BATCH: usize = 32;

/// The distance in bytes between two datagrams in the read buffer. No datagram is longer than 64 KiB. The additional 320 bytes make the
/// first bytes of the datagrams use different cache sets.
pub const DATAGRAM_STRIDE: usize = READ_SIZE + 320;
