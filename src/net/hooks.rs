//! Makes the code panic at named points, to test how panics are handled. Only builds with the feature `test-hooks` can do that, and no such
//! build is published.

#[cfg(feature = "test-hooks")]
mod armed {
    use std::sync::{Mutex, PoisonError};

    /// The names of the points that a test has set to panic, and how many passes without a panic are left: with 0 the next pass panics.
    static ARMED: Mutex<Vec<(String, u32)>> = Mutex::new(Vec::new());

    /// Makes `point` panic once, after `passes` passes without a panic.
    pub fn arm(point: String, passes: u32) {
        ARMED.lock().unwrap_or_else(PoisonError::into_inner).push((point, passes));
    }

    /// The number of points that are armed and have not panicked yet. With `disarm` none is armed afterwards.
    pub fn left(disarm: bool) -> usize {
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        let left = armed.len();
        if disarm {
            armed.clear();
        }
        left
    }

    /// Panics if `point` is armed and no passes without a panic are left.
    pub fn pass(point: &str) {
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = armed.iter().position(|(name, _)| name == point) else { return };
        if armed[at].1 > 0 {
            armed[at].1 -= 1;
            return;
        }
        armed.remove(at);
        drop(armed);
        panic!("test hook {point}");
    }
}

#[cfg(feature = "test-hooks")]
pub use armed::{arm, left, pass};

/// A point at which a build with `test-hooks` can panic. It does nothing in other builds.
#[cfg(not(feature = "test-hooks"))]
#[inline(always)]
pub fn pass(_point: &'static str) {}
