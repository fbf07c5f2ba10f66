//! Converts errors into a `Failure`, the object that JavaScript receives (docs/binding.md).

use super::env::{Env, Value};
use crate::net::{Endpoint, SocketError};

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
        let endpoint = error.endpoint();
        if let Some(address) = endpoint.as_ref().and_then(Endpoint::address_text) {
            self.set(failure, c"address", self.string(&address));
        }
        if let Some(port) = endpoint.as_ref().and_then(Endpoint::port) {
            self.set(failure, c"port", self.uint(port.into()));
        }
        if let Some(question) = error.question() {
            self.set(failure, c"question", self.uint(question));
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
