//! The beginning of a server's handshake, if the options have `certificateFor`: the task reads the client's hello, and asks for the
//! certificate of the name in it. Then the [`Driver`] goes on with the handshake, as it does without `certificateFor`. Until then nothing
//! is sent.

use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use rustls::server::Acceptor;
use tokio::time::sleep_until;

use super::answer::Answer;
use super::certificates::Chosen;
use super::connection::Connection;
use super::driver::{Driver, InTask};
use super::error::TlsError;
use super::server_context::ServerContext;
use super::shared_session::{SharedSession, notify};
use crate::net::deadline::TimeLimit;
use crate::net::endpoint::Endpoint;
use crate::net::panics::{caught, panic_message};
use crate::net::stream_handle::TaskStream;
use crate::net::syscall::Syscall;
use crate::net::{SocketError, errno, hooks, memory};

/// How many bytes one read takes. A hello mostly has fewer.
const READ: usize = 4 * 1024;
/// The most bytes that are received before the certificate is chosen. A hello has 64 KiB at most.
const MOST_RECEIVED: usize = 128 * 1024;

/// A handshake whose certificate is not chosen yet.
pub struct Hello {
    /// The certificates and options of the server.
    pub(super) context: ServerContext,
    /// The system's socket.
    pub(super) stream: Arc<TaskStream>,
    /// The state that the task shares with the session.
    pub(super) shared: Arc<SharedSession>,
    /// The peer's address, for error messages.
    pub(super) remote: Endpoint,
    /// The received bytes: the hello, and what has followed it. At first, the bytes that the socket has read already.
    pub(super) received: Vec<u8>,
    /// The limit for the handshake. `None`: there is no limit.
    pub(super) limit: Option<TimeLimit>,
}

/// Why the task does not choose a certificate.
enum Stop {
    /// The peer has ended, or its first bytes are no hello. The driver reports that. The driver gets this error in place of a certificate, so
    /// it never presents one.
    Refuse(TlsError),
    /// The session gives the handshake up. The driver ends the connection.
    GivenUp,
    /// The connection is lost.
    Lost(SocketError),
    /// The session was dropped, or has reset the connection. The task ends.
    Dropped,
}

/// What a wait has ended with.
enum Woken {
    /// There may be bytes to read, or the connection is lost.
    Readable,
    /// The session has woken the task.
    Session,
    /// The limit is over.
    Late,
}

impl Hello {
    /// Runs the connection until it ends, as [`InTask::run`] does. A panic becomes the socket's error.
    pub async fn run(self) {
        let shared = Arc::clone(&self.shared);
        match caught(self.choose()).await {
            Ok(Some(driver)) => driver.run().await,
            Ok(None) => {}
            Err(panic) => shared.break_down(panic_message(&*panic)),
        }
    }

    /// Chooses the certificate, and returns the driver that goes on. `None`: the connection is lost, or nobody needs it any more.
    async fn choose(mut self) -> Option<InTask> {
        let chosen = match self.chosen().await {
            Ok(chosen) => chosen,
            Err(Stop::Refuse(error)) => Some(Chosen::Refused(error)),
            Err(Stop::GivenUp) => {
                self.received.clear();
                Some(Chosen::Refused(TlsError::handshake_ended()))
            }
            Err(Stop::Lost(error)) => {
                self.shared.lose(error);
                return None;
            }
            Err(Stop::Dropped) => return None,
        };
        let Self { context, stream, shared, remote, received, limit } = self;
        match Connection::server(&context.setup, chosen) {
            Ok(connection) => {
                let driver = Driver::new(connection, shared, remote, received, limit);
                Some(InTask::new(Box::new(driver), stream))
            }
            Err(error) => {
                shared.lose(SocketError::Tls { error: TlsError::from_rustls(&error), address: Some(remote) });
                None
            }
        }
    }

    /// What takes the place of the options' certificates. `None`: they are used.
    async fn chosen(&mut self) -> Result<Option<Chosen>, Stop> {
        let requested = self.read_hello().await?;
        while let Some(name) = self.context.name_to_ask(requested.as_deref()) {
            if let Some(key) = self.context.kept.as_ref().and_then(|kept| kept.find(&name)) {
                return Ok(Some(Chosen::Certificate(key)));
            }
            match self.ask(name).await? {
                Answer::Chosen(chosen) => return Ok(chosen),
                Answer::Replaced(context) => self.context = context,
            }
        }
        Ok(None)
    }

