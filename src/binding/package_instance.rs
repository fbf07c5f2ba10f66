//! The native half's data for one package instance, that is, for one loaded copy of `lib/`.

use std::net::SocketAddrV4;

use napi::sys;

use super::env::{Env, Value};
use super::reference::Reference;
use super::shared_memory::SharedMemory;
use crate::net::DATAGRAM_BATCH;

/// The size of the scratch memory in bytes.
const SCRATCH: usize = 16 * 1024;

/// How many numbers describe an event beside the value that `next()` returns: the socket's id, the kind, and up to three more values.
pub const SLOTS: usize = 5;

/// The longest datagram, in bytes, that is passed in `PackageInstance::datagrams`. V8 has the bytes of a Uint8Array of this length in the
/// object itself, so it needs no other memory until the program asks for its ArrayBuffer.
pub const SHORT_DATAGRAM: usize = 64;

/// The index of the first datagram's numbers in `PackageInstance::datagrams`. Each has `DATAGRAM_NUMBERS`: address, port, length.
const FIRST_NUMBERS: usize = 1;
const DATAGRAM_NUMBERS: usize = 3;
/// The index of the byte at which the bytes of the first datagram begin. Those of the next one begin `SHORT_DATAGRAM` bytes later.
const FIRST_BYTE: usize = (FIRST_NUMBERS + DATAGRAM_NUMBERS * DATAGRAM_BATCH) * size_of::<u32>();

/// What is at index 0 of `PackageInstance::datagrams` if JavaScript may take none of its datagrams any more.
const REVOKED: u32 = u32::MAX;

/// The arguments of one package instance's `attach()`, and the memory that it shares with the native half. (Each registry of modules loads
/// its own instance: jest has one registry for each test file.)
///
/// The native half holds the instance's JavaScript strongly only while one of its sockets is open. So an unused instance can be garbage
/// collected, together with its realm.
pub struct PackageInstance {
    /// The function `serve`. It is also a member of `options`, which keeps it alive.
    serve: Reference,
    /// The argument `options` of `attach()`.
    options: Reference,
    /// The memory into which JavaScript encodes short strings.
    scratch: SharedMemory,
    /// The memory to which `next()` writes an event's numbers.
    slots: SharedMemory,
    /// The memory for the short datagrams of one batch: how many JavaScript has taken, then their numbers, then their bytes.
    datagrams: SharedMemory,
    /// True while the references keep the JavaScript alive.
    is_held: bool,
}

impl PackageInstance {
    /// Makes an instance from the arguments of `attach(serve, options)`. The returned value is attach()'s result; the caller still has to
    /// add the instance's number. Returns `None` if the arguments are not what docs/binding.md says, or if there is no memory.
    pub fn new<'scope>(
        env: Env<'scope>,
        serve: Value<'scope>,
        options: Value<'scope>,
    ) -> Option<(Self, Value<'scope>)> {
        let (scratch, scratch_buffer) = SharedMemory::new(env, SCRATCH / size_of::<u32>())?;
        let (slots, slots_buffer) = SharedMemory::new(env, SLOTS)?;
        let words = (FIRST_BYTE + SHORT_DATAGRAM * DATAGRAM_BATCH) / size_of::<u32>();
        let (datagrams, datagrams_buffer) = SharedMemory::new(env, words)?;
        let answer = env.object();
        env.set(answer, c"datagrams", env.view(datagrams_buffer, sys::TypedarrayType::uint32_array)?);
        env.set(answer, c"datagramBytes", env.view(datagrams_buffer, sys::TypedarrayType::uint8_array)?);
        env.set(answer, c"scratch", env.view(scratch_buffer, sys::TypedarrayType::uint8_array)?);
        env.set(answer, c"slots", env.view(slots_buffer, sys::TypedarrayType::uint32_array)?);
        // `options` gets `serve` as a member, so that `serve` is not garbage collected before `options`.
        env.set(options, c"serve", serve);
        let (serve, options) = (Reference::weak(env, serve)?, Reference::weak(env, options)?);
        Some((Self { serve, options, scratch, slots, datagrams, is_held: false }, answer))
    }

    /// If `hold` is true, keeps the JavaScript alive. If it is false, the JavaScript may be garbage collected.
    pub fn hold(&mut self, env: Env<'_>, hold: bool) {
        if self.is_held == hold {
            return;
        }
        self.is_held = hold;
        for reference in [&self.serve, &self.options] {
            if hold {
                reference.retain(env);
            } else {
                reference.release(env);
            }
        }
    }

    /// The function `serve`, or nothing if it was garbage collected.
    pub fn serve<'scope>(&self, env: Env<'scope>) -> Value<'scope> {
        self.serve.value(env)
    }

    /// The object `options`, or nothing if it was garbage collected.
    pub fn options<'scope>(&self, env: Env<'scope>) -> Value<'scope> {
        self.options.value(env)
    }

    /// Writes an event's numbers to the slots, where the JavaScript of this instance reads them.
    pub fn leave(&self, env: Env<'_>, numbers: [u32; SLOTS]) {
        self.slots.write(env, 0, numbers);
    }

    /// Writes the datagram `index` of a batch, where the JavaScript of this instance reads it. It is not longer than `SHORT_DATAGRAM`.
    pub fn write_datagram(&self, env: Env<'_>, index: usize, from: SocketAddrV4, bytes: &[u8]) {
        let numbers = [from.ip().to_bits(), from.port().into(), bytes.len() as u32];
        self.datagrams.write(env, FIRST_NUMBERS + DATAGRAM_NUMBERS * index, numbers);
        self.datagrams.copy(env, FIRST_BYTE + SHORT_DATAGRAM * index, bytes);
    }

    /// How many of the datagrams JavaScript has taken. `None`: a program has detached the memory.
    pub fn taken_datagrams(&self, env: Env<'_>) -> Option<u32> {
        self.datagrams.read(env, 0)
    }

    /// JavaScript has taken `count` of the datagrams. `None`: it must not take any more.
    pub fn set_taken_datagrams(&self, env: Env<'_>, count: Option<u32>) {
        self.datagrams.write(env, 0, [count.unwrap_or(REVOKED)]);
    }

    /// The first `length` bytes of the scratch memory.
    ///
    /// # Safety
    /// The slice must not be used after JavaScript has run again, because JavaScript may write to this memory. Nor may it be used after
    /// this instance is gone.
    pub unsafe fn scratch<'a>(&self, env: Env<'_>, length: usize) -> &'a [u8] {
        let Some((start, size)) = self.scratch.location(env) else { return &[] };
        // SAFETY: `location` reports `size` bytes at `start`, and the slice is not longer. The caller promises to use the slice only while
        // this instance exists, which keeps the memory, and while no JavaScript runs. Nothing else writes to the memory.
        unsafe { std::slice::from_raw_parts(start, length.min(size)) }
    }
}
