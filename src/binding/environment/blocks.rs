//! Passes received bytes to JavaScript, and lends `net` the ArrayBuffers (blocks) that large reads write to directly.

use super::Environment;
use crate::binding::env::{Env, Value};
use crate::binding::reference::Reference;
use crate::binding::scope;
use crate::net::{Block, Payload, READ_SIZE};

/// The size of a block in bytes. One large read asks for this many bytes, so that a full block needs no copy.
const BLOCK: usize = READ_SIZE;

impl Environment {
    /// The ArrayBuffer for the bytes of an event. It has exactly the received bytes (R-data).
    pub fn data<'scope>(&self, env: Env<'scope>, payload: Payload) -> Value<'scope> {
        if let Payload::Block { number, len } = payload {
            return self.block_data(env, number, len);
        }
        self.net(|net| env.array_buffer(net.received(payload))).unwrap_or(Value::NOTHING)
    }

    /// The ArrayBuffer for the first `len` bytes of a block. If the block is full, this is the block's own ArrayBuffer. Otherwise the bytes
    /// are copied, and the block is lent to `net` again.
    fn block_data<'scope>(&self, env: Env<'scope>, number: u32, len: usize) -> Value<'scope> {
        let buffer = self.blocks.borrow()[number as usize].value(env);
        if len == BLOCK {
            self.forget_block(env, number);
            return buffer;
        }
        let Some((start, BLOCK)) = env.location_of(buffer) else {
            // The program has detached the ArrayBuffer, which it can find only with a debugger. So the bytes are gone.
            self.forget_block(env, number);
            return env.array_buffer(&[]);
        };
        // SAFETY: `location_of` has just reported that `buffer` has BLOCK bytes at `start`, and `len` is at most BLOCK. The bytes are
        // copied before JavaScript can run. `net` reads into the block only after `lend_block`, below.
        let data = env.array_buffer(unsafe { std::slice::from_raw_parts(start, len) });
        // SAFETY: the engine has returned `start` as the address of BLOCK bytes that may be written. `self.blocks` still has the reference
        // that keeps the ArrayBuffer alive. After JavaScript has run, `Net` checks that the memory is still there before it reads into the
        // block (`check_blocks`).
        let block = unsafe { Block::new(start, BLOCK, number) };
        self.net(|net| net.lend_block(Some(block)));
        data
    }

    /// Lends `count` new blocks to `net`, and checks the blocks that `net` has not used yet.
    pub(super) fn lend_blocks(&self, env: Env<'_>, count: usize) {
        let lend = |env: Env<'_>| {
            for _ in 0..count {
                let block = self.allocate_block(env);
                let is_last = block.is_none();
                self.net(|net| net.lend_block(block));
                if is_last {
                    break;
                }
            }
            self.keep_blocks(env, |block| self.is_in_place(env, block));
        };
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live. `lend` makes values only with its own
        // `Env`, and calls no JavaScript.
        let lent = unsafe { scope::enter(env.raw(), lend) };
        if lent.is_none() {
            // The environment is ending, so there can be no more blocks.
            self.net(|net| net.lend_block(None));
            self.keep_blocks(env, |_| false);
            return;
        }
        self.count_new_memory(env, count * BLOCK);
    }

    /// Removes the unused blocks for which `is_kept` returns false.
    fn keep_blocks(&self, env: Env<'_>, is_kept: impl Fn(&Block) -> bool) {
        self.net(|net| {
            net.check_blocks(|block| {
                let is_kept = is_kept(block);
                if !is_kept {
                    self.forget_block(env, block.number());
                }
                is_kept
            });
        });
    }

    /// Whether a block's ArrayBuffer still has the block's memory. The program gets the ArrayBuffer only when it becomes a message. But a
    /// debugger can find every object, so a program can detach the ArrayBuffer earlier.
    fn is_in_place(&self, env: Env<'_>, block: &Block) -> bool {
        let buffer = self.blocks.borrow()[block.number() as usize].value(env);
        env.location_of(buffer) == Some(block.memory())
    }

    /// Makes a new block. Returns `None` if the engine has no memory for it.
    fn allocate_block(&self, env: Env<'_>) -> Option<Block> {
        let (buffer, start) = env.blank_array_buffer(BLOCK)?;
        let reference = Reference::strong(env, buffer)?;
        let number = self.blocks.borrow_mut().insert(reference) as u32;
        // SAFETY: the engine has just allocated BLOCK bytes at `start`, which may be written. The program does not know the ArrayBuffer
        // until `block_data` returns it, and until then `self.blocks` keeps it alive. After JavaScript has run, `Net` checks that the
        // memory is still there before it reads into the block (`check_blocks`).
        Some(unsafe { Block::new(start, BLOCK, number) })
    }

    /// Deletes the reference that keeps a block's ArrayBuffer alive.
    pub(super) fn forget_block(&self, env: Env<'_>, number: u32) {
        let reference = self.blocks.borrow_mut().try_remove(number as usize);
        if let Some(reference) = reference {
            reference.delete(env);
        }
    }
}
