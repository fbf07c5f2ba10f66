//! Memory that both halves of the package use. JavaScript has an ArrayBuffer on it, and the native half has its address.
//!
//! A program can get hold of any ArrayBuffer: it can replace a function to which JavaScript passes the ArrayBuffer. Then the program can
//! detach it. If the memory were the engine's, the engine would then free it, and the native half would write to freed memory. So this
//! memory belongs to the native half. It is freed when neither half uses it any more, and a program that detaches the ArrayBuffer harms
//! only itself. Some engines (Electron's) do not allow an ArrayBuffer on external memory. There the memory belongs to the engine, and its
//! address is looked up before each use.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use super::env::{Env, Raw, Value};
use super::memory_views::Location;
use super::reference::Reference;

/// The unit of the memory. JavaScript sees 32-bit numbers, so the memory must be aligned for 32-bit numbers.
type Word = UnsafeCell<u32>;

/// Memory that both halves use.
pub struct SharedMemory {
    /// The address of the memory.
    start: *mut u8,
    /// The size of the memory in bytes.
    length: usize,
    /// The owner of the memory.
    backing: Backing,
}

/// The owner of the memory, which frees it.
enum Backing {
    /// The native half, together with the ArrayBuffer. Each of the two has one count of the `Arc`.
    Ours {
        /// The memory. It is used through its address.
        _words: Arc<[Word]>,
    },
    /// The engine. The reference keeps the ArrayBuffer alive until the environment ends.
    Engine(Reference),
}

impl SharedMemory {
    /// Makes memory for `count` 32-bit numbers, all zero, and an ArrayBuffer on it.
    /// Returns `None` if the engine makes no ArrayBuffer.
    pub fn new(env: Env<'_>, count: usize) -> Option<(Self, Value<'_>)> {
        let words: Arc<[Word]> = (0..count).map(|_| Word::new(0)).collect();
        let length = count * size_of::<Word>();
        // Writing through this address is sound because the words are `UnsafeCell`s. Only inside of those may memory behind `&` change.
        let start = UnsafeCell::raw_get(words.as_ptr()).cast::<u8>();
        // A pointer to a slice does not fit into a C pointer. So a box holds the ArrayBuffer's count of the `Arc`.
        let hint = Box::into_raw(Box::new(Arc::clone(&words)));
        // SAFETY: `count` words lie at `start`, which are `length` bytes. The words are cells, so JavaScript may write to them. The box
        // behind `hint` keeps the words alive. Only `release` drops that box, and the engine calls `release` once.
        if let Some(buffer) = unsafe { env.external_array_buffer((start, length), release, hint.cast()) } {
            return Some((Self { start, length, backing: Backing::Ours { _words: words } }, buffer));
        }
        // SAFETY: `hint` is from Box::into_raw above. No ArrayBuffer was made, so the engine will not call `release` with `hint`.
        drop(unsafe { Box::from_raw(hint) });
        let (buffer, start) = env.blank_array_buffer(length)?;
        // SAFETY: the engine gave `length` bytes at `start` for writing, and no JavaScript has run since.
        unsafe { ptr::write_bytes(start, 0, length) };
        let backing = Backing::Engine(Reference::strong(env, buffer)?);
        Some((Self { start, length, backing }, buffer))
    }

    /// The location of the memory, valid until JavaScript runs. `None` if the memory belongs to the engine and a program has detached its
    /// ArrayBuffer.
    pub fn location(&self, env: Env<'_>) -> Option<Location> {
        let location = (self.start, self.length);
        match &self.backing {
            Backing::Ours { .. } => Some(location),
            Backing::Engine(buffer) => (env.location_of(buffer.value(env)) == Some(location)).then_some(location),
        }
    }

    /// Writes `values` from the 32-bit number `index` on. Does nothing if the memory is gone, too small or not aligned.
    pub fn write<const COUNT: usize>(&self, env: Env<'_>, index: usize, values: [u32; COUNT]) {
        if let Some(start) = self.address(env, index * size_of::<u32>(), size_of::<[u32; COUNT]>())
            && start.cast::<u32>().is_aligned()
        {
            // SAFETY: `address` has reported that the memory is there now and long enough, and it is aligned, as checked above. `start`
            // points to `UnsafeCell`s or to memory of the engine, so writing through `start` is allowed. JavaScript is the only other user
            // of the memory, and it does not run during the write.
            unsafe { ptr::write(start.cast(), values) };
        }
    }

    /// Copies `bytes` to the memory, from its byte `offset` on. Does nothing if the memory is gone or too small.
    pub fn copy(&self, env: Env<'_>, offset: usize, bytes: &[u8]) {
        if let Some(start) = self.address(env, offset, bytes.len()) {
            // SAFETY: `address` has reported that the memory is there now and long enough. `bytes` is borrowed and the memory consists of
            // `UnsafeCell`s or is the engine's, so they do not overlap. JavaScript is the only other user of the memory, and it does not run
            // during the copy.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), start, bytes.len()) };
        }
    }

    /// The 32-bit number `index`. `None` if the memory is gone, too small or not aligned.
    pub fn read(&self, env: Env<'_>, index: usize) -> Option<u32> {
        let start = self.address(env, index * size_of::<u32>(), size_of::<u32>())?.cast::<u32>();
        // SAFETY: `address` has reported that the memory is there now and long enough, and it is aligned, as checked here. JavaScript is the
        // only other user of the memory, and it does not run during the read. Any bytes are a valid number.
        start.is_aligned().then(|| unsafe { ptr::read(start) })
    }

    /// The address of `length` bytes from the byte `offset` on, valid until JavaScript runs. `None` if the memory is gone or too small.
    fn address(&self, env: Env<'_>, offset: usize, length: usize) -> Option<*mut u8> {
        let (start, size) = self.location(env)?;
        // SAFETY: `offset` is at most `size`, as checked first, and `size` bytes lie at `start`.
        (offset <= size && length <= size - offset).then(|| unsafe { start.add(offset) })
    }
}

/// The engine calls this when it does not need the ArrayBuffer's memory any more.
unsafe extern "C" fn release(_env: Raw, _start: *mut c_void, hint: *mut c_void) {
    // SAFETY: `hint` is the box that `new` gave to the engine with the ArrayBuffer. The engine calls `release` once with it.
    drop(unsafe { Box::from_raw(hint.cast::<Arc<[Word]>>()) });
}
