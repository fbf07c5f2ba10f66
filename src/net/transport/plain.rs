//! A plain connection: it has no TLS, and the JavaScript thread does its I/O.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};

use mio::{Interest, Registry};
use socket2::SockRef;

use super::readiness::{Readiness, ShortRead};
use super::stream::{uninterrupted, with_slices};
use super::tcp::{ConnectOutcome, outcome};
use super::upgrade::Upgrade;
use super::{Attempt, Discarded, Failure, Finish, WriteReport};
use crate::net::blocks::Block;
use crate::net::context::Context;
use crate::net::send_queue::SendQueue;
use crate::net::stream_handle::{PolledStream, one_write, reset_at_end, shut_down};
use crate::net::sys::unacknowledged;
use crate::net::syscall::Syscall;
use crate::net::{Id, sys};

/// The most reads of bytes that are dropped, for one socket in one turn.
const DROPPED_READS: usize = 4;

/// A plain connection.
pub struct Plain {
    /// The connection.
    stream: PolledStream,
    /// TLS that is to follow. `None`: the connection stays plain.
    pub upgrade: Option<Box<Upgrade>>,
}

impl Plain {
    pub fn new(stream: PolledStream, upgrade: Option<Box<Upgrade>>) -> Self {
        Self { stream, upgrade }
    }

    /// Whether TLS is to follow.
    pub fn awaits_tls(&self) -> bool {
        self.upgrade.is_some()
    }

    pub fn register(&mut self, writes: bool, id: Id, registry: &Registry) -> Result<(), Failure> {
        let registered = registry.register(&mut self.stream, id.token(), interest(writes));
        registered.map_err(|error| Failure { syscall: Syscall::Watch, error })
    }

    /// Registers the stream again, so that room to write is reported too.
    fn reregister(&mut self, id: Id, registry: &Registry) -> Result<(), Failure> {
        let registered = registry.reregister(&mut self.stream, id.token(), interest(true));
        registered.map_err(|error| Failure { syscall: Syscall::Watch, error })
    }

    /// Takes the stream out of the poll set.
    pub fn deregister(mut self, registry: &Registry) -> PolledStream {
        // If the poll set does not know the stream, there is nothing to remove.
        let _ = registry.deregister(&mut self.stream);
        self.stream
    }

    /// Returns what has become of the connection attempt.
    pub fn attempt(&mut self, readiness: &mut Readiness, id: Id, registry: &Registry) -> Attempt {
        match outcome(&self.stream) {
            ConnectOutcome::Established(local) => {
                readiness.error = false;
                Attempt::Established { local }
            }
            // If TLS is to follow, the attempt has failed, and no listener gets the received bytes (R-tcp-secure-open).
            ConnectOutcome::Lost(error) if self.awaits_tls() => {
                Attempt::Failed(Failure { syscall: Syscall::Connect, error })
            }
            ConnectOutcome::Lost(error) => {
                readiness.readable = true;
                Attempt::EstablishedAndLost(Failure { syscall: Syscall::Read, error })
            }
            ConnectOutcome::Failed(failure) => Attempt::Failed(failure),
            ConnectOutcome::None => {
                readiness.writable = false;
                // Some poll sets report again only after a call that would have blocked. `outcome` made no such call, so the stream is
                // registered again.
                let watched = if sys::REARMS_ON_WOULD_BLOCK { self.reregister(id, registry) } else { Ok(()) };
                watched.map_or_else(Attempt::Failed, |()| Attempt::UnderWay)
            }
        }
    }

    /// The connection's error, which the system reports once.
    pub fn take_error(&self) -> Option<io::Error> {
        self.stream.take_error().ok().flatten()
    }

    /// Returns whether the next read would return the peer's end.
    pub fn peek_end(&self, readiness: &mut Readiness) -> Result<bool, Failure> {
        match self.stream.peek(&mut [0]) {
            Ok(length) => Ok(length == 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                readiness.peer_end = false;
                Ok(false)
            }
            Err(error) => Err(Failure { syscall: Syscall::Read, error }),
        }
    }

    /// Whether there are bytes to read.
    pub fn has_unread(&self, readiness: &mut Readiness) -> bool {
        if readiness.readable && !matches!(self.stream.peek(&mut [0]), Ok(1..)) {
            readiness.readable = false;
        }
        readiness.readable
    }

