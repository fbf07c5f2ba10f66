//! A live environment and its values, as types: who has an [`Env`] may call Node-API.
//!
//! Both types carry the lifetime `'scope`, the brand. Every call of [`Env::with`] has a brand of its own, so neither can leave the
//! closure that it was given to, and a value cannot be used with another environment. Both cost nothing: they are the raw pointer.

use std::marker::PhantomData;
use std::ptr;

use napi::sys;

/// The raw environment: a pointer that says nothing of whether the environment is live.
pub type Raw = sys::napi_env;

/// Ties a type to exactly one `'scope`: neither a longer nor a shorter lifetime will do.
type Brand<'scope> = PhantomData<fn(&'scope ()) -> &'scope ()>;

/// A live environment, on its own thread, with an open handle scope.
#[derive(Clone, Copy)]
pub struct Env<'scope> {
    raw: Raw,
    brand: Brand<'scope>,
}

/// A value of JavaScript. It is nothing ([`Value::NOTHING`]) where the call that should have made it has failed: an exception is
/// pending, or JavaScript cannot run any more. Node-API answers with an error status where it is given nothing.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Value<'scope> {
    raw: sys::napi_value,
    brand: Brand<'scope>,
}

impl Env<'_> {
    /// Runs `f` with the environment.
    ///
    /// # Safety
    /// `raw` must be a live environment, and this its thread. A handle scope must be open: the engine opens one for each callback,
    /// and [`crate::binding::scope::enter`] does. It must stay the innermost one for as long as `f` makes values with this `Env`.
    pub unsafe fn with<T>(raw: Raw, f: impl for<'scope> FnOnce(Env<'scope>) -> T) -> T {
        f(Env { raw, brand: PhantomData })
    }
}

impl<'scope> Env<'scope> {
    /// The pointer for a Node-API call.
    pub fn raw(self) -> Raw {
        self.raw
    }

    /// The value that a Node-API call writes through its last argument, where the call succeeds.
    pub fn made(self, call: impl FnOnce(*mut sys::napi_value) -> sys::napi_status) -> Value<'scope> {
        let mut out = ptr::null_mut();
        let raw = if ok(call(&raw mut out)) { out } else { ptr::null_mut() };
        Value { raw, brand: PhantomData }
    }
}

impl Value<'_> {
    /// No value.
    pub const NOTHING: Self = Self { raw: ptr::null_mut(), brand: PhantomData };

    /// A value that the engine gave.
    ///
    /// # Safety
    /// `raw` must be null, or a value of the environment and of the handle scope that the brand stands for.
    pub unsafe fn from_raw(raw: sys::napi_value) -> Self {
        Self { raw, brand: PhantomData }
    }

    /// The pointer for a Node-API call.
    pub fn raw(self) -> sys::napi_value {
        self.raw
    }

    /// Whether there is no value.
    pub fn is_nothing(self) -> bool {
        self.raw.is_null()
    }
}

/// Whether a Node-API call succeeded.
pub fn ok(status: sys::napi_status) -> bool {
    status == sys::Status::napi_ok
}
