//! A listening socket, of TCP or Unix: accepts connections, counts them, and refuses those past maxConnections. It does not make their
//! sockets (`turn/open.rs`), and TLS handshakes are in `tls/handshake_queue.rs`.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::Interest;
use socket2::SockRef;

use super::accepted::Accepted;
use super::connection_permits::ConnectionPermits;
use super::context::Context;
use super::deadline::DeadlineKind;
use super::endpoint::Endpoint;
use super::errno::Errno;
use super::event::EventKind;
use super::listener::{Listener, NewConnection};
use super::options::{ListenOptions, ServerOptions, StreamChanges, StreamOptions, UnixServerOptions};
use super::step::Step;
use super::stream_handle::{PolledStream, reset_at_end};
use super::syscall::Syscall;
use super::tls::{GivenCertificate, HandshakeQueue, ServerContext, server_context};
use super::unix::UnixPath;
use super::{Id, SocketError, ip_address, socket_options, sys, tcp_open, unix};

/// The most connections that one server accepts in a turn. The others wait in the backlog for the next turn.
const ACCEPTS: usize = 64;
/// The time before accept(2) is called again after a failure that may last. Either no descriptor is left, or the reason is not known.
/// Without the pause the process would stay busy (R-srv-error).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whether accept(2) works. A failure that lasts causes one `error` (R-srv-error).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accepting {
    /// It works, as far as is known.
    Works,
    /// It has failed, which was reported. It is not called before the pause is over.
    Pauses,
    /// The pause is over. If accept(2) fails again, that is not reported.
    TriesAgain,
}

/// One listening socket.
pub struct ServerSocket {
    /// The listening socket. `None` after close().
    listener: Option<Listener>,
    /// Where it listens.
    pub local: Endpoint,
    /// The options of the sockets of accepted connections.
    pub stream_options: StreamOptions,
    /// Counts the accepted connections that are not yet "closed".
    pub permits: ConnectionPermits,
    /// TLS: the handshakes that are under way or done. `None`: a server without TLS.
    handshakes: Option<Box<HandshakeQueue>>,
    /// True while there is a listener for `connect`.
    pub listening: bool,
    /// True between suspend() and resume().
    pub suspended: bool,
    /// True while the socket is in `Context::ready`.
    pub scheduled: bool,
    /// True while the backlog may have connections.
    pub readable: bool,
    /// How many more connections this turn may accept.
    budget: usize,
    /// Whether accept(2) works.
    accepting: Accepting,
    /// True once setOptions() was called. Then connections that wait in the backlog may have inherited other options.
    has_changed: bool,
}

impl ServerSocket {
    /// Makes a socket that listens on a port (R-srv-bind).
    pub fn listen(options: &ServerOptions, id: Id, context: &mut Context) -> Result<Self, SocketError> {
        let handshakes = handshakes(&options.listening)?;
        let listener = tcp_open::listen(options)?;
        let local = listener.local_addr().map_err(|error| SocketError::system(Syscall::LocalAddress, error))?;
        Self::serve(Listener::Tcp(listener), local.into(), handshakes, &options.listening, id, context)
    }

    /// Makes a socket that listens at a path (R-unix).
    pub fn listen_at_path(options: &UnixServerOptions, id: Id, context: &mut Context) -> Result<Self, SocketError> {
        let handshakes = handshakes(&options.listening)?;
        let path = UnixPath::parse(&options.path)?;
        let listener = unix::listen(options, &path)?;
        Self::serve(Listener::Unix(listener), path.endpoint(), handshakes, &options.listening, id, context)
    }

    fn serve(
        mut listener: Listener,
        local: Endpoint,
        handshakes: Option<Box<HandshakeQueue>>,
        options: &ListenOptions,
        id: Id,
        context: &mut Context,
    ) -> Result<Self, SocketError> {
        context
            .registry
            .register(&mut listener, id.token(), Interest::READABLE)
            .map_err(|error| SocketError::system_at(Syscall::Watch, local.clone(), error))?;
        Ok(Self {
            listener: Some(listener),
            local,
            stream_options: options.stream.clone(),
            permits: ConnectionPermits::new(options.max_connections),
            handshakes,
            listening: false,
            suspended: false,
            scheduled: false,
            readable: false,
            budget: ACCEPTS,
            accepting: Accepting::Works,
            has_changed: false,
        })
    }

