//! Passes the server name of a client's hello (SNI) from the certificate resolver (`config.rs`) to the connection.
//!
//! rustls calls the resolver while it processes the connection's records, and does not give the name to the connection. So the resolver
//! stores the name in a thread-local variable, and the connection that this thread processes takes it from there.

use std::cell::RefCell;

thread_local! {
    /// The name in the hello that this thread is processing. None: no hello was processed, or it has no name.
    static REQUESTED_NAME: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Sets the name of the hello that is being processed.
pub fn set(name: Option<&str>) {
    REQUESTED_NAME.set(name.map(str::to_owned));
}

/// Takes the name out, so that the next connection does not get it.
pub fn take() -> Option<String> {
    REQUESTED_NAME.take()
}
