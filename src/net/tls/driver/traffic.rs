//! The two directions of a connection. The driver encrypts plain bytes and writes the records, and it reads records and decrypts them. If
//! this fails, it sets a fault.

use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering::Relaxed;

use super::{Direct, Driver, ENCRYPTED_AT_ONCE, FIRST_BYTES, ROUNDS, Requests, Scratch, TLS_READ, Wire};
use crate::net::memory::{self, NoMemory};
use crate::net::stream_handle::one_write;
use crate::net::syscall::Syscall;
use crate::net::tls::connection::{FRAGMENT, OVERHEAD, RECORD_OVERHEAD};
use crate::net::tls::error::TlsError;
use crate::net::tls::fault::Fault;
use crate::net::tls::inbound_room::LEAST_ROOM;
use crate::net::tls::plain_chunks::{PLAIN_CHUNK, chunk};
use crate::net::{SocketError, errno, hooks};

/// The most bytes of records that one write may need: a full batch, its records' overhead, and close_notify.
const MOST_OUTPUT: usize = ENCRYPTED_AT_ONCE + (ENCRYPTED_AT_ONCE / FRAGMENT + 8) * OVERHEAD;

impl Driver {
    /// Encrypts and writes bytes of the batch. Returns whether more can perhaps be done at once.
    pub(super) fn write(&mut self, wire: &mut dyn Wire, scratch: &mut Scratch, requests: &Requests) -> bool {
        if !self.unwritten.is_empty() && !self.write_rest(wire) {
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
            self.load.add(length);
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
        self.write_out(wire, scratch)
    }

    /// Writes the records in `scratch`. Returns whether more can perhaps be done at once.
    fn write_out(&mut self, wire: &mut dyn Wire, scratch: &mut Scratch) -> bool {
        let out = scratch.output.as_slice();
        let had = !out.is_empty();
        if had {
            let written = self.write_to_system(wire, out);
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
            wire.shut_down();
            self.ends.output = true;
            return true;
        }
        had
    }

    /// Writes the bytes that the system did not take before. Returns true if none is left, or if the connection is lost.
    fn write_rest(&mut self, wire: &mut dyn Wire) -> bool {
        let out = std::mem::take(&mut self.unwritten);
        self.unwritten_start += self.write_to_system(wire, &out[self.unwritten_start..]);
        if self.lost || self.unwritten_start == out.len() {
            return true;
        }
        self.unwritten = out;
        false
    }

    /// Writes until the system takes no more. Returns how many bytes the system has taken.
    fn write_to_system(&mut self, wire: &mut dyn Wire, bytes: &[u8]) -> usize {
        if self.given_up {
            // The socket has closed before the handshake was done, and FIN was sent. Drop the remaining bytes of the handshake.
            return bytes.len();
        }
        let mut written = 0;
        while written < bytes.len() {
            match wire.write(one_write(&bytes[written..])) {
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.break_off(Syscall::Write, error);
                    break;
                }
            }
        }
        if written > 0 {
            self.shared.sent.fetch_add(written as u64, Relaxed);
            self.shared.activity.note();
        }
        written
    }

    /// Reads and decrypts until the system has no more bytes, or there is no `room` for them. So the JavaScript thread is woken once for
    /// all of them. If `direct` has room, one read is enough. Returns whether anything was read.
    pub(super) fn read_up_to(
        &mut self,
        wire: &mut dyn Wire,
        room: usize,
        scratch: &mut Scratch,
        direct: &mut Direct<'_, '_>,
    ) -> bool {
        let (mut left, mut has_read) = (room, false);
        if direct.filled() > 0 {
            return false;
        }
        if direct.room() > 0 {
            left = 0;
            for _ in 0..ROUNDS {
                let most = records_of(direct.room()).saturating_sub(self.partial.len()).max(FRAGMENT);
                if direct.filled() > 0 || self.ends.input || self.read(wire, scratch, direct, most).is_none() {
                    break;
                }
                has_read = true;
            }
        }
        while left >= LEAST_ROOM
            && !self.ends.input
            && let Some(length) = self.read(wire, scratch, direct, left.min(TLS_READ))
        {
            has_read = true;
            left = left.saturating_sub(length);
        }
        has_read
    }

