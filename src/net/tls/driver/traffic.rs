//! The two directions of a connection: plain bytes are encrypted and written; records are read and decrypted; what fails is a fault.

use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering::Relaxed;

use super::{Driver, ENCRYPTED_AT_ONCE, FIRST_BYTES, LEAST_ROOM, Requests, Scratch, TLS_READ, shut_down};
use crate::net::memory::{self, NoMemory};
use crate::net::syscall::Syscall;
use crate::net::tls::connection::{FRAGMENT, OVERHEAD};
use crate::net::tls::error::TlsError;
use crate::net::tls::fault::Fault;
use crate::net::tls::session::{PLAIN_CHUNK, chunk};
use crate::net::{SocketError, errno, hooks};

/// The most that one write may become: a batch in full records, and close_notify.
const MOST_OUTPUT: usize = ENCRYPTED_AT_ONCE + (ENCRYPTED_AT_ONCE / FRAGMENT + 8) * OVERHEAD;

impl Driver {
    /// Encrypts and writes. Returns whether there may be more to do at once.
    pub(super) fn write(&mut self, scratch: &mut Scratch, requests: &Requests) -> bool {
        if !self.unwritten.is_empty() && !self.write_rest() {
            return false;
        }
        scratch.output.clear();
        if scratch.output.reserve(MOST_OUTPUT).is_err() {
            self.break_off(Syscall::Write, errno::no_buffers());
            return false;
        }
        let mut failed = None;
        let mut room = ENCRYPTED_AT_ONCE;
        while room > 0
            && failed.is_none()
            && let Some(piece) = self.batch.front_mut()
        {
            let part = piece.bytes();
            let length = part.len().min(room);
            failed = self.connection.encrypt(&mut self.partial, &part[..length], &mut scratch.output).err();
            room -= length;
            self.in_flight.bytes += length as u64;
            self.in_flight.of_blobs += if piece.from_blob { length as u64 } else { 0 };
            piece.advance(length);
            if piece.bytes().is_empty()
                && let Some(piece) = self.batch.pop_front()
            {
                self.spent.extend(piece.into_memory());
            }
        }
        if requests.finish && self.established && self.batch.is_empty() && !self.close_notify && !self.lost {
            self.close_notify = true;
            failed = failed.or(self.connection.close_notify(&mut self.partial, &mut scratch.output).err());
        }
        hooks::pass("tls write");
        if let Some(error) = failed {
            self.fail(error, true);
        }
        self.write_out(scratch)
    }

    /// Writes what `scratch` holds. Returns whether there may be more to do at once.
    fn write_out(&mut self, scratch: &mut Scratch) -> bool {
        let out = scratch.output.as_slice();
        let had = !out.is_empty();
        if had {
            let written = self.write_to_system(out);
            if !self.lost && written < out.len() {
                match memory::copy(&out[written..]) {
                    Ok(rest) => (self.unwritten, self.unwritten_start) = (rest, 0),
                    Err(_) => self.break_off(Syscall::Write, errno::no_buffers()),
                }
                scratch.output.clear();
                return false;
            }
            scratch.output.clear();
        }
        if self.close_notify && !self.ends.output && !self.lost && self.is_idle() {
            shut_down(&self.stream);
            self.ends.output = true;
            return true;
        }
        had
    }

    /// Writes what was left over. Returns whether all of it is written.
    fn write_rest(&mut self) -> bool {
        let out = std::mem::take(&mut self.unwritten);
        self.unwritten_start += self.write_to_system(&out[self.unwritten_start..]);
        if self.lost || self.unwritten_start == out.len() {
            return true;
        }
        self.unwritten = out;
        false
    }

