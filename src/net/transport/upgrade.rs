//! TLS that is to follow on a plain connection, either after the connection attempt or because of startTls().

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::secure::Secure;
use crate::net::context::Context;
use crate::net::deadline::{LimitKind, TimeLimit};
use crate::net::endpoint::Endpoint;
use crate::net::send_queue::SendQueue;
use crate::net::stream_handle::PolledStream;
use crate::net::tls::{self, Role, Target};
use crate::net::{Id, SocketError};

/// The time limit of a client's handshake if connectTimeout is not given. The system gives a connection attempt about as long.
const DEFAULT_HANDSHAKE_LIMIT: Duration = Duration::from_secs(120);

/// TLS that is to follow.
pub struct Upgrade {
    /// The options of our side, which is client or server.
    role: Role,
    /// When the handshake must be done. `None`: no limit, or the default limit, which begins with the handshake.
    limit: Option<TimeLimit>,
    /// What asked for TLS.
    cause: UpgradeCause,
}

/// What asked for TLS.
enum UpgradeCause {
    /// The connection attempt. Bytes that are sent before the handshake is done wait in the socket's queue.
    Connect {
        /// True if connectTimeout is not given. Then the handshake has the default limit.
        default_limit: bool,
    },
    /// startTls().
    StartTls {
        /// Bytes that were received before startTls(). They belong to the handshake.
        received: Vec<u8>,
        /// Bytes that were sent since startTls(). They wait for the handshake.
        queue: SendQueue,
    },
}

impl Upgrade {
    /// TLS after a connection attempt that begins now. `connect_timeout` limits the attempt and the handshake together, in milliseconds. 0:
    /// no limit. None: the default limit for the handshake.
    pub fn after_connect(role: Role, connect_timeout: Option<u32>) -> Self {
        let limited = connect_timeout.filter(|&milliseconds| milliseconds > 0);
        let limit = limited.map(|milliseconds| connect_limit(Duration::from_millis(milliseconds.into())));
        Self { role, limit, cause: UpgradeCause::Connect { default_limit: connect_timeout.is_none() } }
    }

    /// TLS because of startTls(). `received` holds bytes that were received before and belong to the handshake.
    pub fn start_tls(role: Role, received: Vec<u8>, limit: Option<TimeLimit>) -> Self {
        Self { role, limit, cause: UpgradeCause::StartTls { received, queue: SendQueue::default() } }
    }

    /// When the handshake must be done. `None`: no limit, or the default limit, which begins with the handshake.
    pub fn limit(&self) -> Option<TimeLimit> {
        self.limit
    }

    /// The queue for bytes that are sent after startTls(). `None` if the connection attempt asked for TLS.
    pub fn queue(&mut self) -> Option<&mut SendQueue> {
        match &mut self.cause {
            UpgradeCause::Connect { .. } => None,
            UpgradeCause::StartTls { queue, .. } => Some(queue),
        }
    }

    /// Begins the handshake on a stream that is not in the poll set any more. Also returns the bytes that were sent since startTls().
    pub fn begin(
        self,
        stream: PolledStream,
        remote: Endpoint,
        id: Id,
        context: &mut Context,
    ) -> Result<(Secure, SendQueue), SocketError> {
        let batcher = context.wake_batcher()?;
        let target = Target::Socket(id, Arc::clone(&batcher));
        let (received, queue, limit, is_upgrade) = match self.cause {
            UpgradeCause::Connect { default_limit } => {
                let default = || default_limit.then(|| connect_limit(DEFAULT_HANDSHAKE_LIMIT));
                (Vec::new(), SendQueue::default(), self.limit.or_else(default), false)
            }
            UpgradeCause::StartTls { received, queue } => (received, queue, self.limit, true),
        };
        let session = tls::start(stream, &self.role, remote, received, limit, target, &batcher)?;
        Ok((Secure::handshaking(session, is_upgrade), queue))
    }
}

/// A limit that begins now and is reported as connectTimeout.
fn connect_limit(after: Duration) -> TimeLimit {
    TimeLimit { at: Instant::now() + after, milliseconds: after.as_millis(), kind: LimitKind::Connect }
}
