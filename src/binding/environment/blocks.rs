//! Received bytes on their way to JavaScript, and the ArrayBuffers that large reads go straight into.

use super::Environment;
use crate::binding::env::{Env, Value};
use crate::binding::reference::Reference;
use crate::binding::scope;
use crate::net::{Block, Payload, READ_SIZE};

/// The size of a block in bytes: what one large read asks for, so that JavaScript gets a full block as it is.
const BLOCK: usize = READ_SIZE;

impl Environment {
    /// The ArrayBuffer of an event's bytes (R-data: exactly the received ones).
    pub fn data<'scope>(&self, env: Env<'scope>, payload: Payload) -> Value<'scope> {
        if let Payload::Block { number, len } = payload {
            return self.block_data(env, number, len);
        }
        self.net(|net| env.array_buffer(net.received(payload))).unwrap_or(Value::NOTHING)
    }

    /// The ArrayBuffer of the first `len` bytes of a block. A full block becomes the message itself. The bytes of a shorter one are
    /// copied, and the block is lent again.
    fn block_data<'scope>(&self, env: Env<'scope>, number: u32, len: usize) -> Value<'scope> {
        let buffer = self.blocks.borrow()[number as usize].value(env);
        if len == BLOCK {
            self.forget_block(env, number);
            return buffer;
        }
        let Some((start, BLOCK)) = env.location_of(buffer) else {
            // A program (a debugger) has found the ArrayBuffer and has detached it: the bytes are gone.
            self.forget_block(env, number);
            return env.array_buffer(&[]);
        };
        // SAFETY: the engine has just said that BLOCK bytes lie at `start`, and `len` is no more than that. They are copied before
        // JavaScript can run, and `net` reads into the block only after it has been lent again, below.
        let data = env.array_buffer(unsafe { std::slice::from_raw_parts(start, len) });
        // SAFETY: `start` comes from the engine, which gave it for writing, with BLOCK bytes. `self.blocks` still has the reference that
        // keeps the ArrayBuffer. After JavaScript has run, `Net` asks whether the memory is still there before it reads into it
        // (`check_blocks`).
        let block = unsafe { Block::new(start, BLOCK, number) };
        self.net(|net| net.lend_block(Some(block)));
        data
    }

    /// Lends `count` new blocks to `net`, and checks the ones that it has not used.
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
        // SAFETY: an `Env` is live and on its thread. The closure makes values with its own `Env`, and calls no JavaScript.
        let lent = unsafe { scope::enter(env.raw(), lend) };
        if lent.is_none() {
            // The environment is ending: there are no blocks any more.
            self.net(|net| net.lend_block(None));
            self.keep_blocks(env, |_| false);
        }
    }

    /// Forgets the unused blocks that `is_kept` refuses.
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

    /// Whether a block's ArrayBuffer still has the memory. The program does not know a block before it gets it as a message, but a
    /// debugger finds every object.
    fn is_in_place(&self, env: Env<'_>, block: &Block) -> bool {
        let buffer = self.blocks.borrow()[block.number() as usize].value(env);
        env.location_of(buffer) == Some(block.memory())
    }

    /// A new block; `None` where the engine has no memory.
    fn allocate_block(&self, env: Env<'_>) -> Option<Block> {
        let (buffer, start) = env.blank_array_buffer(BLOCK)?;
        let reference = Reference::strong(env, buffer)?;
        let number = self.blocks.borrow_mut().insert(reference) as u32;
        // SAFETY: the engine has just given BLOCK bytes at `start`, for writing. The program does not know the ArrayBuffer before
        // `block_data` hands it over, and the reference keeps it until then. After JavaScript has run, `Net` asks whether the memory
        // is still there before it reads into it (`check_blocks`).
        Some(unsafe { Block::new(start, BLOCK, number) })
    }

    /// Stops keeping a block's ArrayBuffer.
    pub(super) fn forget_block(&self, env: Env<'_>, number: u32) {
        let reference = self.blocks.borrow_mut().try_remove(number as usize);
        if let Some(reference) = reference {
            reference.delete(env);
        }
    }
}
