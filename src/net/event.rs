//! The events that sockets report to the binding. Which of them are due, and in which order, is decided by the sockets.

use std::net::SocketAddr;

use super::endpoint::Endpoint;
use super::figures::Figures;
use super::packet_details::PacketDetails;
use super::sys::PeerCredentials;
use super::tls::DrivenIn;
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
    /// True: this is the socket's last event. The socket does not exist any more, and its id is not valid.
    pub last: bool,
}

/// What happened to a socket. docs/binding.md lists the number that JavaScript gets for each kind.
#[derive(Debug)]
pub enum EventKind {
    /// The socket does not exist any more, and nothing else has happened.
    Gone,
    /// Stream: the connection is established. The value is the local address.
    Open(SocketAddr),
    /// Stream: the connection to a path is established. The value is the server's credentials, if the system reports them.
    UnixOpen(Option<PeerCredentials>),
    /// Stream: bytes arrived. They lie in the [`Payload`] until the next call of `Net::next`.
    Message(Payload),
    /// Stream: there are bytes, and the stream reads them directly (`StreamSocket::read_into`).
    Readable,
    /// Stream: the peer sends no more, and the socket stays open for sending.
    HalfClose,
    /// Stream: the peer sends no more, and the socket begins to close.
    Ended,
    /// Stream: bufferedAmount is back at 0.
    Drain,
    /// Stream: the attempt failed, or the connection is lost.
    Error(SocketError),
    /// Stream: the connection has ended. The values are the final bufferedAmount, and what the socket has moved.
    Close(u32, Figures),
    /// Stream: the system has everything that was sent, and FIN follows it.
    Finish,
    /// Stream: a relay is over, and [`EventKind::Close`] follows. The value is how many bytes this socket has sent that came from the other one.
    Relayed(u64),
    /// Stream: the socket asks JavaScript for the next piece of the first Blob in its queue.
    Blob,
    /// Stream: startTls() is done.
    Secured,
    /// Stream: the handshake of startTls() needs a certificate for this name. The number is the question's.
    Certificate(String, u32),
    /// Stream: the TLS driver has moved there. It is reported only if JavaScript has asked for it.
    TlsMoved(DrivenIn),
    /// UDP: a datagram arrived from this address. With packetInfo it has details (in a box, so that other events stay small).
    Datagram(Payload, SocketAddr, Option<Box<PacketDetails>>),
    /// UDP: bufferedAmount is back at 0.
    UdpDrain,
    /// UDP: one datagram could not be sent or received. If it is the last event, the socket itself has failed.
    UdpError(SocketError),
    /// UDP: the socket asks JavaScript for the bytes of the first Blob in its queue.
    UdpBlob,
    /// Server: a connection was accepted.
    Connect {
        /// The socket that was made for the connection.
        accepted: Id,
        /// The peer's address.
        remote: SocketAddr,
        /// Our end's address.
        local: SocketAddr,
    },
    /// Server: a connection to its path was accepted.
    UnixConnect {
        /// The socket that was made for the connection.
        accepted: Id,
        /// The client's end, mostly without a name.
        remote: Endpoint,
        /// The client's credentials, if the system reports them.
        credentials: Option<PeerCredentials>,
    },
    /// Server: a connection could not be delivered, for example because it is beyond maxConnections or its TLS handshake failed.
    ServerError(SocketError),
    /// Server: handshakes need a certificate for this name. The number is the question's.
    ServerCertificate(String, u32),
    /// A look-up has ended. The value is the addresses in the system's order, or the reason why there are none.
    Lookup(Result<Vec<SocketAddr>, SocketError>),
    /// A timer has expired.
    Timer,
}

/// Where the bytes of an event are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// In the environment's own read buffer.
    ReadBuffer {
        /// Offset of the first byte.
        start: usize,
        /// The number of bytes.
        len: usize,
    },
    /// At the start of a block that the binding lent. With this event, the block belongs to the binding again.
    Block {
        /// The block's number.
        number: u32,
        /// The number of bytes.
        len: usize,
    },
    /// In `Context::held`: a datagram that a socket held back, for example while it was suspended.
    Held,
}
