//! References keep a JavaScript value for longer than the handle scope in which it arrived.

use std::ptr;

use napi::sys;

use super::env::{Env, Raw, Value, ok};

/// A reference to a JavaScript value. If it is not deleted before, the engine frees it when the environment ends. So a `Reference` must
/// belong to something that ends with the environment, or must not be used after the environment's end.
pub struct Reference {
    /// The environment in which the reference was made.
    raw: Raw,
    /// The engine's identifier of the reference.
    reference: sys::napi_ref,
}

impl Reference {
    /// A reference that keeps the value alive.
    pub fn strong(env: Env<'_>, to: Value<'_>) -> Option<Self> {
        Self::new(env, to, 1)
    }

    /// A reference that does not keep the value alive: the value may be garbage collected.
    pub fn weak(env: Env<'_>, to: Value<'_>) -> Option<Self> {
        Self::new(env, to, 0)
    }

    fn new(env: Env<'_>, to: Value<'_>, count: u32) -> Option<Self> {
        let mut reference = ptr::null_mut();
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the engine checks the value, which is a
        // handle or null; `reference` outlives the call.
        let status = unsafe { sys::napi_create_reference(env.raw(), to.raw(), count, &raw mut reference) };
        ok(status).then_some(Self { raw: env.raw(), reference })
    }

    /// Whether the reference was made in `env`. If so, the reference's environment is live, because an `Env` is.
    fn is_of(&self, env: Env<'_>) -> bool {
        self.raw == env.raw()
    }

    /// The value, or nothing if it was garbage collected or if `env` is another environment.
    pub fn value<'scope>(&self, env: Env<'scope>) -> Value<'scope> {
        if !self.is_of(env) {
            return Value::NOTHING;
        }
        // SAFETY: the reference was made in `env`, which is live. It is not deleted yet, because only `delete` deletes it, and `delete`
        // consumes `self`. `out` points to a local variable of `made`.
        env.made(|out| unsafe { sys::napi_get_reference_value(env.raw(), self.reference, out) })
    }

    /// Adds 1 to the reference count. The value is kept alive while the count is above 0.
    pub fn retain(&self, env: Env<'_>) {
        if self.is_of(env) {
            let mut count = 0;
            // SAFETY: the reference was made in `env`, which is live. It is not deleted yet, because `delete` would have consumed `self`.
            // `count` outlives the call.
            unsafe { sys::napi_reference_ref(env.raw(), self.reference, &raw mut count) };
        }
    }

    /// Subtracts 1 from the reference count, after [`Self::retain`].
    pub fn release(&self, env: Env<'_>) {
        if self.is_of(env) {
            let mut count = 0;
            // SAFETY: the reference was made in `env`, which is live. It is not deleted yet, because `delete` would have consumed `self`.
            // If the count is 0 already, the engine returns an error status. `count` outlives the call.
            unsafe { sys::napi_reference_unref(env.raw(), self.reference, &raw mut count) };
        }
    }

    /// Deletes the reference.
    pub fn delete(self, env: Env<'_>) {
        if self.is_of(env) {
            // SAFETY: the reference was made in `env`, which is live. It is deleted only once, because `delete` consumes `self`.
            unsafe { sys::napi_delete_reference(env.raw(), self.reference) };
        }
    }
}
