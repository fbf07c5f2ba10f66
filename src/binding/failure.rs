//! Converts errors into a `Failure`, the object that JavaScript receives (docs/binding.md).

use super::env::{Env, Value};
use crate::net::{SocketError, address_text};

impl<'scope> Env<'scope> {
    /// Makes the `Failure` for an error.
    pub fn failure(self, error: &SocketError) -> Value<'scope> {
        let failure = self.object();
        self.set(failure, c"name", self.string(error.name()));
        if let Some(code) = error.code() {
            self.set(failure, c"code", self.string(&code));
        }
        if let Some(syscall) = error.syscall() {
            self.set(failure, c"syscall", self.string(syscall.name()));
        }
        if let Some(address) = error.address() {
            self.set(failure, c"address", self.string(&address_text(&address)));
        }
        if let Some(port) = error.port() {
            self.set(failure, c"port", self.uint(port.into()));
        }
        self.set(failure, c"reason", self.string(&error.to_string()));
        failure
    }
}

/// Evaluates to the value of an `Ok`. For an `Err`, the surrounding function returns the Failure.
macro_rules! attempt {
    ($call:expr, $result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return $call.env.failure(&SocketError::from(error)),
        }
    };
}
pub(super) use attempt;
