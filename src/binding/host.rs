use std::ptr;

use napi::sys;

use super::events::SLOTS;
use super::values::{Raw, Value, get, ok, set, to_bytes};

/// One copy of the package: its `serve` function and what else `attach()` gave.
///
/// Held strongly only while one of its sockets is open, so that a copy nobody uses any more (a jest test file's) can
/// be collected with its realm.
pub struct Host {
    env: Raw,
    serve: sys::napi_ref,
    options: sys::napi_ref,
    /// The scratch buffer's memory. Read only in calls that this host's JavaScript makes: then it is alive.
    scratch: (*const u8, usize),
    /// Where `next()` leaves an event's numbers. Written only in calls that this host's JavaScript makes.
    slots: *mut [u32; SLOTS],
    held: bool,
}

impl Host {
    /// Takes what `attach(serve, options)` was given; `None` where it is not what docs/binding.md says.
    pub fn new(env: Raw, serve: Value, options: Value) -> Option<Self> {
        // SAFETY: the slice is not read here, only its place kept; the engine does not move an ArrayBuffer's memory.
        let scratch = unsafe { to_bytes(env, get(env, options, c"scratch")) }?;
        // SAFETY: as above.
        let slots = unsafe { to_bytes(env, get(env, options, c"slots")) }?;
        if slots.len() != size_of::<[u32; SLOTS]>() || !slots.as_ptr().cast::<u32>().is_aligned() {
            return None;
        }
        // What serve() hangs on must not die before it: the options hold it.
        set(env, options, c"serve", serve);
        Some(Self {
            env,
            serve: weak_reference(env, serve)?,
            options: weak_reference(env, options)?,
            scratch: (scratch.as_ptr(), scratch.len()),
            slots: slots.as_ptr().cast_mut().cast(),
            held: false,
        })
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

    /// Whether one of its sockets is open.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The `serve` function.
    pub fn serve(&self) -> Value {
        dereference(self.env, self.serve)
    }

    /// Leaves an event's numbers where this host's JavaScript reads them.
    ///
    /// # Safety
    /// Only in a call from this host's JavaScript.
    pub unsafe fn leave(&self, numbers: [u32; SLOTS]) {
        // SAFETY: the memory is alive while its JavaScript calls, of that size and aligned (`new`); nobody else has it.
        unsafe { self.slots.write(numbers) };
    }

    /// A member of the options.
    pub fn option(&self, name: &std::ffi::CStr) -> Value {
        get(self.env, dereference(self.env, self.options), name)
    }

    /// The first `length` bytes of the scratch buffer.
    ///
    /// # Safety
    /// Only in a call from this host's JavaScript, and until it runs again.
    pub unsafe fn scratch<'a>(&self, length: usize) -> &'a [u8] {
        let (start, size) = self.scratch;
        // SAFETY: the buffer is alive while its JavaScript calls, and `length` is kept inside it.
        unsafe { std::slice::from_raw_parts(start, length.min(size)) }
    }
}

fn weak_reference(env: Raw, to: Value) -> Option<sys::napi_ref> {
    let mut reference = ptr::null_mut();
    // SAFETY: `to` is a live value of this environment.
    ok(unsafe { sys::napi_create_reference(env, to, 0, &raw mut reference) }).then_some(reference)
}

/// The value of a reference; null where it has been collected.
pub fn dereference(env: Raw, reference: sys::napi_ref) -> Value {
    let mut out = ptr::null_mut();
    // SAFETY: the reference is live until the environment ends.
    unsafe { sys::napi_get_reference_value(env, reference, &raw mut out) };
    out
}
