//! The native half's data for one package instance, that is, for one loaded copy of `lib/`.

use napi::sys;

use super::env::{Env, Value};
use super::reference::Reference;
use super::shared_memory::SharedMemory;

/// The size of the scratch memory in bytes.
const SCRATCH: usize = 16 * 1024;

/// How many numbers describe an event beside the value that `next()` returns: the socket's id, the kind, and up to three more values.
pub const SLOTS: usize = 5;

/// The arguments of one package instance's `attach()`, and the memory that it shares with the native half. (Each registry of modules loads
/// its own instance: jest has one registry for each test file.)
///
/// The native half holds the instance's JavaScript strongly only while one of its sockets is open. So an unused instance can be garbage
/// collected, together with its realm.
pub struct PackageInstance {
    /// The function `serve`. It is also a member of `options`, which keeps it alive.
    serve: Reference,
    /// The argument `options` of `attach()`.
    options: Reference,
    /// The memory into which JavaScript encodes short strings.
    scratch: SharedMemory,
    /// The memory to which `next()` writes an event's numbers.
    slots: SharedMemory,
    /// True while the references keep the JavaScript alive.
    is_held: bool,
}

impl PackageInstance {
    /// Makes an instance from the arguments of `attach(serve, options)`. The returned value is attach()'s result; the caller still has to
    /// add the instance's number. Returns `None` if the arguments are not what docs/binding.md says, or if there is no memory.
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
        // `options` gets `serve` as a member, so that `serve` is not garbage collected before `options`.
        env.set(options, c"serve", serve);
        let (serve, options) = (Reference::weak(env, serve)?, Reference::weak(env, options)?);
        Some((Self { serve, options, scratch, slots, is_held: false }, answer))
    }

    /// If `hold` is true, keeps the JavaScript alive. If it is false, the JavaScript may be garbage collected.
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

    /// The function `serve`, or nothing if it was garbage collected.
    pub fn serve<'scope>(&self, env: Env<'scope>) -> Value<'scope> {
        self.serve.value(env)
    }

    /// The object `options`, or nothing if it was garbage collected.
    pub fn options<'scope>(&self, env: Env<'scope>) -> Value<'scope> {
        self.options.value(env)
    }

    /// Writes an event's numbers to the slots, where the JavaScript of this instance reads them.
    pub fn leave(&self, env: Env<'_>, numbers: [u32; SLOTS]) {
        self.slots.write(env, numbers);
    }

    /// The first `length` bytes of the scratch memory.
    ///
    /// # Safety
    /// The slice must not be used after JavaScript has run again, because JavaScript may write to this memory. Nor may it be used after
    /// this instance is gone.
    pub unsafe fn scratch<'a>(&self, env: Env<'_>, length: usize) -> &'a [u8] {
        let Some((start, size)) = self.scratch.location(env) else { return &[] };
        // SAFETY: `location` reports `size` bytes at `start`, and the slice is not longer. The caller promises to use the slice only while
        // this instance exists, which keeps the memory, and while no JavaScript runs. Nothing else writes to the memory.
        unsafe { std::slice::from_raw_parts(start, length.min(size)) }
    }
}
