//! References: how the native half keeps a value of JavaScript beyond the scope that it came in.

use std::ptr;

use napi::sys;

use super::env::{Env, Raw, Value, ok};

/// A reference to a value. It is the environment's: what is not deleted before is freed when the environment ends. So a reference is
/// only kept in what ends with the environment, or is not used after its end.
pub struct Reference {
    /// The environment that it was made in.
    raw: Raw,
    /// The engine's name for it.
    reference: sys::napi_ref,
}

impl Reference {
    /// A reference that keeps the value alive.
    pub fn strong(env: Env<'_>, to: Value<'_>) -> Option<Self> {
        Self::new(env, to, 1)
    }

    /// A reference that lets the value be collected.
    pub fn weak(env: Env<'_>, to: Value<'_>) -> Option<Self> {
        Self::new(env, to, 0)
    }

    fn new(env: Env<'_>, to: Value<'_>, count: u32) -> Option<Self> {
        let mut reference = ptr::null_mut();
        // SAFETY: an `Env` is live and on its thread; the engine checks the value, which is a handle or null; `reference` outlives
        // the call.
        let status = unsafe { sys::napi_create_reference(env.raw(), to.raw(), count, &raw mut reference) };
        ok(status).then_some(Self { raw: env.raw(), reference })
    }

    /// Whether the reference was made in `env`. (Its own environment is live then: `env` is.)
    fn is_of(&self, env: Env<'_>) -> bool {
        self.raw == env.raw()
    }

    /// The value; nothing where it has been collected.
    pub fn value<'scope>(&self, env: Env<'scope>) -> Value<'scope> {
        if !self.is_of(env) {
            return Value::NOTHING;
        }
        // SAFETY: the reference is one of `env`, which is live, and it is not deleted: only `delete` does that, which consumes it.
        // `out` is a local variable of `made`.
        env.made(|out| unsafe { sys::napi_get_reference_value(env.raw(), self.reference, out) })
    }

    /// One more reason to keep the value alive.
    pub fn retain(&self, env: Env<'_>) {
        if self.is_of(env) {
            let mut count = 0;
            // SAFETY: the reference is one of `env`, which is live, and it is not deleted: `delete` would have consumed it. `count`
            // outlives the call.
            unsafe { sys::napi_reference_ref(env.raw(), self.reference, &raw mut count) };
        }
    }

    /// One reason less, after [`Self::retain`].
    pub fn release(&self, env: Env<'_>) {
        if self.is_of(env) {
            let mut count = 0;
            // SAFETY: the reference is one of `env`, which is live, and `delete` has not consumed it. Where the count is 0 already,
            // the engine answers with a status. `count` outlives the call.
            unsafe { sys::napi_reference_unref(env.raw(), self.reference, &raw mut count) };
        }
    }

    /// Gives the reference back to the engine.
    pub fn delete(self, env: Env<'_>) {
        if self.is_of(env) {
            // SAFETY: the reference is one of `env`, which is live. It is deleted once, since this consumes it.
            unsafe { sys::napi_delete_reference(env.raw(), self.reference) };
        }
    }
}
