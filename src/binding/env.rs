//! Types for a live environment and for its values. Safe code needs an [`Env`] to call Node-API.
//!
//! Both types carry the lifetime `'scope`, the brand. Every call of [`Env::with`] has its own brand. So an `Env` or a [`Value`] cannot
//! leave the closure that received it, and a value cannot be used with another `Env`. At run time each type is only the raw pointer, so it
//! costs nothing.

use std::marker::PhantomData;
use std::ptr;

use napi::sys;

/// The raw environment. This pointer does not show whether the environment is still live.
pub type Raw = sys::napi_env;

/// Makes a type invariant in `'scope`: the compiler accepts neither a longer nor a shorter lifetime in its place.
type Brand<'scope> = PhantomData<fn(&'scope ()) -> &'scope ()>;

/// A live environment. An `Env` exists only on the environment's own thread, while a handle scope is open there.
#[derive(Clone, Copy)]
pub struct Env<'scope> {
    /// The raw environment. It is live for as long as this `Env` exists.
    raw: Raw,
    /// Carries `'scope`. It takes no memory.
    brand: Brand<'scope>,
}

/// A JavaScript value, or nothing ([`Value::NOTHING`]). It is nothing if the Node-API call that should have made the value failed: then an
/// exception is pending, or JavaScript cannot run any more. A Node-API function that is given nothing returns an error status.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Value<'scope> {
    /// The engine's handle. Null: there is no value.
    raw: sys::napi_value,
    /// Carries `'scope`. It takes no memory.
    brand: Brand<'scope>,
}

impl Env<'_> {
    /// Runs `f` with an [`Env`] for `raw`.
    ///
    /// # Safety
    /// `raw` must be a live environment, and the caller must be on its thread. A handle scope must be open. (The engine opens one for each
    /// callback; [`crate::binding::scope::enter`] opens one, too.) That scope must stay the innermost one for as long as `f` makes values
    /// with its `Env`.
    pub unsafe fn with<T>(raw: Raw, f: impl for<'scope> FnOnce(Env<'scope>) -> T) -> T {
        f(Env { raw, brand: PhantomData })
    }
}

impl<'scope> Env<'scope> {
    /// The raw pointer, for a Node-API call.
    pub fn raw(self) -> Raw {
        self.raw
    }

    /// Runs `call` with a pointer through which `call` writes a value. Returns that value, or [`Value::NOTHING`] if `call` fails.
    pub fn made(self, call: impl FnOnce(*mut sys::napi_value) -> sys::napi_status) -> Value<'scope> {
        let mut out = ptr::null_mut();
        let raw = if ok(call(&raw mut out)) { out } else { ptr::null_mut() };
        Value { raw, brand: PhantomData }
    }
}

impl Value<'_> {
    /// No value.
    pub const NOTHING: Self = Self { raw: ptr::null_mut(), brand: PhantomData };

    /// Makes a [`Value`] of a value that the engine returned.
    ///
    /// # Safety
    /// `raw` must be null, or a handle of the environment and of the handle scope that `'scope` stands for.
    pub unsafe fn from_raw(raw: sys::napi_value) -> Self {
        Self { raw, brand: PhantomData }
    }

    /// The raw pointer, for a Node-API call.
    pub fn raw(self) -> sys::napi_value {
        self.raw
    }

    /// Whether this is [`Value::NOTHING`].
    pub fn is_nothing(self) -> bool {
        self.raw.is_null()
    }
}

/// Whether a Node-API call succeeded.
pub fn ok(status: sys::napi_status) -> bool {
    status == sys::Status::napi_ok
}
