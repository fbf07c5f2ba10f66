//! TCP as a [`Stream`].

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use socket2::SockRef;

use super::Failure;
use super::stream::{Outcome, Stream};
use crate::net::ip_address;
use crate::net::sys::unacknowledged;
use crate::net::syscall::Syscall;

impl Stream for TcpStream {
    fn outcome(&self) -> Outcome {
        match TcpStream::take_error(self) {
            Ok(Some(error)) if is_loss(&error) => return Outcome::Lost(error),
            Ok(Some(error)) | Err(error) => return Outcome::Failed(Failure { syscall: Syscall::Connect, error }),
            Ok(None) => {}
        }
        // peer_addr() fails if the attempt has no outcome yet.
        let Ok(peer) = self.peer_addr() else { return Outcome::None };
        let local = self.local_addr().ok().map(ip_address::canonical);
        if local.is_some_and(|local| is_itself(&local, peer)) {
            self.reset_at_end();
            return Outcome::Failed(Failure { syscall: Syscall::Connect, error: met_itself() });
        }
        Outcome::Established(local)
    }

    fn take_error(&self) -> Option<io::Error> {
        TcpStream::take_error(self).ok().flatten()
    }

    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        TcpStream::peek(self, buffer)
    }

    fn shut_down(&self) {
        // If the socket is not connected any more, the loss is reported as an error of its own.
        let _ = self.shutdown(Shutdown::Write);
    }

    fn reset_at_end(&self) {
        // If this fails, the peer sees FIN in place of RST. The connection ends in both cases.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }

    fn unacknowledged(&self) -> Option<u64> {
        unacknowledged(&SockRef::from(self))
    }
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
