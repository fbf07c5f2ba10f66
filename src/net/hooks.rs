//! Panics on purpose, at named points: how the tests find out what becomes of a panic. Only builds with the feature `test-hooks` have
//! them, and nothing that is published is one.

#[cfg(feature = "test-hooks")]
mod armed {
    use std::sync::{Mutex, PoisonError};

    /// The points that will panic, and how often each is passed before it does.
    static ARMED: Mutex<Vec<(String, u32)>> = Mutex::new(Vec::new());

    /// Makes `point` panic, once, after it has been passed `passes` times.
    pub fn arm(point: String, passes: u32) {
        ARMED.lock().unwrap_or_else(PoisonError::into_inner).push((point, passes));
    }

    /// Panics where `point` is armed and its turn has come.
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
pub use armed::{arm, pass};

/// A point at which a build with `test-hooks` can panic. Nothing elsewhere.
#[cfg(not(feature = "test-hooks"))]
#[inline(always)]
pub fn pass(_point: &'static str) {}
