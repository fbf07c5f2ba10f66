//! One loaded copy of the package, as the native half knows it.

use napi::sys;

use super::env::{Env, Value};
use super::reference::Reference;
use super::shared_memory::SharedMemory;

/// The size of the scratch memory in bytes.
const SCRATCH: usize = 16 * 1024;

/// How many numbers describe an event beside the value that `next()` returns: its id, its kind, and its values after the first.
pub const SLOTS: usize = 5;

/// What `attach()` gave for one copy of the package. (Each registry of modules makes a copy: jest has one for each test file.)
///
/// Its JavaScript is held strongly only while one of its sockets is open. So a copy that nobody uses any more can be collected, and
/// its realm with it.
pub struct PackageInstance {
    /// The function `serve`. The options keep it alive.
    serve: Reference,
    /// The object `options`.
    options: Reference,
    /// JavaScript encodes short strings into this.
    scratch: SharedMemory,
    /// `next()` leaves an event's numbers here.
    slots: SharedMemory,
    /// Whether the references keep the JavaScript alive.
    is_held: bool,
}

impl PackageInstance {
    /// Takes what `attach(serve, options)` was given. The value is attach()'s answer, still without the instance's number. `None` where
    /// the arguments are not what docs/binding.md says, or there is no memory.
    pub fn new<'scope>(
        env: Env<'scope>,
        serve: Value<'scope>,
        options: Value<'scope>,
    ) -> Option<(Self, Value<'scope>)> {
        let (scratch, scratch_buffer) = SharedMemory::new(env, SCRATCH / size_of::<u32>())?;
        let (slots, slots_buffer) = SharedMemory::new(env, SLOTS)?;
        let answer = env.object();
        env.set(answer, c"scratch", env.view(scratch_buffer, sys::TypedarrayType::uint8_array)?);
        env.set(answer, c"slots", env.view(slots_buffer, sys::TypedarrayType::uint32_array)?);
        // Whoever keeps the options keeps serve() too: it must not be collected before them.
        env.set(options, c"serve", serve);
        let (serve, options) = (Reference::weak(env, serve)?, Reference::weak(env, options)?);
        Some((Self { serve, options, scratch, slots, is_held: false }, answer))
    }

    /// true: keeps the JavaScript alive. false: lets it be collected.
    pub fn hold(&mut self, env: Env<'_>, hold: bool) {
        if self.is_held == hold {
            return;
        }
        self.is_held = hold;
        for reference in [&self.serve, &self.options] {
            if hold {
                reference.retain(env);
            } else {
                reference.release(env);
            }
        }
    }

    /// The function `serve`; nothing where it has been collected.
    pub fn serve<'scope>(&self, env: Env<'scope>) -> Value<'scope> {
        self.serve.value(env)
    }

    /// The object `options`; nothing where it has been collected.
    pub fn options<'scope>(&self, env: Env<'scope>) -> Value<'scope> {
        self.options.value(env)
    }

    /// Leaves an event's numbers where the JavaScript of this copy reads them.
    pub fn leave(&self, env: Env<'_>, numbers: [u32; SLOTS]) {
        self.slots.write(env, numbers);
    }

    /// The first `length` bytes of the scratch memory.
    ///
    /// # Safety
    /// The slice must not be used after JavaScript has run again, which may write there, nor after this instance is gone.
    pub unsafe fn scratch<'a>(&self, env: Env<'_>, length: usize) -> &'a [u8] {
        let Some((start, size)) = self.scratch.location(env) else { return &[] };
        // SAFETY: `location` says that `size` bytes are there now, and the slice is no longer than that. The caller uses it only while
        // this instance keeps the memory and no JavaScript runs, which alone could write there.
        unsafe { std::slice::from_raw_parts(start, length.min(size)) }
    }
}
