use std::net::SocketAddr;

use super::{Id, SocketError};

/// Something that happened to a socket, for its listeners.
#[derive(Debug)]
pub struct Event {
    /// The socket.
    pub id: Id,
    /// The owner that the binding gave when the socket was opened.
    pub owner: u32,
    /// What happened.
    pub kind: EventKind,
    /// The socket is gone: its id means nothing any more.
    pub last: bool,
}

/// What happened to a socket. docs/binding.md gives the numbers under which it crosses to JavaScript.
#[derive(Debug)]
pub enum EventKind {
    /// The socket is gone, and nothing else happened.
    Gone,
    /// TCP: connected; the local address.
    Open(SocketAddr),
    /// TCP: bytes arrived. They lie in the [`Payload`] until the next call of `Net::next`.
    Message(Payload),
    /// TCP: the peer sends no more.
    HalfClose,
    /// TCP: the peer sends no more, and closing begins.
    Ended,
    /// TCP: bufferedAmount is back at 0.
    Drain,
    /// TCP: the attempt failed, or the connection is lost.
    Error(SocketError),
    /// TCP: the connection has ended; the value that bufferedAmount keeps.
    Close(u32),
    /// TCP: the system has everything that was sent, and FIN follows it.
    Finish,
    /// TCP: a relay is over, and [`EventKind::Close`] follows. The value is how many bytes this socket has sent that came from the other one.
    Relayed(u64),
    /// TCP: the next piece of the first Blob is needed.
    Blob,
    /// TCP: startTls() is done.
    Secured,
    /// UDP: a datagram arrived, from there.
    Datagram(Payload, SocketAddr),
    /// UDP: bufferedAmount is back at 0.
    UdpDrain,
    /// UDP: one datagram failed, or (where it is the last event) the socket.
    UdpError(SocketError),
    /// UDP: the first Blob's bytes are needed.
    UdpBlob,
    /// Server: a connection was accepted.
    Connect {
        /// The socket made for it.
        accepted: Id,
        /// The peer.
        remote: SocketAddr,
        /// Our end.
        local: SocketAddr,
    },
    /// Server: a connection could not be served.
    ServerError(SocketError),
    /// A look-up: the addresses in the system's order, or why there are none.
    Lookup(Result<Vec<SocketAddr>, SocketError>),
    /// A timer: its time has come.
    Timer,
}

/// Where the bytes of an event lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// In the environment's own read buffer.
    ReadBuffer {
        /// Offset of the first byte.
        start: usize,
        /// How many bytes.
        len: usize,
    },
    /// In a block that the binding lent, from its start. From now on the block is the binding's again.
    Block {
        /// The block's number.
        number: u32,
        /// How many bytes.
        len: usize,
    },
    /// In memory of its own: what a socket held back while it was suspended.
    Held,
}
