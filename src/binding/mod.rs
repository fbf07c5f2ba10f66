//! Node-API: the only place that names napi.
//!
//! JavaScript calls plain functions, with the number of a socket as their first argument (docs/binding.md). They are raw
//! Node-API functions, because calls are on the hot path. The main thread and each worker have one
//! [`environment::Environment`]. JavaScript takes events one by one, with `next()`. The [`wake`] sources say when a turn is due.
//! No socket is read or written here: `net` does that.

mod call;
mod entry;
mod env;
mod environment;
mod events;
mod failure;
mod functions;
mod guard;
mod memory_views;
mod numbers;
mod options;
mod package_instance;
mod reference;
mod scope;
mod secure;
mod shared_memory;
mod values;
mod wake;

use napi::bindgen_prelude::{JsValue, Object, Result};
use napi_derive::napi;

/// The runtime calls this once for each environment that loads the addon.
#[napi(module_exports)]
pub fn exports(exports: Object<'_>, env: napi::Env) -> Result<()> {
    let exports = exports.raw();
    // SAFETY: the runtime runs this in a callback for `env`, on its thread, in a handle scope of the callback; `exports` is a value
    // that it gave to that callback.
    unsafe { env::Env::with(env.raw(), |env| functions::define(env, env::Value::from_raw(exports))) }
}
