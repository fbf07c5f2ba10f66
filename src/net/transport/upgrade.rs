//! TLS that is to follow on a plain connection: after the connection attempt, or by startTls().

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use super::secure::Secure;
use crate::net::context::Context;
use crate::net::deadline::{LimitKind, TimeLimit};
use crate::net::send_queue::SendQueue;
use crate::net::tls::{self, Role, Target};
use crate::net::{Id, SocketError};

/// How long a client's handshake may take where connectTimeout is not given: about as long as the system gives a connection attempt.
const DEFAULT_HANDSHAKE_LIMIT: Duration = Duration::from_secs(120);

/// TLS that is to follow.
pub struct Upgrade {
    role: Role,
    /// When the handshake has to be done. `None`: no limit.
    limit: Option<TimeLimit>,
    origin: Origin,
}

/// What asked for it.
enum Origin {
    /// The connection attempt. Bytes that are sent meanwhile wait in the socket's queue.
    Connect {
        /// connectTimeout is not given: the handshake has the default limit.
        default_limit: bool,
    },
    /// startTls().
    StartTls {
        /// Bytes that came before and are the handshake's.
        received: Vec<u8>,
        /// Bytes that were sent since: they wait for the handshake.
        queue: SendQueue,
    },
}

impl Upgrade {
    /// TLS after a connection attempt that begins now. `connect_timeout`: in milliseconds, for both; 0 is no limit.
    pub fn after_connect(role: Role, connect_timeout: Option<u32>) -> Self {
        let limited = connect_timeout.filter(|&milliseconds| milliseconds > 0);
        let limit = limited.map(|milliseconds| connect_limit(Duration::from_millis(milliseconds.into())));
        Self { role, limit, origin: Origin::Connect { default_limit: connect_timeout.is_none() } }
    }

    /// TLS by startTls(). `received`: bytes that came before and are the handshake's.
    pub fn start_tls(role: Role, received: Vec<u8>, limit: Option<TimeLimit>) -> Self {
        Self { role, limit, origin: Origin::StartTls { received, queue: SendQueue::default() } }
    }

    /// When the handshake has to be done. `None`: no limit, or one that begins with it.
    pub fn limit(&self) -> Option<TimeLimit> {
        self.limit
    }

    /// Where bytes wait that are sent since startTls().
    pub fn queue(&mut self) -> Option<&mut SendQueue> {
        match &mut self.origin {
            Origin::Connect { .. } => None,
            Origin::StartTls { queue, .. } => Some(queue),
        }
    }

    /// Begins the handshake on a stream that the poll set has given up. Returns what was sent since startTls() too.
    pub fn begin(
        self,
        stream: TcpStream,
        remote: SocketAddr,
        id: Id,
        context: &mut Context,
    ) -> Result<(Secure, SendQueue), SocketError> {
        let batcher = context.wake_batcher()?;
        let target = Target::Socket(id, Arc::clone(&batcher));
        let (received, queue, limit, is_upgrade) = match self.origin {
            Origin::Connect { default_limit } => {
                let default = || default_limit.then(|| connect_limit(DEFAULT_HANDSHAKE_LIMIT));
                (Vec::new(), SendQueue::default(), self.limit.or_else(default), false)
            }
            Origin::StartTls { received, queue } => (received, queue, self.limit, true),
        };
        let session = tls::start(stream, &self.role, remote, received, limit, target, &batcher)?;
        Ok((Secure::handshaking(session, is_upgrade), queue))
    }
}

/// A limit from now on that counts as connectTimeout.
fn connect_limit(after: Duration) -> TimeLimit {
    TimeLimit { at: Instant::now() + after, milliseconds: after.as_millis(), kind: LimitKind::Connect }
}
