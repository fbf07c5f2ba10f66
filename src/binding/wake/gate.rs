//! The gate, through which another thread interrupts JavaScript.

use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use napi::sys;

/// A threadsafe function behind a lock. A new gate is closed. An open gate is closed again before the environment ends, because Node
/// crashes if a thread calls a threadsafe function while Node destroys it.
#[derive(Clone, Default)]
pub struct Gate(Arc<Mutex<Option<ThreadsafeFunction>>>);

/// One acquisition of a threadsafe function.
pub struct ThreadsafeFunction(sys::napi_threadsafe_function);

// SAFETY: Node-API allows any thread to call and to release a threadsafe function that was acquired for it.
unsafe impl Send for ThreadsafeFunction {}

impl ThreadsafeFunction {
    /// Takes ownership of an acquisition.
    ///
    /// # Safety
    /// `function` must be a valid acquisition that no other code releases.
    pub unsafe fn from_raw(function: sys::napi_threadsafe_function) -> Self {
        Self(function)
    }

    /// The raw pointer, for a Node-API call.
    pub fn raw(&self) -> sys::napi_threadsafe_function {
        self.0
    }
}

/// Releases the acquisition. Calls that are still queued are dropped.
impl Drop for ThreadsafeFunction {
    fn drop(&mut self) {
        // SAFETY: the caller of `from_raw` has passed one acquisition, and a drop happens once. So the acquisition is released once.
        unsafe { sys::napi_release_threadsafe_function(self.0, sys::ThreadsafeFunctionReleaseMode::abort) };
    }
}

impl Gate {
    /// Interrupts JavaScript, if the gate is open.
    pub fn interrupt(&self) {
        let gate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = &*gate {
            // SAFETY: only dropping `function` releases it. The lock keeps it in the gate during the call, so it is not released yet. The
            // call does not block, and passes no data.
            unsafe {
                let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
                sys::napi_call_threadsafe_function(function.0, ptr::null_mut(), mode);
            }
        }
    }

    /// Opens the gate: from now on interrupts go through `function`.
    pub fn open(&self, function: ThreadsafeFunction) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(function);
    }

    /// Closes the gate. Returns its function, or `None` if the gate was not open. When this returns, no thread is calling the function.
    pub fn close(&self) -> Option<ThreadsafeFunction> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
