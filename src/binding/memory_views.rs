//! ArrayBuffers and views: finds the location of their bytes, and makes new ones.

use std::ffi::c_void;
use std::ptr;

use napi::sys;

use super::env::{Env, Raw, Value, ok};

/// A range of bytes at this moment: its address, and its length in bytes.
pub type Location = (*mut u8, usize);

impl<'scope> Env<'scope> {
    /// The location of the bytes of an ArrayBuffer or of a view, valid until JavaScript runs. `None` if the value is neither.
    pub fn location_of(self, of: Value<'scope>) -> Option<Location> {
        let (mut start, mut length): (*mut c_void, usize) = (ptr::null_mut(), 0);
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the engine checks whether the value is
        // an ArrayBuffer; `start` and `length` outlive the call.
        let is_buffer =
            ok(unsafe { sys::napi_get_arraybuffer_info(self.raw(), of.raw(), &raw mut start, &raw mut length) });
        if is_buffer {
            return Some((start.cast(), length));
        }
        let mut kind = sys::TypedarrayType::uint8_array;
        let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the engine checks whether the value is a
        // typed array; `kind`, `length` and `start` outlive the call, and null means that buffer and offset are not wanted.
        let is_typed_array = ok(unsafe {
            let (kind, length, start) = (&raw mut kind, &raw mut length, &raw mut start);
            sys::napi_get_typedarray_info(self.raw(), of.raw(), kind, length, start, buffer, offset)
        });
        if is_typed_array {
            return Some((start.cast(), length * element_size(kind)?));
        }
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the engine checks whether the value is a
        // DataView; `length` and `start` outlive the call, and null means that buffer and offset are not wanted.
        let is_data_view = ok(unsafe {
            let (length, start) = (&raw mut length, &raw mut start);
            sys::napi_get_dataview_info(self.raw(), of.raw(), length, start, buffer, offset)
        });
        is_data_view.then_some((start.cast(), length))
    }

    /// The bytes of an ArrayBuffer or of a view; `None` if the value is neither.
    ///
    /// # Safety
    /// The slice must not be used after JavaScript has run again, nor after the handle scope has closed.
    pub unsafe fn bytes<'a>(self, of: Value<'scope>) -> Option<&'a [u8]> {
        let (start, length) = self.location_of(of)?;
        if length == 0 || start.is_null() {
            return Some(&[]);
        }
        // SAFETY: the engine has just reported `length` bytes at `start`. Only JavaScript could change or free them. The caller promises
        // that no JavaScript runs while the slice is in use, and that the handle scope stays open.
        Some(unsafe { std::slice::from_raw_parts(start, length) })
    }

    /// A new ArrayBuffer of exactly these bytes.
    pub fn array_buffer(self, bytes: &[u8]) -> Value<'scope> {
        let mut start = ptr::null_mut();
        let buffer = self.new_array_buffer(bytes.len(), &mut start);
        if !bytes.is_empty() && !buffer.is_nothing() {
            // SAFETY: the engine has just allocated `bytes.len()` bytes at `start`. Nothing else knows their address yet.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), start.cast(), bytes.len()) };
        }
        buffer
    }

    /// Makes a new ArrayBuffer of `length` bytes. Sets `start` to the address of its memory.
    fn new_array_buffer(self, length: usize, start: &mut *mut c_void) -> Value<'scope> {
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the length is passed by value; `start`
        // is borrowed for the call, and `out` points to a local variable of `made`.
        self.made(|out| unsafe { sys::napi_create_arraybuffer(self.raw(), length, start, out) })
    }

    /// Makes a new ArrayBuffer of `length` bytes that no JavaScript code knows, and returns it with the address of its memory. If the
    /// runtime gives a new Buffer for native code an ArrayBuffer of its own, that ArrayBuffer is used, because its memory is not cleared.
    /// Returns `None` if the engine has no memory.
    pub fn blank_array_buffer(self, length: usize) -> Option<(Value<'scope>, *mut u8)> {
        let mut start = ptr::null_mut();
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the length is passed by value; `start`
        // outlives the call, and `out` points to a local variable of `made`.
        let view = self.made(|out| unsafe { sys::napi_create_buffer(self.raw(), length, &raw mut start, out) });
        if view.is_nothing() {
            self.clear_exception();
        } else {
            let mut offset = 0;
            let buffer = self.made(|out| {
                let (kind, count) = (ptr::null_mut(), ptr::null_mut());
                // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the view is a handle of the
                // `Env`'s scope; `start` and `offset` outlive the call, `out` points to a local variable of `made`, and null means that
                // kind and count are not wanted.
                unsafe {
                    let (start, offset) = (&raw mut start, &raw mut offset);
                    sys::napi_get_typedarray_info(self.raw(), view.raw(), kind, count, start, out, offset)
                }
            });
            if offset == 0 && self.location_of(buffer) == Some((start.cast(), length)) {
                return Some((buffer, start.cast()));
            }
        }
        let buffer = self.new_array_buffer(length, &mut start);
        if buffer.is_nothing() {
            self.clear_exception();
            return None;
        }
        Some((buffer, start.cast()))
    }

    /// Makes a new ArrayBuffer on memory that the engine does not own. `None` if the engine does not support external ArrayBuffers
    /// (Electron).
    ///
    /// # Safety
    /// `start` must point to `length` bytes that may be written. They must live until the engine calls `release` with `hint`, which it does
    /// once. That call must be sound.
    pub unsafe fn external_array_buffer(
        self,
        (start, length): Location,
        release: unsafe extern "C" fn(Raw, *mut c_void, *mut c_void),
        hint: *mut c_void,
    ) -> Option<Value<'scope>> {
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the caller promises that the memory
        // lives until the engine has called `release` with `hint`; `out` points to a local variable of `made`.
        let buffer = self.made(|out| unsafe {
            sys::napi_create_external_arraybuffer(self.raw(), start.cast(), length, Some(release), hint, out)
        });
        if buffer.is_nothing() {
            self.clear_exception();
            return None;
        }
        Some(buffer)
    }

    /// Makes a view on a whole ArrayBuffer: a Uint8Array or a Uint32Array, as `kind` says. This works even if the program has replaced the
    /// globals of these names.
    pub fn view(self, buffer: Value<'scope>, kind: sys::napi_typedarray_type) -> Option<Value<'scope>> {
        let (_, length) = self.location_of(buffer)?;
        let count = length / element_size(kind)?;
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the buffer is a handle of the `Env`'s
        // scope, and the engine checks that `count` elements fit in; `out` points to a local variable of `made`.
        let view =
            self.made(|out| unsafe { sys::napi_create_typedarray(self.raw(), kind, count, buffer.raw(), 0, out) });
        (!view.is_nothing()).then_some(view)
    }

    /// Clears the exception that a failed call has left, if there is one.
    fn clear_exception(self) {
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; `out` points to a local variable of
        // `made`.
        self.made(|out| unsafe { sys::napi_get_and_clear_last_exception(self.raw(), out) });
    }
}

/// The size in bytes of one element of a typed array. `kind` is one of the numbers of `napi_typedarray_type`. `None` if it is not known
/// here.
fn element_size(kind: sys::napi_typedarray_type) -> Option<usize> {
    Some(match kind {
        0..=2 => 1,
        // 11 is float16_array, the newest kind.
        3 | 4 | 11 => 2,
        5..=7 => 4,
        8..=10 => 8,
        _ => return None,
    })
}
