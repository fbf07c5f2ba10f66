//! The answer to a handshake's question for a certificate. `questions.rs` has the questions.

use super::certificates::Chosen;
use super::server_context::ServerContext;

/// What the driver of a handshake gets that has asked for a certificate.
#[derive(Debug)]
pub enum Answer {
    /// `certificateFor` has answered. `None`: the handshake uses the options' own certificate.
    Chosen(Option<Chosen>),
    /// setSecureContext() was called. The handshake goes on with the new options, and asks again if these have a `certificateFor`.
    Replaced(ServerContext),
}
