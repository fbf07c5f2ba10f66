//! The native half of tcp-udp-sockets: the W3C Raw Socket API over non-blocking sockets.
//!
//! The layers, from the bottom up. Each layer uses only the layers below it:
//!
//! - [`proto`]: the rules. A stream socket's readyState machine, the bufferedAmount ledger, addresses. No I/O.
//! - [`net`]: the sockets. Each environment (the main thread, each worker) has one poll set. A *turn* asks the poll set which sockets are
//!   ready, lets each of these read once, and at its end writes the sent bytes. All this runs on the JavaScript thread, because waking
//!   another thread costs more than the I/O. One type (`Transport` in `net/transport.rs`) stands for every kind of connection, of TCP or
//!   of a Unix socket: plain, TLS, or lent to a relay's task. Code that differs by operating system is in `net/sys/`. TLS is in `net/tls/`.
//! - `binding`: Node-API. It has the functions that `lib/native.js` calls, the events for JavaScript, and the *wake source*, which starts a
//!   turn when one is due. The wake source is libuv's own loop on Node, and a task of the shared tokio runtime or a thread elsewhere.
//!
//! `docs/architecture.md` shows how the layers work together; `docs/binding.md` is the contract with `lib/`.

#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(test, allow(dead_code))]
pub mod fuzzing;
pub mod net;
pub mod proto;

// The binding is not part of test binaries, because these cannot register an addon with Node.
#[cfg(all(feature = "binding", not(test)))]
mod binding;

// These files are the only part of the binding that can be tested without Node.
#[cfg(all(feature = "binding", test, unix))]
#[path = "binding/wake/busy_poll.rs"]
mod busy_poll;
#[cfg(all(feature = "binding", test, unix))]
#[path = "binding/wake/uv_handles.rs"]
mod uv_handles;
