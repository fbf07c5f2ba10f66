//! Catches panics in functions that C code calls. A panic must not unwind into C code.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `part`, which may panic. `Err` has the payload of the panic.
pub fn guarded<T>(part: impl FnOnce() -> T) -> std::thread::Result<T> {
    catch_unwind(AssertUnwindSafe(part))
}
