//! Handle scopes, which limit how long handles live, and callback scopes, which Node opens around each callback from its event loop.

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
    // SAFETY: the caller promises that `raw` is live and that this is the thread of `raw`; `scope` outlives the call.
    if !ok(unsafe { sys::napi_open_handle_scope(raw, &raw mut scope) }) {
        return None;
    }
    let _scope = HandleScope { raw, scope };
    // SAFETY: the caller promises that `raw` is live and that this is the thread of `raw`. The scope opened above closes when `_scope` is
    // dropped, after `f`.
    Some(unsafe { Env::with(raw, f) })
}

/// An open handle scope. Dropping this value closes the scope, also during a panic.
struct HandleScope {
    /// The environment in which the scope was opened.
    raw: Raw,
    /// The engine's identifier of the scope.
    scope: sys::napi_handle_scope,
}

impl Drop for HandleScope {
    fn drop(&mut self) {
        // SAFETY: only `enter` makes a `HandleScope`, with a scope that it has just opened in `self.raw`. The caller of `enter` keeps that
        // environment live until `enter` returns. Each `HandleScope` is a local variable of `enter`, so each scope closes once, and an
        // inner scope before an outer one.
        unsafe { sys::napi_close_handle_scope(self.raw, self.scope) };
    }
}

/// The scope that Node opens around each callback from its event loop. While it is open, no microtasks run when a JavaScript function
/// returns. They run when the scope closes. Dropping this value closes the scope.
pub struct CallbackScope<'scope> {
    /// The environment in which the scope was opened.
    env: Env<'scope>,
    /// Node's identifier of the scope.
    scope: sys::napi_callback_scope,
}

impl<'scope> CallbackScope<'scope> {
    /// Opens a callback scope. Returns `None` if Node refuses.
    ///
    /// # Safety
    /// `context` must come from `napi_async_init` in this environment, and must not have been destroyed.
    pub unsafe fn open(env: Env<'scope>, context: sys::napi_async_context) -> Option<Self> {
        let mut scope = ptr::null_mut();
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the caller promises that `context`
        // belongs to this environment; the resource object may be null; `scope` outlives the call.
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
