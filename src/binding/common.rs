//! Memory that both halves use: JavaScript as an ArrayBuffer, the native half by its address.
//!
//! A program can get hold of any ArrayBuffer, by replacing what JavaScript calls with it, and detach it: then the engine's memory is
//! freed, and an address that was kept points into something else. So this memory is the native half's own. It is freed when
//! neither half knows it any more, and a program that detaches it harms nobody but itself. Where an engine has no ArrayBuffers
//! on memory outside of it (Electron), it is the engine's, and looked for anew each time that it is used.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use super::host::dereference;
use super::values::{Raw, Value, blank_array_buffer, external_array_buffer, hold, place_of};

/// Its parts are 32-bit numbers, so it is aligned for those.
type Word = UnsafeCell<u32>;

/// Both halves' memory.
pub struct Common {
    env: Raw,
    start: *mut u8,
    length: usize,
    owner: Owner,
}

enum Owner {
    /// We, and the ArrayBuffer, which has a count of its own.
    Shared { _memory: Arc<[Word]> },
    /// The engine; the ArrayBuffer is held for as long as the environment lives.
    Engine(napi::sys::napi_ref),
}

impl Common {
    /// Memory for so many 32-bit numbers, all zero, and the ArrayBuffer on it.
    pub fn new(env: Raw, words: usize) -> Option<(Self, Value)> {
        let memory: Arc<[Word]> = (0..words).map(|_| Word::new(0)).collect();
        let (start, length) = (memory.as_ptr().cast::<u8>().cast_mut(), words * size_of::<Word>());
        // The ArrayBuffer's count is kept in a box, since a pointer to a slice does not fit into a C pointer.
        let hint = Box::into_raw(Box::new(Arc::clone(&memory)));
        // SAFETY: the memory is `length` bytes long, may be written through `start` (each word is an UnsafeCell), and lives until
        // `release` has given the ArrayBuffer's count back.
        if let Some(buffer) = unsafe { external_array_buffer(env, start, length, release, hint.cast()) } {
            return Some((Self { env, start, length, owner: Owner::Shared { _memory: memory } }, buffer));
        }
        // SAFETY: made above; there is no ArrayBuffer that would give it back.
        drop(unsafe { Box::from_raw(hint) });
        let (buffer, start) = blank_array_buffer(env, length)?;
        Some((Self { env, start, length, owner: Owner::Engine(hold(env, buffer)?) }, buffer))
    }

    /// Where it is, for as long as no JavaScript runs; `None` where it has gone.
    pub fn place(&self) -> Option<(*mut u8, usize)> {
        let place = (self.start, self.length);
        match &self.owner {
            Owner::Shared { .. } => Some(place),
            Owner::Engine(buffer) => {
                (place_of(self.env, dereference(self.env, *buffer)) == Some(place)).then_some(place)
            }
        }
    }
}

/// The ArrayBuffer is gone.
unsafe extern "C" fn release(_env: Raw, _start: *mut c_void, hint: *mut c_void) {
    // SAFETY: the box that `new` gave along, which the engine gives back once.
    drop(unsafe { Box::from_raw(hint.cast::<Arc<[Word]>>()) });
}

/// Where the first of `values` is to go, if all of them fit and are aligned there.
pub fn write<const COUNT: usize>(common: &Common, values: [u32; COUNT]) {
    if let Some((start, length)) = common.place()
        && length >= size_of::<[u32; COUNT]>()
        && start.cast::<u32>().is_aligned()
    {
        // SAFETY: the memory is there now, is as long as that, and aligned. JavaScript, the only other one to use it, does not run.
        unsafe { ptr::write(start.cast(), values) };
    }
}
