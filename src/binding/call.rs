//! One call from JavaScript: the environment that makes the call, and the arguments.

use super::env::{Env, Value};
use super::environment::Environment;
use super::package_instance::SLOTS;
use crate::net::Id;
use crate::net::memory::NoMemory;

/// The most arguments that a function takes.
pub const ARGUMENTS: usize = 5;

/// One call from JavaScript, until it returns.
pub struct Call<'scope> {
    /// The calling thread's sockets and package instances.
    pub environment: &'scope Environment,
    /// The Node-API environment that makes the call. The engine has opened a handle scope for the call.
    pub env: Env<'scope>,
    /// The arguments. Missing ones are undefined.
    pub arguments: [Value<'scope>; ARGUMENTS],
    /// How many arguments JavaScript has given. It may be more than `ARGUMENTS`.
    pub given: usize,
}

impl<'scope> Call<'scope> {
    /// The first argument, as the number of a socket.
    pub fn id(&self) -> Id {
        Id::from_number(self.env.to_u32(self.arguments[0]).unwrap_or(u32::MAX))
    }

    /// An argument that is a whole number; 0 where it is not a number.
    pub fn number(&self, index: usize) -> u32 {
        self.env.to_u32(self.arguments[index]).unwrap_or(0)
    }

    /// An argument that is the size of a Blob; 0 where it is not a number.
    pub fn size(&self, index: usize) -> u64 {
        self.env.to_u64(self.arguments[index]).unwrap_or(0)
    }

    /// An argument that is a boolean; false if it is not a boolean.
    pub fn flag(&self, index: usize) -> bool {
        self.env.to_bool(self.arguments[index]).unwrap_or(false)
    }

    /// An argument that is a string; `None` if it is not a string.
    pub fn text(&self, index: usize) -> Result<Option<String>, NoMemory> {
        self.env.to_text(self.arguments[index])
    }

    /// The bytes of an argument. The slice is empty if the argument is neither an ArrayBuffer nor a view.
    ///
    /// # Safety
    /// The slice must not be used after JavaScript has run again.
    pub unsafe fn bytes(&self, index: usize) -> &'scope [u8] {
        // SAFETY: `'scope` ends before the call's handle scope closes. The caller promises that no JavaScript runs while the slice is in
        // use.
        unsafe { self.env.bytes(self.arguments[index]) }.unwrap_or(&[])
    }

    /// The bytes of an argument, to be written. The slice is empty if the argument is neither an ArrayBuffer nor a view.
    ///
    /// # Safety
    /// The slice must not be used after JavaScript has run again. No other thread may have the memory (a SharedArrayBuffer's), and no other
    /// argument may be read while the slice is in use.
    pub unsafe fn bytes_mut(&self, index: usize) -> &'scope mut [u8] {
        let Some((start, length)) = self.env.location_of(self.arguments[index]) else { return &mut [] };
        if length == 0 || start.is_null() {
            return &mut [];
        }
        // SAFETY: the engine has just reported `length` bytes at `start`, which belong to an ArrayBuffer that the call's handle scope keeps
        // alive during `'scope`. Only JavaScript, another thread or another argument could reach them, and the caller rules these out.
        unsafe { std::slice::from_raw_parts_mut(start, length) }
    }

    /// The first `length` bytes of a scratch memory. Each package instance has its own; `id` is a socket of the instance.
    ///
    /// # Safety
    /// The slice must not be used after JavaScript has run again.
    pub unsafe fn scratch(&self, id: Id, length: u32) -> &'scope [u8] {
        let owner = self.environment.net(|net| net.owner(id)).flatten().unwrap_or(u32::MAX);
        let bytes = self.environment.instance(owner, |instance| {
            // SAFETY: the environment keeps its package instances until it is freed, which is after the end of `'scope`. The caller
            // promises that no JavaScript runs while the slice is in use.
            unsafe { instance.scratch(self.env, length as usize) }
        });
        bytes.unwrap_or(&[])
    }

    /// Writes an event's numbers to the slots of the package instance that has called `next(instance)`.
    pub fn leave_numbers(&self, numbers: [u32; SLOTS]) {
        self.environment.instance(self.number(0), |instance| instance.leave(self.env, numbers));
    }
}
