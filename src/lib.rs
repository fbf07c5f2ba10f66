//! The native half of tcp-udp-sockets: the W3C Raw Socket API over non-blocking sockets.
//!
//! From the bottom up; each layer knows those below it and none above:
//!
//! - [`proto`]: the rules. A TCP socket's readyState machine, the bufferedAmount ledger, addresses. No I/O.
//! - [`net`]: the sockets. Each environment (the main thread, each worker) has one poll set. A *turn* asks it which sockets are
//!   ready, lets each socket read once, and ends by writing what was sent. All this runs on the JavaScript thread, because
//!   waking another thread costs more than the I/O. The kinds of a TCP connection (plain, TLS, lent to a relay's task) are
//!   behind one type, `net/transport.rs`; what differs by operating system is in `net/sys/`; TLS is in `net/tls/`.
//! - `binding`: Node-API. The functions that `lib/native.js` calls, the events for JavaScript, and the *wake source*, which
//!   says when a turn is due: libuv's own loop on Node, a task of the shared tokio runtime or a thread elsewhere.
//!
//! `docs/architecture.md` shows how they work together; `docs/binding.md` is the contract with `lib/`.

pub mod net;
pub mod proto;

// A test binary cannot register with Node.
#[cfg(all(feature = "binding", not(test)))]
mod binding;

// The one part of the binding that can be tested without Node.
#[cfg(all(feature = "binding", test, unix))]
#[path = "binding/wake/uv_handles.rs"]
mod uv_handles;
