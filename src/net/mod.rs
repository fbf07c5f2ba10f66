//! Non-blocking sockets on the JavaScript thread. The poll set reports which sockets are ready, and this module does their I/O.
//!
//! It does not know Node-API. A [`Net`] holds the sockets of one environment. `binding` calls it and takes events from it one at a time, so
//! that nothing of the `Net` is borrowed while JavaScript runs.

mod accepted;
mod activity;
mod any_socket;
mod blob_request;
mod blocks;
mod connection_permits;
mod context;
mod deadline;
mod direct_budget;
mod endpoint;
mod errno;
mod error;
mod event;
mod features;
mod figures;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzed;
mod heap;
pub mod hooks;
mod id;
mod inbox;
mod interfaces;
mod ip_address;
mod known_interfaces;
mod listener;
pub mod memory;
mod multicast;
mod options;
mod packet_details;
mod panics;
mod pending_operation;
mod poll_set;
mod quoted;
mod relay_signal;
mod relay_task;
mod resolver;
mod runtime;
mod send_queue;
mod server_socket;
mod sizes;
mod socket_options;
mod step;
mod stream_handle;
mod stream_socket;
mod sys;
mod syscall;
mod tcp_open;
mod timers;
mod tls;
mod transport;
mod turn;
mod udp_open;
mod udp_options;
mod udp_queue;
mod udp_socket;
mod unix;

pub use blocks::Block;
pub use deadline::{LimitKind, TimeLimit};

pub use endpoint::{Endpoint, ip_text};
pub use error::SocketError;
pub use event::{Event, EventKind, Payload};
pub use features::Features;
pub use figures::Figures;
pub use heap::keep_heap;
pub use id::Id;
pub use ip_address::parse as parse_address;
pub use multicast::GroupRequest;
pub use options::{
    BufferSizes, Changes, KeepAlive, ListenOptions, NetworkOptions, SendOptions, ServerOptions, StreamChanges,
    StreamOptions, TcpOptions, UdpChanges, UdpOptions, UnixOptions, UnixServerOptions,
};
pub use packet_details::PacketDetails;
pub use panics::{panic_message, restarted};
pub use poll_set::PollSet;
pub use resolver::Family;
pub use runtime::runtime;
pub use sizes::{DATAGRAM_BATCH, READ_SIZE};
pub use stream_socket::{GiveBack, Unkept};
pub use sys::{PeerCredentials, TcpStats, has_network_interface, has_packet_info};
pub use syscall::Syscall;
pub use tls::{
    DrivenIn as TlsDrivenIn, GivenCertificate, Info as SecureInfo, Material, NamedCertificate, Place as TlsPlace, Role,
    SecureOptions, ServerContext, TlsError, client_role, server_context, unix_client_role,
};
pub use turn::{Net, Next, TurnKind};
pub use udp_socket::{Destination, UdpSent};
