//! Sockets, non-blocking, on the JavaScript thread: what to do when the poll set says that one is ready.
//!
//! Knows nothing of Node-API. [`Net`] is one environment's sockets; `binding` calls it and asks it for events,
//! one at a time, so that no borrow is held while JavaScript runs.

mod any_socket;
mod blocks;
mod context;
mod endpoint;
mod errand;
mod errno;
mod error;
mod event;
mod heap;
pub mod hooks;
mod inbox;
mod interfaces;
pub mod memory;
mod multicast;
mod options;
mod panics;
mod quoted;
mod relay_task;
mod resolver;
mod runtime;
mod seats;
mod send_queue;
mod socket_options;
mod sys;
mod tcp_open;
mod tcp_server_socket;
mod tcp_socket;
mod timers;
mod tls;
mod turn;
mod udp_open;
mod udp_queue;
mod udp_socket;

pub use blocks::Block;
pub use context::Id;
pub use endpoint::{parse as parse_address, text as address_text};
pub use error::SocketError;
pub use event::{Event, EventKind, Place};
pub use heap::keep_heap;
pub use multicast::GroupRequest;
pub use options::{BufferSizes, ServerOptions, StreamOptions, TcpOptions, UdpOptions};
pub use panics::{panic_message, restarted};
pub use resolver::Family;
pub use runtime::runtime;
pub use tcp_socket::Unkept;
pub use tls::{
    Info as SecureInfo, Limit, Material, NamedCertificate, Role, SecureOptions, ServerContext, TlsError, client_role,
    server_context,
};
pub use turn::{Net, Next};
pub use udp_socket::{Destination, UdpSent};