    pub fn read(&mut self, buffer: &mut [u8], readiness: &mut Readiness) -> io::Result<usize> {
        let room = buffer.len();
        let read = match readiness.short_read {
            ShortRead::Checked => self.read_checked(&mut [IoSliceMut::new(buffer)], readiness),
            ShortRead::NoMore | ShortRead::MoreMayFollow => uninterrupted(|| self.stream.read(buffer)),
        };
        readiness.after_read(read, room)
    }

    pub fn read_blocks(&mut self, blocks: &mut [Block], readiness: &mut Readiness) -> io::Result<usize> {
        with_slices(blocks, |slices, room| {
            let read = match readiness.short_read {
                ShortRead::Checked => self.read_checked(slices, readiness),
                ShortRead::NoMore | ShortRead::MoreMayFollow => uninterrupted(|| self.stream.read_vectored(slices)),
            };
            readiness.after_read(read, room)
        })
    }

    /// Reads, and checks whether the peer has passed descriptors. The system closes these.
    fn read_checked(&mut self, slices: &mut [IoSliceMut<'_>], readiness: &mut Readiness) -> io::Result<usize> {
        uninterrupted(|| {
            let (length, may_be_split) = sys::read_checked(&mut self.stream, slices)?;
            if may_be_split {
                readiness.short_read = ShortRead::MoreMayFollow;
            }
            Ok(length)
        })
    }

    pub fn discard(&mut self, buffer: &mut [u8], readiness: &mut Readiness) -> Discarded {
        let mut discarded = Discarded::default();
        for _ in 0..DROPPED_READS {
            match uninterrupted(|| self.stream.read(buffer)) {
                Ok(0) => discarded.end = Some(Ok(())),
                Ok(_) => {
                    discarded.any = true;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => discarded.end = Some(Err(Failure { syscall: Syscall::Read, error })),
            }
            readiness.readable = false;
            break;
        }
        discarded
    }

    pub fn write(
        &mut self,
        queue: &mut SendQueue,
        extra: &[u8],
        bound: usize,
        readiness: &mut Readiness,
        id: Id,
        context: &mut Context,
    ) -> WriteReport {
        let (mut report, mut total) = (WriteReport::default(), 0);
        while readiness.writable && total < bound {
            let rest = &extra[report.of_extra..];
            let Some(written) = write_once(&mut self.stream, queue, rest) else { break };
            match written {
                Ok(written) => {
                    let consumed = queue.consume(written, &mut context.pool);
                    report.of_extra += written - consumed.bytes;
                    report.written.bytes += written as u64;
                    report.written.of_blobs += consumed.from_blobs as u64;
                    total += written;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    readiness.writable = false;
                    if !std::mem::replace(&mut readiness.watches_writes, true) {
                        report.failure = self.reregister(id, &context.registry).err();
                    }
                }
                Err(error) => {
                    // Bytes that came before the loss can still be read (R-tcp-lost).
                    readiness.readable = true;
                    report.failure = Some(Failure { syscall: Syscall::Write, error });
                    break;
                }
            }
        }
        report
    }

    pub fn finish(&self, closing: bool) -> Finish {
        if self.awaits_tls() {
            return Finish::UnderWay;
        }
        if !closing {
            shut_down(&self.stream);
        }
        Finish::Sent
    }

    /// The system's socket.
    pub fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.stream)
    }

    /// How many bytes the system holds until the peer has acknowledged them. `None`: the system does not report it.
    pub fn unacknowledged(&self) -> Option<u64> {
        unacknowledged(&SockRef::from(&self.stream))
    }

    pub fn reset_at_end(&self) {
        reset_at_end(&self.stream);
    }
}

fn interest(writes: bool) -> Interest {
    if writes { sys::READS | Interest::WRITABLE } else { sys::READS }
}

/// Writes the queue once, followed by `extra`. `None`: there is nothing that can be written.
fn write_once(stream: &mut PolledStream, queue: &SendQueue, extra: &[u8]) -> Option<io::Result<usize>> {
    match queue.single() {
        Some(bytes) if extra.is_empty() => return Some(stream.write(one_write(bytes))),
        None if queue.is_empty() && extra.is_empty() => return None,
        None if queue.is_empty() => return Some(stream.write(one_write(extra))),
        _ => {}
    }
    let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(8);
    queue.slices(extra, &mut slices);
    (!slices.is_empty()).then(|| stream.write_vectored(&slices))
}
