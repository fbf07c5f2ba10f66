//! bytesRead, bytesWritten and getStats() (R-stats).

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
}
