//! Makes the engine collect young objects soon enough.
//!
//! V8 counts the memory of all ArrayBuffers. When 64 MiB have been added since the last full collection, it starts the next full one. It also
//! starts a collection of young objects, at twice the size of a semi-space. In Node 24 that is 64 MiB as well, and the full collection
//! wins: half of the processor time of a bulk transfer was V8's marking. The blocks of a transfer die young, so collections of young objects
//! are enough.

use super::Environment;
use crate::binding::env::Env;
use crate::binding::reference::Reference;
use crate::binding::scope;

/// After this many bytes of new blocks the engine is to collect young objects. Two such amounts, one of which is not swept yet, stay below
/// V8's 64 MiB.
const BYTES: usize = 24 * 1024 * 1024;
/// The length of an array that takes 64 KiB of young memory.
const LENGTH: usize = 8 * 1024;
/// The most arrays that are made for one collection: 4 MiB. The space for young objects has 1 MiB at first, and grows only in a program that
/// makes many objects itself. Such a program has these collections anyway.
const ARRAYS: usize = 64;

impl Environment {
    /// Sets whether the engine needs help to collect the blocks young. JavaScript knows the engine.
    pub fn collect_young(&self, needs_help: bool) {
        if needs_help != self.new_block_bytes.get().is_some() {
            self.new_block_bytes.set(needs_help.then_some(0));
        }
    }

    /// Counts `bytes` of new blocks, or other memory for received bytes. Every `BYTES` bytes it fills the space for young objects, so that the engine collects it.
    pub fn count_new_memory(&self, env: Env<'_>, bytes: usize) {
        let Some(before) = self.new_block_bytes.get() else { return };
        let total = before + bytes;
        self.new_block_bytes.set(Some(total % BYTES));
        if total < BYTES {
            return;
        }
        let probe = |env: Env<'_>| Reference::weak(env, env.empty_array(0));
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live. `probe` makes values only with its own
        // `Env`.
        let Some(Some(probe)) = (unsafe { scope::enter(env.raw(), probe) }) else { return };
        for _ in 0..ARRAYS {
            let fill = |env: Env<'_>| {
                env.empty_array(LENGTH);
                probe.value(env).is_nothing()
            };
            // SAFETY: as the line above says of `probe`, `env` is live, and this is its thread. `fill` makes values only with its own `Env`.
            // The scope ends with each call, so that its handles keep nothing alive.
            if unsafe { scope::enter(env.raw(), fill) } != Some(false) {
                break;
            }
        }
        probe.delete(env);
    }
}
