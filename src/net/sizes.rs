//! Sizes that several kinds of sockets share.

/// One read takes at most this many bytes from a socket, so that the others have their turn. It is also the size of the blocks that large
/// reads fill.
pub const READ_SIZE: usize = 64 * 1024;

/// Datagrams that one system call receives.
pub const DATAGRAM_BATCH: usize = 32;

/// The distance of two datagrams in the read buffer: no datagram is longer than 64 KiB, and the odd step keeps their first bytes
/// out of one another's cache sets.
pub const DATAGRAM_STRIDE: usize = READ_SIZE + 320;
