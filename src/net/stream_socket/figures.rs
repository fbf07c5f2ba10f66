//! bytesRead, bytesWritten and getStats() (R-stats).

use std::io::ErrorKind;
use std::mem::MaybeUninit;

use super::StreamSocket;
use crate::net::figures::Figures;
use crate::net::sys::{self, TcpStats};

impl StreamSocket {
    /// What the socket has moved so far. In a relay's task, also what the task has moved for it.
    pub fn figures(&self) -> Figures {
        let passed = self.transport.passed().or(self.relay.as_ref().map(|relay| relay.passed)).unwrap_or_default();
        Figures {
            read: self.receiving.delivered + passed.read,
            written: self.machine.ledger.written() + passed.written,
        }
    }

    /// The system's statistics of the connection. All members are None if there is no connection, or if it is a Unix socket's.
    pub fn stats(&self) -> TcpStats {
        self.transport.with_socket(|socket| sys::tcp_stats(&socket)).unwrap_or_default()
    }

    /// Whether a read would find something now: bytes, the peer's end, or a loss. The system is asked, whatever the poll set has reported.
    pub fn has_pending_read(&self) -> bool {
        let peeked = self.transport.with_socket(|socket| socket.peek(&mut [MaybeUninit::uninit()]));
        peeked.is_some_and(|peeked| !peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock))
    }
}
