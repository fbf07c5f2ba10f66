//! What one step of a socket can result in. `turn.rs` asks for the steps and handles the results.

use super::Id;
use super::accepted::Accepted;
use super::event::{EventKind, Payload};
use super::stream_handle::PolledStream;
use super::tls::AcceptedTls;

/// The result of one step of a socket.
pub enum Step {
    /// An event. The socket may have more events in this turn.
    Event(EventKind),
    /// The socket's last event. After it the socket does not exist any more.
    LastEvent(EventKind),
    /// An event that one read has produced. The socket's part in this turn is over.
    Read(EventKind),
    /// Bytes of one read, for the other socket of a relay. The reading socket's part in this turn is over.
    Relayed(Payload, Id),
    /// A large read is due. It needs this many more blocks from the binding.
    NeedsBlocks(usize),
    /// A connection was accepted. The server may have more.
    Accepted(Accepted<PolledStream>),
    /// A client has completed the TLS handshake. The server may have more.
    AcceptedTls(Box<AcceptedTls>),
    /// There is nothing to do now.
    Idle,
}
