//! Memory that both halves use: JavaScript has it as an ArrayBuffer, the native half by its address.
//!
//! A program can get hold of any ArrayBuffer, by replacing a function that JavaScript calls with it, and can detach it. Then the
//! engine frees its memory, and an address that was kept points into something else. So this memory belongs to the native half. It is
//! freed when neither half knows it any more, and a program that detaches it harms only itself. Where an engine does not allow
//! ArrayBuffers on memory outside of it (Electron), the memory is the engine's, and its address is looked up each time.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use super::env::{Env, Raw, Value};
use super::memory_views::Location;
use super::reference::Reference;

/// The memory's unit. JavaScript sees 32-bit numbers, so the memory is aligned for those.
type Word = UnsafeCell<u32>;

/// Memory of both halves.
pub struct SharedMemory {
    /// Its address.
    start: *mut u8,
    /// Its size in bytes.
    length: usize,
    /// Whose memory it is.
    backing: Backing,
}

enum Backing {
    /// Ours, and the ArrayBuffer's, which has a count of its own.
    Ours { _words: Arc<[Word]> },
    /// The engine's. The reference keeps the ArrayBuffer for as long as the environment lives.
    Engine(Reference),
}

impl SharedMemory {
    /// Memory for this many 32-bit numbers, all zero, and the ArrayBuffer on it.
    pub fn new(env: Env<'_>, count: usize) -> Option<(Self, Value<'_>)> {
        let words: Arc<[Word]> = (0..count).map(|_| Word::new(0)).collect();
        let length = count * size_of::<Word>();
        // Writing through this address is sound because the words are `UnsafeCell`s. Only inside of those may memory behind `&` change.
        let start = UnsafeCell::raw_get(words.as_ptr()).cast::<u8>();
        // A pointer to a slice does not fit into a C pointer, so a box holds the ArrayBuffer's count.
        let hint = Box::into_raw(Box::new(Arc::clone(&words)));
        // SAFETY: `count` words lie at `start`, which are `length` bytes. They are cells, so they may be written. They live until
        // `release` has dropped the box behind `hint`, which it does once.
        if let Some(buffer) = unsafe { env.external_array_buffer((start, length), release, hint.cast()) } {
            return Some((Self { start, length, backing: Backing::Ours { _words: words } }, buffer));
        }
        // SAFETY: `hint` is from Box::into_raw above. No ArrayBuffer was made, so `release` will not be called with it.
        drop(unsafe { Box::from_raw(hint) });
        let (buffer, start) = env.blank_array_buffer(length)?;
        let backing = Backing::Engine(Reference::strong(env, buffer)?);
        Some((Self { start, length, backing }, buffer))
    }

    /// Where the memory is, good until JavaScript runs. `None` where a program has detached it from us.
    pub fn location(&self, env: Env<'_>) -> Option<Location> {
        let location = (self.start, self.length);
        match &self.backing {
            Backing::Ours { .. } => Some(location),
            Backing::Engine(buffer) => (env.location_of(buffer.value(env)) == Some(location)).then_some(location),
        }
    }

    /// Writes `values` at the beginning of the memory, if it is there and they fit.
    pub fn write<const COUNT: usize>(&self, env: Env<'_>, values: [u32; COUNT]) {
        if let Some((start, length)) = self.location(env)
            && length >= size_of::<[u32; COUNT]>()
            && start.cast::<u32>().is_aligned()
        {
            // SAFETY: `location` says that the memory is there now, and it is long enough and aligned. `start` points into
            // UnsafeCells or into memory of the engine's, so it may be written through. JavaScript, the only other user, does not
            // run meanwhile.
            unsafe { ptr::write(start.cast(), values) };
        }
    }
}

/// The engine calls this when the ArrayBuffer is gone.
unsafe extern "C" fn release(_env: Raw, _start: *mut c_void, hint: *mut c_void) {
    // SAFETY: `hint` is the box that `new` gave to the engine with the ArrayBuffer. The engine calls this once for it.
    drop(unsafe { Box::from_raw(hint.cast::<Arc<[Word]>>()) });
}
