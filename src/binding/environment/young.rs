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

/// Each time this many bytes of new blocks are allocated, this file starts a collection of young objects. Two amounts may count at once,
/// because V8 may not have swept the earlier one: 48 MiB, below V8's limit of 64 MiB.
const BYTES: usize = 24 * 1024 * 1024;
/// The bytes of the strings that fill the space for young objects: 16 KiB. The engine copies them, which takes a quarter of the time that it
/// takes to fill an array of this size.
static FILLER: [u8; 16 * 1024] = [0; 16 * 1024];
/// The most strings that are made for one collection: 32 MiB. V8 lets the space for young objects grow to this size, if many objects survive
/// their first collection. This happens in a program that makes many objects, and in any program that accepts many connections.
const STRINGS: usize = 32 * 1024 * 1024 / FILLER.len();

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
        let probe = |env: Env<'_>| Reference::weak(env, env.object());
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live. `probe` makes values only with its own
        // `Env`.
        let Some(Some(probe)) = (unsafe { scope::enter(env.raw(), probe) }) else { return };
        for _ in 0..STRINGS {
            let fill = |env: Env<'_>| {
                env.latin1(&FILLER);
                probe.value(env).is_nothing()
            };
            // SAFETY: an `Env` exists only on its environment's thread, while the environment is live. `fill` makes values only with its own
            // `Env`. The scope ends with each call, so its handles keep nothing alive.
            if unsafe { scope::enter(env.raw(), fill) } != Some(false) {
                break;
            }
        }
        probe.delete(env);
    }
}
