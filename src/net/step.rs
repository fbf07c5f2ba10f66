use mio::net::TcpStream;

use super::Id;
use super::accepted::Accepted;
use super::event::{EventKind, Payload};
use super::tls::AcceptedTls;

/// What one step of a socket gave.
pub enum Step {
    /// An event. There may be more.
    Event(EventKind),
    /// The socket's last event: then it is gone.
    LastEvent(EventKind),
    /// An event made of one read: the socket's share of this turn.
    Read(EventKind),
    /// A read for the other socket of a relay: the socket's share of this turn.
    Relayed(Payload, Id),
    /// A large read is due: lend so many blocks.
    NeedsBlocks(usize),
    /// A connection was accepted; the server may have more.
    Accepted(Accepted<TcpStream>),
    /// A client has completed the TLS handshake; the server may have more.
    AcceptedTls(Box<AcceptedTls>),
    /// Nothing now.
    Idle,
}
