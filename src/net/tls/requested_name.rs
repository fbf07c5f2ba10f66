//! The name that a client asks for in its hello, from the choice of certificate to the connection.
//!
//! rustls asks for a certificate while it processes a connection's records, and gives the connection no access to the name. So the
//! resolver leaves it here, for the connection that this thread is processing.

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