    /// Reads the client's hello. Returns the name that it asks for. `None`: it asks for none.
    async fn read_hello(&mut self) -> Result<Option<String>, Stop> {
        let mut acceptor = Acceptor::default();
        let mut parsed = 0;
        loop {
            while parsed < self.received.len() {
                let mut rest = &self.received[parsed..];
                // Reading from memory fails only if the acceptor has no room left. No hello is that long.
                let length = acceptor.read_tls(&mut rest).map_err(|_| Stop::Refuse(TlsError::no_hello()))?;
                if length == 0 {
                    // The peer has sent close_notify.
                    return Err(Stop::Refuse(TlsError::handshake_ended()));
                }
                parsed += length;
                hooks::pass("tls hello");
                match acceptor.accept() {
                    Ok(Some(accepted)) => return Ok(accepted.client_hello().server_name().map(str::to_owned)),
                    Ok(None) => {}
                    // The driver finds the same fault, and sends the alert.
                    Err((error, _)) => return Err(Stop::Refuse(TlsError::from_rustls(&error))),
                }
            }
            self.wait_for_bytes().await?;
        }
    }

    /// Asks `certificateFor` for the certificate of a name, and waits for the answer.
    async fn ask(&mut self, name: String) -> Result<Answer, Stop> {
        self.pose(name);
        loop {
            if let Some(answer) = self.shared.state().answer.take() {
                return Ok(*answer);
            }
            self.wait_for_bytes().await?;
        }
    }

    /// Gives the question for a name to the session.
    fn pose(&self, name: String) {
        let mut state = self.shared.state();
        state.question = Some(name);
        notify(state);
    }

    /// Whether the session has answered. It may also have no use for the connection any more.
    fn is_answered(&self) -> Result<bool, Stop> {
        let state = self.shared.state();
        // Check the answer before `released`. A server that refuses a client stores the answer and drops the session at once. The driver must
        // still send the alert.
        if state.answer.is_some() {
            return Ok(true);
        }
        if state.reset || state.released {
            return Err(Stop::Dropped);
        }
        if state.gives_up { Err(Stop::GivenUp) } else { Ok(false) }
    }

    /// Waits until the peer has sent more bytes, or the session has answered.
    async fn wait_for_bytes(&mut self) -> Result<(), Stop> {
        while !self.is_answered()? {
            match self.wait().await {
                Woken::Session => {}
                Woken::Readable => {
                    if self.read()? {
                        return Ok(());
                    }
                }
                Woken::Late => {
                    let limit = self.limit.take();
                    return Err(limit.map_or(Stop::Dropped, |limit| Stop::Lost(limit.error(self.remote.clone()))));
                }
            }
        }
        Ok(())
    }

    /// Waits until the system's socket is readable, the session wakes the task or the limit is over.
    async fn wait(&self) -> Woken {
        let mut notified = pin!(self.shared.wake.notified());
        let mut readable = pin!(self.stream.readable());
        let mut late = pin!(async {
            match self.limit {
                Some(limit) => sleep_until(limit.at.into()).await,
                None => pending().await,
            }
        });
        poll_fn(|context| {
            if notified.as_mut().poll(context).is_ready() {
                return Poll::Ready(Woken::Session);
            }
            if readable.as_mut().poll(context).is_ready() {
                return Poll::Ready(Woken::Readable);
            }
            late.as_mut().poll(context).map(|()| Woken::Late)
        })
        .await
    }

    /// Reads once. Returns whether there were bytes.
    fn read(&mut self) -> Result<bool, Stop> {
        let mut bytes = [0; READ];
        match self.stream.try_read(&mut bytes) {
            // The driver reads the end once more, and reports it.
            Ok(0) => Err(Stop::Refuse(TlsError::handshake_ended())),
            Ok(length) if self.received.len() + length > MOST_RECEIVED => Err(Stop::Refuse(TlsError::no_hello())),
            Ok(length) => match memory::append(&mut self.received, &bytes[..length]) {
                Ok(()) => Ok(true),
                Err(_) => Err(Stop::Lost(self.lost(errno::no_buffers()))),
            },
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(false),
            Err(error) => Err(Stop::Lost(self.lost(error))),
        }
    }

    /// The error of a connection that the system reports as lost.
    fn lost(&self, error: io::Error) -> SocketError {
        SocketError::system_at(Syscall::Read, self.remote.clone(), error)
    }
}
