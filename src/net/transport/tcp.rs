//! TCP as a [`Stream`].

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use socket2::SockRef;

use super::Failure;
use super::stream::{Outcome, Stream};
use crate::net::endpoint;
use crate::net::sys::unacknowledged;
use crate::net::syscall::Syscall;

impl Stream for TcpStream {
    fn outcome(&self) -> Outcome {
        match TcpStream::take_error(self) {
            Ok(Some(error)) if is_loss(&error) => return Outcome::Lost(error),
            Ok(Some(error)) | Err(error) => return Outcome::Failed(Failure { syscall: Syscall::Connect, error }),
            Ok(None) => {}
        }
        // It fails where there is no outcome yet.
        let Ok(peer) = self.peer_addr() else { return Outcome::None };
        let local = self.local_addr().ok().map(endpoint::canonical);
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
        // Where it is not connected any more, its loss comes as an error of its own.
        let _ = self.shutdown(Shutdown::Write);
    }

    fn reset_at_end(&self) {
        // Where this fails, the peer sees FIN: the connection ends all the same.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }

    fn unacknowledged(&self) -> Option<u64> {
        unacknowledged(&SockRef::from(self))
    }
}

/// Only an established connection ends so: an attempt that is answered with RST is refused.
fn is_loss(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// Whether a connection's two ends are one: nobody listened there, and the system chose the destination's port as the local one,
/// so that the attempt answered itself. (The zone goes with the interface, which both ends share.)
fn is_itself(local: &SocketAddr, peer: SocketAddr) -> bool {
    let peer = endpoint::canonical(peer);
    (local.ip(), local.port()) == (peer.ip(), peer.port())
}

/// The error that a peer that is not there would have caused (R-tcp-create).
fn met_itself() -> io::Error {
    io::Error::new(
        ErrorKind::ConnectionRefused,
        "the attempt met only itself: its local address and port are the remote ones",
    )
}
