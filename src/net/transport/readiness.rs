//! What a transport knows about its connection without a system call. This file makes none.

use std::io;

use crate::net::sys;

/// The state of a connection, as far as it is known without a system call.
#[derive(Default)]
pub struct Readiness {
    /// True while there may be bytes to read, or the peer's end.
    pub readable: bool,
    /// True while the system may have room for more bytes.
    pub writable: bool,
    /// True if the poll set also reports room to write. For an accepted socket this begins when a write does not fit, which saves one
    /// report.
    pub watches_writes: bool,
    /// True if the poll set reported the peer's end. Unread bytes may come before that end.
    pub peer_end: bool,
    /// True if the poll set reported an error that was not taken yet.
    pub error: bool,
    /// What a short read means.
    pub short_read: ShortRead,
}

/// What a read of fewer bytes than its room means. The system also ends a read in front of an urgent byte (MSG_OOB), and on a Unix socket
/// behind file descriptors that the peer has passed (SCM_RIGHTS).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum ShortRead {
    /// The system has no more bytes.
    #[default]
    NoMore,
    /// The system has no more bytes, unless the read reports passed descriptors.
    Checked,
    /// More may follow: the peer has sent an urgent byte or a descriptor before. Only WouldBlock shows that the system has no more bytes.
    MoreMayFollow,
}

impl Readiness {
    /// Updates the readiness after a read, and returns the read's result. `room` is the most bytes that the read could take.
    pub fn after_read(&mut self, read: io::Result<usize>, room: usize) -> io::Result<usize> {
        match &read {
            Ok(0) => {
                self.readable = false;
                self.peer_end = false;
            }
            // A short read has emptied the socket, unless the peer's end follows, or reads can be short for another reason. (Some poll sets
            // report again only after WouldBlock, so there the socket stays readable.)
            Ok(length) => {
                let may_follow = self.peer_end || self.error || self.short_read == ShortRead::MoreMayFollow;
                self.readable = *length == room || may_follow || sys::REARMS_ON_WOULD_BLOCK;
            }
            Err(_) => self.readable = false,
        }
        read
    }

    /// A read without a connection. Returns WouldBlock.
    pub fn nothing_to_read(&mut self) -> io::Result<usize> {
        self.readable = false;
        Err(io::ErrorKind::WouldBlock.into())
    }
}
