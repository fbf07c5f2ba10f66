use std::ptr;

use napi::sys;

use super::common::{self, Common};
use super::events::SLOTS;
use super::values::{Raw, Value, get, object, refer, set, view};

/// Bytes of the scratch buffer.
const SCRATCH: usize = 16 * 1024;

/// One copy of the package: its `serve` function and what else `attach()` gave.
///
/// Held strongly only while one of its sockets is open, so that a copy nobody uses any more (a jest test file's) can
/// be collected with its realm.
pub struct Host {
    env: Raw,
    serve: sys::napi_ref,
    options: sys::napi_ref,
    /// What its JavaScript encodes short strings into.
    scratch: Common,
    /// Where `next()` leaves an event's numbers.
    slots: Common,
    held: bool,
}

impl Host {
    /// Takes what `attach(serve, options)` was given, and gives the object that it is answered with, but for the number; `None`
    /// where that is not what docs/binding.md says.
    pub fn new(env: Raw, serve: Value, options: Value) -> Option<(Self, Value)> {
        let (scratch, scratch_buffer) = Common::new(env, SCRATCH / size_of::<u32>())?;
        let (slots, slots_buffer) = Common::new(env, SLOTS)?;
        let answer = object(env);
        set(env, answer, c"scratch", view(env, scratch_buffer, sys::TypedarrayType::uint8_array)?);
        set(env, answer, c"slots", view(env, slots_buffer, sys::TypedarrayType::uint32_array)?);
        // What serve() hangs on must not die before it: the options hold it.
        set(env, options, c"serve", serve);
        let host = Self { env, serve: refer(env, serve)?, options: refer(env, options)?, scratch, slots, held: false };
        Some((host, answer))
    }

    /// Keeps the JavaScript side alive, or lets it go.
    pub fn hold(&mut self, hold: bool) {
        if self.held == hold {
            return;
        }
        self.held = hold;
        for reference in [self.serve, self.options] {
            let mut count = 0;
            // SAFETY: the references are live until the environment ends; the count goes 0 -> 1 -> 0.
            unsafe {
                if hold {
                    sys::napi_reference_ref(self.env, reference, &raw mut count);
                } else {
                    sys::napi_reference_unref(self.env, reference, &raw mut count);
                }
            }
        }
    }

    /// The `serve` function.
    pub fn serve(&self) -> Value {
        dereference(self.env, self.serve)
    }

    /// Leaves an event's numbers where this host's JavaScript reads them.
    pub fn leave(&self, numbers: [u32; SLOTS]) {
        common::write(&self.slots, numbers);
    }

    /// What else `attach()` was given.
    pub fn options(&self) -> Value {
        dereference(self.env, self.options)
    }

    /// A member of the options.
    pub fn option(&self, name: &std::ffi::CStr) -> Value {
        get(self.env, self.options(), name)
    }

    /// The first `length` bytes of the scratch buffer.
    ///
    /// # Safety
    /// Only until JavaScript runs again: it may write there.
    pub unsafe fn scratch<'a>(&self, length: usize) -> &'a [u8] {
        let Some((start, size)) = self.scratch.place() else { return &[] };
        // SAFETY: the memory is there now, and `length` is kept inside it. It lives as long as this host, which is as long as
        // the environment; nobody writes to it before JavaScript runs again, which the caller vouches for.
        unsafe { std::slice::from_raw_parts(start, length.min(size)) }
    }
}

/// The value of a reference; null where it has been collected.
pub fn dereference(env: Raw, reference: sys::napi_ref) -> Value {
    let mut out = ptr::null_mut();
    // SAFETY: the reference is live until the environment ends.
    unsafe { sys::napi_get_reference_value(env, reference, &raw mut out) };
    out
}
