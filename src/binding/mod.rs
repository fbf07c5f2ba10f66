//! Node-API: the only place that names napi.
//!
//! Plain functions called by number of socket (docs/binding.md), raw because a call is on the hot path; one
//! [`environment::Environment`] for the main thread and for each worker; events out by one callback each; and the
//! [`wake`] sources that say when a turn is due. No socket is touched here: that is `net`'s.

mod call;
mod common;
mod environment;
mod events;
mod functions;
mod host;
mod options;
mod secure;
mod values;
mod wake;

use napi::bindgen_prelude::{Env, Object, Result};
use napi_derive::napi;

/// Called once for each environment that loads the addon.
#[napi(module_exports)]
pub fn exports(exports: Object<'_>, env: Env) -> Result<()> {
    use napi::bindgen_prelude::JsValue;
    functions::define(env.raw(), exports.raw())
}
