//! TLS with rustls and ring. A handshake runs outside the JavaScript thread, in a task of the shared tokio runtime. After it, the
//! connection is driven in that task or on the JavaScript thread.
//!
//! - [`options`](SecureOptions), [`pem`], [`config`] make rustls configurations from the options that the program passes.
//! - [`verify`], [`roots`], [`x509`] decide whether the peer's certificate is valid.
//! - [`connection`] encrypts and decrypts records; [`driver`] reads and writes them; [`place`] says on which thread; [`session`] is
//!   the stream that the socket uses, and [`shared_session`] what both share, with [`inbound_room`], which says who waits for whom; [`plain_chunks`] has the decrypted bytes on their way to it.
//! - [`wake_batcher`] collects the wake-ups between the tasks and the JavaScript thread, so that few are needed.
//! - [`handshake_queue`] holds the unfinished handshakes of a server.
//! - [`certificates`] chooses a server's certificate. With `certificateFor`, [`hello`] reads the client's hello first and asks for the
//!   certificate; [`questions`] has the open questions of a server, and [`kept_certificates`] the answers that are kept.
//! - [`error`] has the codes and messages of all TLS errors.
//!
//! What this module does NOT do: readyState, bufferedAmount, events. The socket does these, in the same way for plain TCP and for TLS.

mod answer;
mod certificates;
mod config;
mod connection;
mod driver;
mod error;
mod fault;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzed;
mod handshake_queue;
mod hello;
mod inbound_room;
mod kept_certificates;
mod options;
mod pem;
mod place;
mod plain_chunks;
mod questions;
mod refusal;
mod requested_name;
mod roots;
mod server_context;
mod session;
mod shared_session;
mod signature;
mod start;
mod verify;
mod wake_batcher;
mod x509;

/// The atomics of `inbound_room.rs`, which a test replaces by loom's.
mod atomics {
    pub use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
}

pub use answer::Answer;
pub use certificates::Chosen;
pub use connection::Info;
pub use error::TlsError;
pub use fault::Fault;
pub use handshake_queue::{AcceptedTls, HandshakeQueue};
pub use options::{GivenCertificate, NamedCertificate, SecureOptions};
pub use pem::Material;
pub use place::{DrivenIn, Place, has_one_processor};
pub use questions::new_number as new_question;
pub use server_context::{ServerContext, server_context};
pub use session::{Session, Waiting};
pub use shared_session::{Target, WrittenBytes};
pub use start::{Role, client_role, start, unix_client_role};
pub use wake_batcher::WakeBatcher;
