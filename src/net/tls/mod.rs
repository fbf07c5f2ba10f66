//! TLS, beside the JavaScript thread: rustls with ring, one task of the shared runtime for each connection.
//!
//! - [`options`](SecureOptions), [`pem`], [`config`]: from what users give to what handshakes are made with.
//! - [`verify`], [`roots`], [`x509`]: whether the peer's certificate is good.
//! - [`connection`], [`driver`], [`session`]: records; the task that moves them; the stream that the socket sees.
//! - [`wake_batcher`]: how tasks and the JavaScript thread wake each other, seldom.
//! - [`handshake_queue`]: a server's handshakes that are under way.
//! - [`error`]: the codes and sentences, for all of it.
//!
//! What it does NOT do: readyState, bufferedAmount, events. Those are the socket's, the same for plain and for TLS.

mod config;
mod connection;
mod driver;
mod error;
mod fault;
mod handshake_queue;
mod options;
mod pem;
mod refusal;
mod requested_name;
mod roots;
mod session;
mod signature;
mod start;
mod verify;
mod wake_batcher;
mod x509;

pub use connection::Info;
pub use error::TlsError;
pub use fault::Fault;
pub use handshake_queue::{AcceptedTls, HandshakeQueue};
pub use options::{NamedCertificate, SecureOptions};
pub use pem::Material;
pub use session::{Session, Target, Waiting, WrittenBytes};
pub use start::{Role, ServerContext, client_role, server_context, start};
pub use wake_batcher::WakeBatcher;