    /// Reads once, at most `most` bytes, and decrypts. Returns how many bytes were read; 0 after the end or a failure, and `None` if the
    /// system has no bytes now.
    fn read(
        &mut self,
        wire: &mut dyn Wire,
        scratch: &mut Scratch,
        direct: &mut Direct<'_, '_>,
        most: usize,
    ) -> Option<usize> {
        let start = self.partial.len();
        let room = scratch.input.len().saturating_sub(start).min(most);
        if room == 0 {
            self.fail(
                TlsError::new("ERR_TLS_PROTOCOL", "the peer sent a TLS message longer than the protocol allows"),
                true,
            );
            return Some(0);
        }
        match wire.read(&mut scratch.input[start..start + room]) {
            Ok(0) => self.stream_ended(),
            Ok(length) if self.given_up => return Some(length),
            Ok(length) => {
                self.shared.activity.note();
                scratch.input[..start].copy_from_slice(&self.partial);
                self.partial.clear();
                self.load.add(length);
                self.process(wire, scratch, direct, start + length);
                return Some(length);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // After a loss the bytes that were received before it are still read. Now all of them are.
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

    /// Passes the first `length` bytes of the input buffer to rustls, and writes the records that rustls returns.
    pub(super) fn process(
        &mut self,
        wire: &mut dyn Wire,
        scratch: &mut Scratch,
        direct: &mut Direct<'_, '_>,
        length: usize,
    ) {
        let incoming = &mut scratch.input[..length];
        if !self.established && self.first.len() < FIRST_BYTES {
            let more = incoming.len().min(FIRST_BYTES - self.first.len());
            self.first.extend_from_slice(&incoming[..more]);
        }
        let (plain, mut collected) = (&mut self.plain, Ok(()));
        let (done, result) = self.connection.process(incoming, &mut scratch.output, &mut |bytes| {
            collected = collected.and_then(|()| collect(plain, direct.take(bytes), length));
        });
        hooks::pass("tls read");
        if collected.and_then(|()| memory::append(&mut self.partial, &incoming[done..])).is_err() {
            // Some bytes are lost, so nothing that follows them may be delivered.
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
            self.write_out(wire, scratch);
        } else {
            // Earlier records are still unwritten, so these follow them.
            if memory::append(&mut self.unwritten, scratch.output.as_slice()).is_err() {
                self.break_off(Syscall::Write, errno::no_buffers());
            }
            scratch.output.clear();
        }
    }

    /// The handshake is done: stores what it has agreed on.
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

    /// The peer has sent FIN. After close_notify the driver does not read any more, so this FIN came without close_notify.
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
        // Bytes can still be sent, so the socket decides what this fault means. In the state "closing" it is a normal end.
        self.fault = Some(Fault::Truncated(self.error_of(TlsError::truncated())));
    }

    /// The error of the socket for an error of TLS.
    fn error_of(&self, error: TlsError) -> SocketError {
        SocketError::Tls { error, address: Some(self.remote.clone()) }
    }

    /// TLS has failed, so no byte that is received from now on can be trusted. `alert`: the peer gets an alert with the reason, unless
    /// close_notify was sent, which nothing may follow.
    fn fail(&mut self, error: TlsError, alert: bool) {
        self.ends.input = true;
        self.alert |= alert && !self.close_notify;
        if !std::mem::replace(&mut self.lost, true) {
            self.fault = Some(Fault::Lost(self.error_of(error)));
        }
    }

    /// A system call has failed, so the connection is lost. Bytes that the system has received before can still be read.
    pub(super) fn break_off(&mut self, syscall: Syscall, error: io::Error) {
        if !std::mem::replace(&mut self.lost, true) {
            self.fault = Some(Fault::Lost(SocketError::system_at(syscall, self.remote.clone(), error)));
        }
        self.unwritten = Vec::new();
        // Before the handshake is done, no received bytes are for the program, so none need to be read.
        self.ends.input |= !self.established;
    }
}

/// How many bytes of records it takes, at most, to fill memory of `room` bytes, where the records are full: what follows the last full record
/// may be incomplete. So the memory is filled to its end, and a block of the engine needs no copy. What has no room there, less than one
/// record, goes to the session, and is read first next time.
fn records_of(room: usize) -> usize {
    let room = room.min(TLS_READ);
    room + (room / FRAGMENT + 1) * RECORD_OVERHEAD + FRAGMENT
}

/// Appends plain bytes to the chunks. `expected` is roughly how many bytes will be appended in all.
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

/// Whether a peer's first bytes can be the beginning of a TLS record: a record type, then 3, the major version of all TLS versions.
fn looks_like_tls(first: &[u8]) -> bool {
    match first {
        [kind, major, ..] => (20..=23).contains(kind) && *major == 3,
        [kind] => (20..=23).contains(kind),
        [] => true,
    }
}
