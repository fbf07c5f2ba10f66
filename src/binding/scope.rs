//! Scopes: how long handles live, and what Node puts around a callback from its event loop.

use std::ptr;

use napi::sys;

use super::env::{Env, Raw, ok};

/// Opens a handle scope, runs `f` in it, and closes the scope. Returns `None`, and does not call `f`, if the engine cannot open a scope
/// because the environment is ending.
///
/// # Safety
/// `raw` must be a live environment, and the caller must be on its thread. `f` must make values only with the `Env` that it receives. The
/// type of a value that is made with an outer `Env` would let it outlive this scope, but its handle ends with this scope.
pub unsafe fn enter<T>(raw: Raw, f: impl for<'scope> FnOnce(Env<'scope>) -> T) -> Option<T> {
    let mut scope = ptr::null_mut();
    // SAFETY: the caller promises that `raw` is live and that this is its thread; `scope` outlives the call.
    if !ok(unsafe { sys::napi_open_handle_scope(raw, &raw mut scope) }) {
        return None;
    }
    let _scope = HandleScope { raw, scope };
    // SAFETY: the caller promises that `raw` is live and that this is its thread. The scope opened above closes when `_scope` is
    // dropped, after `f`.
    Some(unsafe { Env::with(raw, f) })
}

/// An open handle scope. Dropping it closes it, also where a panic passes.
struct HandleScope {
    /// The environment that it was opened in.
    raw: Raw,
    /// The engine's name for it.
    scope: sys::napi_handle_scope,
}

impl Drop for HandleScope {
    fn drop(&mut self) {
        // SAFETY: only `enter` makes one, with a scope that it has just opened in this environment, which its caller keeps live. Each
        // is a local variable of `enter`, so scopes close once, and the innermost first.
        unsafe { sys::napi_close_handle_scope(self.raw, self.scope) };
    }
}

/// What Node puts around every callback from its event loop. JavaScript that runs inside does not run microtasks at its end; the end
/// of the scope does. Dropping it closes it.
pub struct CallbackScope<'scope> {
    /// The environment that it was opened in.
    env: Env<'scope>,
    /// Node's name for it.
    scope: sys::napi_callback_scope,
}

impl<'scope> CallbackScope<'scope> {
    /// Opens one. Returns `None` where Node refuses.
    ///
    /// # Safety
    /// `context` must come from `napi_async_init` in this environment, and must not have been destroyed.
    pub unsafe fn open(env: Env<'scope>, context: sys::napi_async_context) -> Option<Self> {
        let mut scope = ptr::null_mut();
        // SAFETY: an `Env` is live and on its thread, the caller promises that the context is of this environment, the resource
        // object may be absent, and `scope` outlives the call.
        let opened = unsafe { sys::napi_open_callback_scope(env.raw(), ptr::null_mut(), context, &raw mut scope) };
        ok(opened).then_some(Self { env, scope })
    }
}

impl Drop for CallbackScope<'_> {
    fn drop(&mut self) {
        // SAFETY: `open` has opened this scope, and a drop happens once. The lifetime of `env` keeps this callback scope inside its handle
        // scope, so the environment is still live.
        unsafe { sys::napi_close_callback_scope(self.env.raw(), self.scope) };
    }
}
