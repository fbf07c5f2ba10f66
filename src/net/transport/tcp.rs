//! The result of a TCP connection attempt, which comes later. (A Unix socket's comes from connect(2) itself.)

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use super::Failure;
use crate::net::ip_address;
use crate::net::stream_handle::{PolledStream, reset_at_end};
use crate::net::syscall::Syscall;

/// The state of a connection attempt.
pub enum ConnectOutcome {
    /// There is no result yet: the poll set reported the stream too early.
    None,
    /// The connection is established. The value is our end's address in canonical form, if the system gives it.
    Established(Option<SocketAddr>),
    /// The connection was established, and is lost already.
    Lost(io::Error),
    /// The attempt failed.
    Failed(Failure),
}

/// Returns what has become of the connection attempt. Called after the poll set has reported the stream.
pub fn outcome(stream: &PolledStream) -> ConnectOutcome {
    match stream.take_error() {
        Ok(Some(error)) if is_loss(&error) => return ConnectOutcome::Lost(error),
        Ok(Some(error)) | Err(error) => return ConnectOutcome::Failed(Failure { syscall: Syscall::Connect, error }),
        Ok(None) => {}
    }
    // peer_addr() fails if the attempt has no outcome yet.
    let Ok(peer) = stream.peer_addr() else { return ConnectOutcome::None };
    let local = stream.local_addr().ok().map(ip_address::canonical);
    if local.is_some_and(|local| is_itself(&local, peer)) {
        reset_at_end(stream);
        return ConnectOutcome::Failed(Failure { syscall: Syscall::Connect, error: met_itself() });
    }
    ConnectOutcome::Established(local)
}

/// Whether the error means that a connection was established and then lost. An attempt that is answered with RST has another error,
/// "connection refused".
fn is_loss(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// Whether a socket has connected to itself. This happens if nobody listens on the destination and the system chose the destination's port
/// as the local port. (The zone is not compared: it belongs to the interface, and both ends have the same.)
fn is_itself(local: &SocketAddr, peer: SocketAddr) -> bool {
    let peer = ip_address::canonical(peer);
    (local.ip(), local.port()) == (peer.ip(), peer.port())
}

/// The error for a connection to itself: nobody listens there, so the attempt counts as refused (R-tcp-create).
fn met_itself() -> io::Error {
    io::Error::new(
        ErrorKind::ConnectionRefused,
        "the attempt met only itself: its local address and port are the remote ones",
    )
}