    fn write_to_system(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while written < bytes.len() {
            match self.stream.try_write(&bytes[written..]) {
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.break_off(Syscall::Write, error);
                    break;
                }
            }
        }
        self.shared.sent.fetch_add(written as u64, Relaxed);
        written
    }

    /// Reads and decrypts until there is no more, or no room for it: the JavaScript thread is woken for all of it at once.
    pub(super) fn read_up_to(&mut self, room: usize, scratch: &mut Scratch) -> bool {
        let (mut left, mut has_read) = (room, false);
        while left >= LEAST_ROOM
            && !self.ends.input
            && let Some(length) = self.read(scratch, left.min(TLS_READ))
        {
            has_read = true;
            left = left.saturating_sub(length);
        }
        has_read
    }

    /// Reads once, `most` bytes, and decrypts. Returns how many came; `None` where there are no more now.
    fn read(&mut self, scratch: &mut Scratch, most: usize) -> Option<usize> {
        let start = self.partial.len();
        let room = scratch.input.len().saturating_sub(start).min(most);
        if room == 0 {
            self.fail(
                TlsError::new("ERR_TLS_PROTOCOL", "the peer sent a TLS message longer than the protocol allows"),
                true,
            );
            return Some(0);
        }
        match self.stream.try_read(&mut scratch.input[start..start + room]) {
            Ok(0) => self.stream_ended(),
            Ok(length) if self.given_up => return Some(length),
            Ok(length) => {
                scratch.input[..start].copy_from_slice(&self.partial);
                self.partial.clear();
                self.process(scratch, start + length);
                return Some(length);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // What came before a loss has been read.
                self.ends.input |= self.lost;
                return self.lost.then_some(0);
            }
            Err(error) => {
                self.break_off(Syscall::Read, error);
                self.ends.input = true;
            }
        }
        Some(0)
    }

    /// Passes the first `length` bytes of the buffer to rustls, and writes its answer.
    pub(super) fn process(&mut self, scratch: &mut Scratch, length: usize) {
        let incoming = &mut scratch.input[..length];
        if !self.established && self.first.len() < FIRST_BYTES {
            let more = incoming.len().min(FIRST_BYTES - self.first.len());
            self.first.extend_from_slice(&incoming[..more]);
        }
        let (plain, mut collected) = (&mut self.plain, Ok(()));
        let (done, result) = self.connection.process(incoming, &mut scratch.output, &mut |bytes| {
            collected = collected.and_then(|()| collect(plain, bytes, length));
        });
        hooks::pass("tls read");
        if collected.and_then(|()| memory::append(&mut self.partial, &incoming[done..])).is_err() {
            // Bytes are missing: nothing that follows them may be delivered.
            self.ends.input = true;
            return self.break_off(Syscall::Read, errno::no_buffers());
        }
        match result {
            Ok(()) => {
                if !self.established && !self.connection.is_handshaking() {
                    self.establish();
                }
                if self.connection.has_peer_closed {
                    self.ends.input = true;
                }
            }
            Err(error) if !self.established && !looks_like_tls(&self.first) => {
                self.fail(TlsError { argument: error.argument, ..TlsError::not_tls(&self.first) }, false);
            }
            Err(error) => self.fail(error, true),
        }
        if self.alert {
            self.connection.encode_rest(&mut scratch.output);
        }
        if self.unwritten.is_empty() {
            self.write_out(scratch);
        } else {
            // In order, behind what waits already.
            if memory::append(&mut self.unwritten, scratch.output.as_slice()).is_err() {
                self.break_off(Syscall::Write, errno::no_buffers());
            }
            scratch.output.clear();
        }
    }

    fn establish(&mut self) {
        match self.connection.info() {
            Ok(info) => {
                self.established = true;
                self.limit = None;
                self.first = Vec::new();
                self.info = Some(Box::new(info));
            }
            Err(error) => self.fail(error, true),
        }
    }

    /// FIN. After close_notify nothing is read any more, so this one comes without.
    fn stream_ended(&mut self) {
        self.ends.input = true;
        if self.lost || self.given_up {
            return;
        }
        if !self.established {
            let plain_text = !self.first.is_empty() && !looks_like_tls(&self.first);
            let error = if plain_text { TlsError::not_tls(&self.first) } else { TlsError::handshake_ended() };
            return self.fail(error, false);
        }
        // What is still to be sent can be: the socket decides (while "closing" it is an end like any other).
        self.fault = Some(Fault::Truncated(self.error_of(TlsError::truncated())));
    }

    fn error_of(&self, error: TlsError) -> SocketError {
        SocketError::Tls { error, address: Some(self.remote) }
    }

    /// TLS has failed: nothing that comes now can be trusted. `alert`: the peer is to learn why.
    fn fail(&mut self, error: TlsError, alert: bool) {
        self.ends.input = true;
        self.alert |= alert;
        if !std::mem::replace(&mut self.lost, true) {
            self.fault = Some(Fault::Lost(self.error_of(error)));
        }
    }

    /// A system call says that the connection is lost. What the system received before can still be read.
    pub(super) fn break_off(&mut self, syscall: Syscall, error: io::Error) {
        if !std::mem::replace(&mut self.lost, true) {
            self.fault = Some(Fault::Lost(SocketError::system_at(syscall, self.remote, error)));
        }
        self.unwritten = Vec::new();
        // Before it is established there is nothing to be read first.
        self.ends.input |= !self.established;
    }
}

/// Appends plain bytes; `expected` is about how many will come.
fn collect(plain: &mut Vec<Vec<u8>>, mut bytes: &[u8], expected: usize) -> Result<(), NoMemory> {
    while !bytes.is_empty() {
        let fits = plain.last().is_some_and(|last| last.len() < last.capacity());
        if !fits {
            plain.push(chunk(expected.max(bytes.len()).min(PLAIN_CHUNK))?);
        }
        let Some(last) = plain.last_mut() else { break };
        let length = bytes.len().min(last.capacity() - last.len());
        last.extend_from_slice(&bytes[..length]);
        bytes = &bytes[length..];
    }
    Ok(())
}

/// Whether a peer's first bytes are a TLS record's: its type, and a version of 3.something.
fn looks_like_tls(first: &[u8]) -> bool {
    match first {
        [kind, major, ..] => (20..=23).contains(kind) && *major == 3,
        [kind] => (20..=23).contains(kind),
        [] => true,
    }
}
