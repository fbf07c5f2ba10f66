//! The way of another thread into JavaScript, and how it is closed.

use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use napi::sys;

/// A threadsafe function behind a lock. The gate is closed before the environment goes: a call into a threadsafe function that is being
/// torn down crashes Node. It is closed at first, too.
#[derive(Clone, Default)]
pub struct Gate(Arc<Mutex<Option<ThreadsafeFunction>>>);

/// One acquisition of a threadsafe function.
pub struct ThreadsafeFunction(sys::napi_threadsafe_function);

// SAFETY: Node-API lets any thread call and release a threadsafe function that it has acquired; that is what it is for.
unsafe impl Send for ThreadsafeFunction {}

impl ThreadsafeFunction {
    /// Takes over an acquisition.
    ///
    /// # Safety
    /// `function` must be an acquisition that nobody else releases.
    pub unsafe fn from_raw(function: sys::napi_threadsafe_function) -> Self {
        Self(function)
    }

    /// The pointer for a Node-API call.
    pub fn raw(&self) -> sys::napi_threadsafe_function {
        self.0
    }
}

/// Gives the acquisition back. Calls that are still queued are dropped.
impl Drop for ThreadsafeFunction {
    fn drop(&mut self) {
        // SAFETY: `from_raw`'s caller has given this one acquisition, and a drop happens once, so it is released once.
        unsafe { sys::napi_release_threadsafe_function(self.0, sys::ThreadsafeFunctionReleaseMode::abort) };
    }
}

impl Gate {
    /// Interrupts JavaScript, unless its environment is ending.
    pub fn interrupt(&self) {
        let gate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = &*gate {
            // SAFETY: only a drop releases a function, so one that lies here has not been released, and the lock keeps it here during
            // the call. The call does not wait, and has no data.
            unsafe {
                let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
                sys::napi_call_threadsafe_function(function.0, ptr::null_mut(), mode);
            }
        }
    }

    /// From now on interrupts go through this function.
    pub fn open(&self, function: ThreadsafeFunction) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(function);
    }

    /// Closes the gate and returns the function, if the gate was open. When this returns, no thread is in a call of it.
    pub fn close(&self) -> Option<ThreadsafeFunction> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