    /// Whether connections may wait that the server would deliver now.
    pub fn has_more(&self) -> bool {
        self.may_accept() || self.handshakes.as_ref().is_some_and(|handshakes| self.has_news(handshakes))
    }

    /// Whether accept(2) may be called now.
    fn may_accept(&self) -> bool {
        self.readable && self.is_served() && self.accepting != Accepting::Pauses
    }

    /// Whether connections are to be delivered (R-listen).
    fn is_served(&self) -> bool {
        self.listening && !self.suspended
    }

    /// Whether the handshakes have something that the server would report, ask, deliver or reset now.
    fn has_news(&self, handshakes: &HandshakeQueue) -> bool {
        if self.is_closed() {
            return handshakes.has_questions() || handshakes.has_accepted() || handshakes.is_empty();
        }
        handshakes.has_failures() || handshakes.has_questions() || (handshakes.has_accepted() && self.is_served())
    }

    /// Whether close() was called.
    pub fn is_closed(&self) -> bool {
        self.listener.is_none()
    }

    /// The process ends, and nothing will drop the server: removes its file, if it listens at a path (R-unix). The server still listens.
    pub fn remove_file(&mut self) {
        if let Some(Listener::Unix(listener)) = &mut self.listener {
            listener.remove_file();
        }
    }

    /// close(): frees the port, and resets the handshakes under way. Clients whose handshake is done are still delivered if somebody listens.
    /// A second call resets these, too. Returns whether nothing is left to be delivered (R-srv-close).
    pub fn close(&mut self, id: Id, context: &mut Context) -> bool {
        let deliver = self.is_served() && !self.is_closed();
        self.end(id, context, |handshakes| {
            handshakes.reset_unfinished();
            if !deliver {
                handshakes.reset_accepted();
            }
        })
    }

    /// shutdown(): as close(), but the handshakes under way go on until close() is called (R-shutdown).
    pub fn shut_down(&mut self, id: Id, context: &mut Context) -> bool {
        let deliver = self.is_served();
        self.end(id, context, |handshakes| {
            if !deliver {
                handshakes.reset_accepted();
            }
        })
    }

    /// Frees the port, and lets `end` treat the handshakes. Returns whether the server has nothing left to do.
    fn end(&mut self, id: Id, context: &mut Context, end: impl FnOnce(&mut HandshakeQueue)) -> bool {
        self.listener = None;
        context.timers.clear_all(id);
        let Some(handshakes) = &mut self.handshakes else { return true };
        handshakes.collect(&mut context.pool);
        handshakes.drop_failures();
        end(handshakes);
        let gone = handshakes.is_empty();
        if !gone {
            self.schedule(id, context);
        }
        gone
    }

    /// setOptions(): the sockets that are accepted from now on have the options that are given (R-live). The system refuses an option here
    /// as it would there.
    pub fn change(&mut self, changes: &StreamChanges) -> Result<(), SocketError> {
        if let Some(Listener::Tcp(listener)) = &self.listener {
            let is_first = self.stream_options.network.keep_alive.name().is_none();
            let changed = socket_options::change_network_options(&SockRef::from(listener), &changes.network, is_first);
            changed.map_err(SocketError::of_live_option)?;
        }
        self.stream_options.change(changes);
        self.has_changed = true;
        if let Some(limit) = changes.max_connections {
            self.permits.set_limit(limit);
        }
        Ok(())
    }

    /// setSecureContext(). Returns false if the server has no TLS or is closed.
    pub fn set_secure_context(&mut self, new: ServerContext) -> bool {
        let Some(handshakes) = self.handshakes.as_mut().filter(|_| self.listener.is_some()) else { return false };
        handshakes.set_context(new);
        true
    }

    /// `certificateFor` has answered a question. It is an error if the certificate cannot be used. Then the question stays open.
    pub fn answer(&mut self, question: u32, given: Option<&GivenCertificate>) -> Result<(), SocketError> {
        self.handshakes.as_mut().map_or(Ok(()), |handshakes| handshakes.answer(question, given))
    }

    /// `certificateFor` has failed to answer a question, for this `reason`. Returns how many handshakes fail.
    pub fn refuse_question(&mut self, question: u32, reason: &str, id: Id, context: &mut Context) -> u32 {
        let refused = self.handshakes.as_mut().map_or(0, |handshakes| handshakes.refuse(question, reason));
        self.schedule(id, context);
        refused
    }

