//! The receiving half of a TCP socket: what becomes of the attempt, bytes, the peer's end, a loss.

use std::io::{self, ErrorKind, IoSliceMut, Read};
use std::net::SocketAddr;
use std::time::Instant;

use mio::Interest;
use mio::net::TcpStream;

use super::{TcpSocket, is_transient};
use crate::net::blocks::{Block, Filled, LENT};
use crate::net::context::{Context, READ_SIZE};
use crate::net::event::{EventKind, Place};
use crate::net::syscall::Syscall;
use crate::net::tls::Session;
use crate::net::turn::Step;
use crate::net::{Id, SocketError, endpoint};

/// After close(): reads of dropped bytes in one turn.
const DROPPED_READS: usize = 4;
/// A read this large is likely followed by another: then the next goes straight into the engine's memory.
const BULK_READ: usize = READ_SIZE / 4;

/// What is read for another socket is written at once: 256 KiB a call is where more gains nothing.
const RELAY_READ: usize = 256 * 1024;

/// What one read gave.
pub(super) enum Reading {
    Message(Place),
    /// The machine has been told something.
    Changed,
    NeedsBlocks(usize),
    Nothing,
}

impl TcpSocket {
    /// What becomes of the attempt (the poll set says "writable" for either outcome).
    pub(super) fn notice_connection(&mut self, id: Id, context: &mut Context) {
        if !self.writable && !self.error_hint {
            return;
        }
        let Some(stream) = &self.stream else { return };
        match stream.take_error() {
            // Where TLS is still to begin, the attempt has failed, and what was received is nobody's (R-tcp-secure-open).
            Ok(Some(error)) if is_loss(&error) && self.secure.is_none() => {
                // It was established, and is lost already: `open` comes first, and what was received.
                self.readable = true;
                self.machine.connected();
                self.machine.lost(SocketError::system_at(Syscall::Read, self.remote, error));
            }
            Ok(Some(error)) | Err(error) => {
                self.machine.lost(SocketError::system_at(Syscall::Connect, self.remote, error));
            }
            Ok(None) => match stream.peer_addr() {
                Ok(peer) => {
                    if let Ok(local) = stream.local_addr() {
                        self.local = endpoint::canonical(local);
                    }
                    if is_itself(&self.local, peer) {
                        self.reset_at_end();
                        self.machine.lost(SocketError::system_at(Syscall::Connect, self.remote, met_itself()));
                        return;
                    }
                    self.error_hint = false;
                    if !self.begin_tls(id, context) {
                        self.machine.connected();
                    }
                }
                // Woken too early: the outcome is still open.
                Err(_) => self.await_connection(id, context),
            },
        }
    }

    /// The poll set is to report the attempt's outcome.
    fn await_connection(&mut self, id: Id, context: &Context) {
        self.writable = false;
        // There it reports again only after a call that would block, and none was made.
        if cfg!(windows)
            && let Some(stream) = &mut self.stream
            && let Err(error) = context.registry.reregister(stream, id.token(), Interest::READABLE | Interest::WRITABLE)
        {
            self.machine.lost(SocketError::system_at(Syscall::Watch, self.remote, error));
        }
    }

    /// A loss, and an end with no byte before it, are noticed also where nobody reads (R-tcp-message).
    pub(super) fn notice_end(&mut self) {
        let Some(stream) = &self.stream else { return self.notice_session_end() };
        if std::mem::take(&mut self.error_hint)
            && !self.machine.is_faulty()
            && let Ok(Some(error)) = stream.take_error()
        {
            // What the system received before it can still be read: R-tcp-lost.
            self.readable = true;
            self.machine.lost(SocketError::system_at(Syscall::Read, self.remote, error));
        }
        let reading = self.machine.wants_data() || self.machine.drops_data();
        if self.end_hint
            && !reading
            && self.held.is_empty()
            && !self.is_upgrading()
            && !self.machine.is_faulty()
            && self.machine.peer_may_send()
        {
            match stream.peek(&mut [0]) {
                Ok(0) => self.machine.peer_ended(),
                Ok(_) => {}
                Err(error) if is_transient(&error) => self.end_hint = false,
                Err(error) => self.machine.lost(SocketError::system_at(Syscall::Read, self.remote, error)),
            }
        }
    }

    /// Whether the system still has bytes that came before a loss and that somebody is to get.
    pub(super) fn has_unread(&mut self) -> bool {
        if !self.machine.is_faulty() || self.is_upgrading() {
            return false;
        }
        if !self.held.is_empty() {
            return true;
        }
        if self.is_cut {
            return false;
        }
        if self.stream.is_none() {
            return self.has_unread_in_session();
        }
        if !self.readable {
            return false;
        }
        let Some(stream) = &self.stream else { return false };
        if !matches!(stream.peek(&mut [0]), Ok(1..)) {
            self.readable = false;
        }
        self.readable
    }

    /// The next of what a large read gave: its last piece may end the socket's share of the turn.
    pub(super) fn tell_held(&mut self, context: &Context) -> Option<Step> {
        let Filled { block, len } = self.held.pop_front()?;
        self.filled += 1;
        let message = EventKind::Message(Place::Block { number: block.number(), len });
        let goes_on = !self.held.is_empty() || self.readable && self.bulk && context.blocks.leave_some(self.filled);
        Some(if goes_on { Step::Event(message, false) } else { Step::Read(message) })
    }

