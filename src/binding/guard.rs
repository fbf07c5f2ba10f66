//! Panics stop here: what C calls must not unwind into it.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs what may panic. The error is what the panic was given.
pub fn guarded<T>(part: impl FnOnce() -> T) -> std::thread::Result<T> {
    catch_unwind(AssertUnwindSafe(part))
}
