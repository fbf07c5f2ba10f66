//! The Node-API layer: the only part of the crate that uses napi.
//!
//! JavaScript calls plain functions. Most of them take the number of a socket as their first argument (docs/binding.md). They are raw
//! Node-API functions, without the conversions of napi-rs, because they are on the hot path. The main thread and each worker have one
//! [`environment::Environment`]. JavaScript takes events one by one, with `next()`. A [`wake`] source starts a turn when one is due. This
//! layer does not read or write sockets: `net` does that.

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
    // SAFETY: the runtime calls this function on the thread of `env`, while `env` is live, and has opened a handle scope for the call.
    // `exports` is a value that the runtime passed to this call, so it is a handle of that scope.
    unsafe { env::Env::with(env.raw(), |env| functions::define(env, env::Value::from_raw(exports))) }
}