    /// Nobody is to get what a large read gave.
    pub fn drop_held(&mut self, context: &mut Context) {
        for filled in self.held.drain(..) {
            context.blocks.hand_back(filled);
        }
    }

    pub(super) fn read(&mut self, context: &mut Context) -> Reading {
        let in_blocks = self.bulk && self.relay.is_none() && !context.blocks.are_refused();
        let mut source = match (&mut self.stream, self.secure.as_mut().and_then(|secure| secure.session.as_mut())) {
            (Some(stream), _) => Source::Plain(stream),
            (None, Some(session)) => Source::Secure(session),
            (None, None) => return Reading::Nothing,
        };
        let (read, room) = if in_blocks {
            match context.blocks.missing(self.filled) {
                None => source.read_into(context.blocks.next(self.filled)),
                Some(missing) => return Reading::NeedsBlocks(missing),
            }
        } else {
            let size = if self.relay.is_some() { RELAY_READ } else { READ_SIZE };
            (source.read_once(&mut context.buffer[..size]), size)
        };
        let more = source.has_more();
        if let Source::Secure(session) = source {
            session.tell_of_room(&mut context.kicks);
        }
        match read {
            Ok(0) if self.machine.is_faulty() => {
                self.readable = false;
                Reading::Changed
            }
            Ok(0) => {
                self.readable = false;
                self.end_hint = false;
                self.machine.peer_ended();
                Reading::Changed
            }
            Ok(len) => {
                // A short read has emptied the socket, unless its end follows. (Windows re-arms on WouldBlock only.)
                self.readable = len == room || more || self.end_hint || self.error_hint || cfg!(windows);
                self.bulk = len >= BULK_READ;
                if in_blocks {
                    context.blocks.take_filled(self.filled, len, &mut self.held);
                    Reading::Changed
                } else {
                    Reading::Message(Place::Shared { start: 0, len })
                }
            }
            Err(error) if is_transient(&error) => {
                self.readable = false;
                if self.machine.is_faulty() { Reading::Changed } else { Reading::Nothing }
            }
            Err(error) => {
                self.readable = false;
                self.machine.lost(SocketError::system_at(Syscall::Read, self.remote, error));
                Reading::Changed
            }
        }
    }

    /// After close(): what still comes is read and dropped. Returns whether the machine has been told something.
    pub(super) fn drop_bytes(&mut self, context: &mut Context) -> bool {
        let Some(stream) = &mut self.stream else { return self.drop_session_bytes(context) };
        for _ in 0..DROPPED_READS {
            match read_once(stream, &mut context.buffer[..READ_SIZE]) {
                Ok(0) => {
                    self.readable = false;
                    self.machine.peer_ended();
                    return true;
                }
                Ok(_) => {
                    if let Some(linger) = &mut self.linger {
                        linger.heard = Instant::now();
                    }
                }
                Err(error) => {
                    self.readable = false;
                    if is_transient(&error) {
                        return false;
                    }
                    self.machine.lost(SocketError::system_at(Syscall::Read, self.remote, error));
                    return true;
                }
            }
        }
        false
    }
}

/// Only an established connection ends so: an attempt that is answered with RST is refused.
fn is_loss(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// Whether a connection's two ends are one: nobody listened there, and the system chose the destination's port as the local one,
/// so that the attempt answered itself. (The zone goes with the interface, which both ends share.)
fn is_itself(local: &SocketAddr, peer: SocketAddr) -> bool {
    let peer = endpoint::canonical(peer);
    (local.ip(), local.port()) == (peer.ip(), peer.port())
}

/// What a peer that is not there would have said (R-tcp-create).
fn met_itself() -> io::Error {
    io::Error::new(
        ErrorKind::ConnectionRefused,
        "the attempt met only itself: its local address and port are the remote ones",
    )
}

/// Where bytes come from.
enum Source<'a> {
    Plain(&'a mut TcpStream),
    Secure(&'a mut Session),
}

impl Source<'_> {
    /// Reads into the blocks, one after the other. Returns their room too.
    fn read_into(&mut self, blocks: &mut [Block]) -> (io::Result<usize>, usize) {
        let mut slices: [IoSliceMut<'_>; LENT] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
        let mut room = 0;
        let count = blocks.len();
        for (slice, block) in slices.iter_mut().zip(blocks) {
            *slice = IoSliceMut::new(block.as_mut_slice());
            room += slice.len();
        }
        let read = match self {
            Self::Plain(stream) => uninterrupted(|| stream.read_vectored(&mut slices[..count])),
            Self::Secure(session) => session.read(&mut slices[..count]),
        };
        (read, room)
    }

    fn read_once(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => read_once(stream, buffer),
            Self::Secure(session) => session.read(&mut [IoSliceMut::new(buffer)]),
        }
    }

    /// Whether more is known to wait. (What the system has for a plain one, only the next read tells.)
    fn has_more(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Secure(session) => session.waiting() != (false, false),
        }
    }
}

fn read_once(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    uninterrupted(|| stream.read(buffer))
}

fn uninterrupted(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
