//! The native half of tcp-udp-sockets: the W3C Raw Socket API over non-blocking sockets.
//!
//! From the bottom up; each layer knows those below it and none above:
//!
//! - [`proto`]: the rules. A TCP socket's readyState machine, the bufferedAmount ledger, addresses. No I/O.
//! - [`net`]: the sockets. One poll set for each environment (the main thread, each worker); a *turn* asks it what is
//!   ready, gives each socket one round of reads and ends by writing what was sent. All on the JavaScript thread:
//!   what costs most is waking another one.
//! - `binding`: Node-API. The functions that `lib/native.js` calls, events to JavaScript, and the *wake source*
//!   that says when a turn is due: libuv's own loop on Node, a task of the shared tokio runtime elsewhere.
//!
//! `docs/architecture.md` draws it, `docs/binding.md` is the contract with `lib/`.

pub mod net;
pub mod proto;

// A test binary has no Node to register with.
#[cfg(all(feature = "binding", not(test)))]
mod binding;

// Of the binding, what needs none either.
#[cfg(all(feature = "binding", test, unix))]
#[path = "binding/wake/uv_handles.rs"]
mod uv_handles;