    /// Collects handshakes that have succeeded, have failed or have a question.
    pub fn on_news(&mut self, id: Id, context: &mut Context) {
        let is_closed = self.is_closed();
        if let Some(handshakes) = &mut self.handshakes
            && (handshakes.collect(&mut context.pool) || is_closed)
        {
            self.schedule(id, context);
        }
    }

    /// Makes the next turn step this server.
    pub fn schedule(&mut self, id: Id, context: &mut Context) {
        if !std::mem::replace(&mut self.scheduled, true) {
            context.ready.push(id);
        }
    }

    /// The pause after a failure of accept(2) is over.
    pub fn on_accept_pause_over(&mut self) {
        self.accepting = Accepting::TriesAgain;
    }

    /// Accepts the next connection, if it is to be delivered (R-listen).
    pub fn step(&mut self, id: Id, context: &mut Context) -> Step {
        if let Some(step) = self.step_handshakes() {
            return step;
        }
        while self.may_accept()
            && self.budget > 0
            && let Some(listener) = &self.listener
        {
            match listener.accept() {
                Ok(NewConnection { stream, remote, credentials }) => {
                    self.budget -= 1;
                    self.accepting = Accepting::Works;
                    let Some(permit) = self.permits.acquire() else {
                        return Step::Event(EventKind::ServerError(self.refuse(stream, remote)));
                    };
                    self.prepare(&stream);
                    let client = Accepted { local: self.local_of(&stream), stream, remote, credentials, permit };
                    let Some(handshakes) = &mut self.handshakes else { return Step::Accepted(client) };
                    handshakes.begin(client, id, context);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                // The connection ended before it was accepted, or a signal interrupted the call: accept the next one.
                Err(error) if is_of_one_connection(&error) => self.budget -= 1,
                // No descriptor is left, or the reason is not known. Trying again at once would keep the process busy. Waiting for the poll
                // set is not possible either, since it need not report again (on Windows it does so only after WouldBlock). So a deadline
                // ends the wait.
                Err(error) => {
                    let before = std::mem::replace(&mut self.accepting, Accepting::Pauses);
                    context.timers.set(id, DeadlineKind::Accept, Instant::now(), ACCEPT_PAUSE);
                    if before == Accepting::Works {
                        let error = SocketError::system_at(Syscall::Accept, self.local.clone(), error);
                        return Step::Event(EventKind::ServerError(error));
                    }
                }
            }
        }
        self.budget = ACCEPTS;
        Step::Idle
    }

    /// The step that reports or delivers a handshake that is over, or asks a question of one. `None`: there is none.
    fn step_handshakes(&mut self) -> Option<Step> {
        let (is_served, is_closed) = (self.is_served(), self.is_closed());
        let handshakes = self.handshakes.as_mut()?;
        if is_closed {
            handshakes.drop_failures();
        }
        if let Some(error) = handshakes.take_failure() {
            return Some(Step::Event(EventKind::ServerError(error)));
        }
        if let Some((number, name)) = handshakes.take_question() {
            return Some(Step::Event(EventKind::ServerCertificate(name, number)));
        }
        if is_served && let Some(accepted) = handshakes.take_accepted() {
            return Some(Step::AcceptedTls(Box::new(accepted)));
        }
        if is_closed {
            handshakes.reset_accepted();
            if handshakes.is_empty() {
                return Some(Step::LastEvent(EventKind::Gone));
            }
        }
        None
    }

    /// Our end of an accepted connection. If the server listens on one address or at a path, it is that.
    fn local_of(&self, stream: &PolledStream) -> Endpoint {
        match &self.local {
            Endpoint::Inet(local) if local.ip().is_unspecified() => {
                stream.local_addr().map_or(*local, ip_address::canonical).into()
            }
            Endpoint::Inet(local) => ip_address::canonical(*local).into(),
            Endpoint::Unix(_) => self.local.clone(),
        }
    }

    /// Sets the options of TCP and IP of an accepted connection. On Linux the connection has inherited them from the listening socket, but
    /// those that setOptions() has changed meanwhile.
    fn prepare(&self, stream: &PolledStream) {
        if (!sys::ACCEPTED_INHERIT_OPTIONS || self.has_changed) && matches!(self.local, Endpoint::Inet(_)) {
            // The connection may have ended already. Then the options do not matter, so a failure is ignored.
            let _ = socket_options::set_network_options(&SockRef::from(stream), &self.stream_options.network);
        }
    }

    /// Refuses a connection beyond `maxConnections` (R-srv-error). The client is reset (a Unix socket's sees the end), and an `error` event
    /// reports it.
    fn refuse(&self, stream: PolledStream, client: Endpoint) -> SocketError {
        reset_at_end(&stream);
        SocketError::TooManyConnections { client, limit: self.permits.limit() }
    }
}

/// The queue of handshakes of a server with TLS. `None`: a server without TLS.
fn handshakes(options: &ListenOptions) -> Result<Option<Box<HandshakeQueue>>, SocketError> {
    let Some(secure) = &options.secure else { return Ok(None) };
    let timeout = Duration::from_millis(options.handshake_timeout.into());
    let timeout = (!timeout.is_zero()).then_some(timeout);
    Ok(Some(Box::new(HandshakeQueue::new(server_context(secure)?, timeout))))
}

/// Whether accept(2) failed because of the one connection that it would have returned.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    matches!(
        Errno::of(error),
        Errno::EINTR
            | Errno::ECONNABORTED
            | Errno::ECONNRESET
            | Errno::EPROTO
            | Errno::EPERM
            | Errno::ENOPROTOOPT
            | Errno::EHOSTDOWN
            | Errno::EHOSTUNREACH
            | Errno::ENETDOWN
            | Errno::ENETUNREACH
            | Errno::EOPNOTSUPP
            | Errno::ETIMEDOUT
            | Errno::ENOTCONN
    )
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::fd::AsRawFd;
    use std::sync::Arc;

    use mio::{Poll, Waker};

    use super::*;
    use crate::net::Net;
    use crate::net::id::WAKER;
    use crate::net::options::NetworkOptions;

    /// The same happens on Windows, where the poll set reports again only after a call that would have blocked.
    #[test]
    fn a_failure_of_accept_that_is_not_known_is_reported_once_and_tried_again_without_a_report() {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).unwrap());
        // This makes the runtime, which the timers need.
        let _net = Net::new().unwrap();
        let mut context = Context::new(poll.registry().try_clone().unwrap(), waker);
        let id = Id::new(0, 1).unwrap();
        let options = ServerOptions {
            local_address: Some("127.0.0.1".to_owned()),
            local_port: None,
            ipv6_only: None,
            reuse_port: false,
            listening: ListenOptions {
                backlog: 1,
                max_connections: None,
                handshake_timeout: 0,
                secure: None,
                stream: StreamOptions {
                    network: NetworkOptions::default(),
                    idle_timeout: 0,
                    close_timeout: 30_000,
                    allow_half_open: None,
                    high_water_mark: 0,
                    max_buffered_amount: 0,
                    framing: None,
                },
            },
        };
        let mut server = ServerSocket::listen(&options, id, &mut context).unwrap();
        server.listening = true;
        server.readable = true;
        let Some(Listener::Tcp(listener)) = &server.listener else { panic!("it does not listen on a port") };
        let number = listener.as_raw_fd();
        // SAFETY: a system call without pointers, on a descriptor that `server` keeps open. It ends listening, so that accept(2) returns
        // EINVAL.
        assert_eq!(unsafe { libc::shutdown(number, libc::SHUT_RD) }, 0);
        match server.step(id, &mut context) {
            Step::Event(EventKind::ServerError(error)) => assert_eq!(error.code().as_deref(), Some("EINVAL")),
            _ => panic!("it was not reported"),
        }
        for _ in 0..3 {
            assert!(matches!(server.step(id, &mut context), Step::Idle) && !server.has_more(), "it waits");
            server.on_accept_pause_over();
            assert!(server.has_more(), "it tries again");
            assert!(matches!(server.step(id, &mut context), Step::Idle), "and reports it once");
        }
        // SAFETY: a system call without pointers, on a descriptor that `server` keeps open. It makes the socket listen again, on any port.
        assert_eq!(unsafe { libc::listen(number, 1) }, 0);
        let Some(Listener::Tcp(listener)) = &server.listener else { panic!("it does not listen on a port") };
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        server.on_accept_pause_over();
        match server.step(id, &mut context) {
            Step::Accepted(accepted) => assert_eq!(accepted.remote, client.local_addr().unwrap().into()),
            _ => panic!("it accepts nothing"),
        }
    }
}
