use std::net::SocketAddr;

use super::{Id, SocketError};

/// Something to tell a socket's listeners.
#[derive(Debug)]
pub struct Event {
    /// The socket.
    pub id: Id,
    /// Whose it is: what the binding gave when the socket was opened.
    pub owner: u32,
    /// What happened.
    pub kind: EventKind,
    /// The socket is gone: its id means nothing any more.
    pub last: bool,
}

/// What happened to a socket. docs/binding.md gives the numbers under which it crosses to JavaScript.
#[derive(Debug)]
pub enum EventKind {
    /// Nothing to tell but the end.
    End,
    /// TCP: connected; the local address.
    Open(SocketAddr),
    /// TCP: bytes arrived. They lie in the [`Place`] until the next call of `Net::next`.
    Message(Place),
    /// TCP: the peer sends no more.
    HalfClose,
    /// TCP: the peer sends no more, and closing begins.
    Ended,
    /// TCP: bufferedAmount is back at 0.
    Drain,
    /// TCP: failed or lost.
    Error(SocketError),
    /// TCP: ended; what bufferedAmount keeps.
    Close(u32),
    /// TCP: everything sent is the system's, and FIN follows it.
    Finish,
    /// TCP: a relay is over, [`EventKind::Close`] follows; how many of the other socket's bytes went out.
    Relayed(u64),
    /// TCP: the next piece of the first Blob is needed.
    Blob,
    /// TCP: startTls() is done.
    Secured,
    /// UDP: a datagram arrived, from there.
    Datagram(Place, SocketAddr),
    /// UDP: bufferedAmount is back at 0.
    UdpDrain,
    /// UDP: one datagram's fault, or (last) the socket's end.
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

/// Where received bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the environment's own read buffer, from this offset on.
    Shared {
        /// First byte.
        start: usize,
        /// How many.
        len: usize,
    },
    /// In a block that the binding lent, from its start. The block is the binding's again.
    Block {
        /// Which.
        number: u32,
        /// How many.
        len: usize,
    },
    /// In memory of its own: what a socket held back while it was suspended.
    Held,
}
