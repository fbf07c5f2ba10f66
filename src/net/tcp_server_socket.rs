use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::Interest;
use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::context::Context;
use super::event::EventKind;
use super::options::{ServerOptions, StreamOptions};
use super::seats::Seats;
use super::timers::{Deadline, Timers};
use super::tls::{Reception, ServerContext, server_context};
use super::turn::Step;
use super::{Id, SocketError, endpoint, errno, socket_options};

/// Connections accepted in one turn; the rest waits in the backlog for the next.
const ACCEPTS: usize = 64;
/// How long to wait before accepting again after what may stay so: no descriptor is left, or accept(2) fails for a reason that is
/// not known (R-srv-error: without spinning).
const PAUSE: Duration = Duration::from_millis(100);

/// One listening socket.
pub struct TcpServerSocket {
    /// None once it is closed.
    listener: Option<TcpListener>,
    pub local: SocketAddr,
    pub stream_options: StreamOptions,
    /// Who is open of those accepted.
    pub seats: Seats,
    /// TLS: clients come in through it.
    reception: Option<Box<Reception>>,
    pub listening: bool,
    pub suspended: bool,
    pub scheduled: bool,
    /// The backlog may have connections.
    pub readable: bool,
    /// How many more this turn may accept.
    budget: usize,
    /// accept(2) failed: waiting for the pause to end.
    paused: bool,
    /// Of the pause.
    deadline: Deadline,
    /// That has been told, and no accept has succeeded since: one `error` a spell.
    failure_told: bool,
}

impl TcpServerSocket {
    /// Binds and listens (R-srv-bind).
    pub fn listen(options: &ServerOptions, id: Id, context: &mut Context) -> Result<Self, SocketError> {
        let timeout = Duration::from_millis(options.handshake_timeout.into());
        let reception = match &options.secure {
            Some(secure) => {
                let timeout = (!timeout.is_zero()).then_some(timeout);
                Some(Box::new(Reception::new(server_context(secure)?, timeout)))
            }
            None => None,
        };
        let port = options.local_port.unwrap_or(0);
        let mut listener = match &options.local_address {
            Some(text) => open(options, endpoint::parse("localAddress", text, port)?)?,
            None => open_wildcard(options, port)?,
        };
        let local = listener.local_addr().map_err(|error| SocketError::system("getsockname", error))?;
        context
            .registry
            .register(&mut listener, id.token(), Interest::READABLE)
            .map_err(|error| SocketError::system_at("epoll_ctl", local, error))?;
        Ok(Self {
            listener: Some(listener),
            local,
            stream_options: options.stream,
            seats: Seats::new(options.max_connections),
            reception,
            listening: false,
            suspended: false,
            scheduled: false,
            readable: false,
            budget: ACCEPTS,
            paused: false,
            deadline: Deadline::default(),
            failure_told: false,
        })
    }

    /// Whether connections may wait that it would take now.
    pub fn has_more(&self) -> bool {
        self.may_accept() || self.reception.as_ref().is_some_and(|reception| self.has_news(reception))
    }

    fn may_accept(&self) -> bool {
        self.readable && self.is_served() && !self.paused
    }

    /// Whether somebody is there for clients (R-listen).
    fn is_served(&self) -> bool {
        self.listening && !self.suspended
    }

    fn has_news(&self, reception: &Reception) -> bool {
        reception.has_failures() || self.is_closed() || (reception.has_arrivals() && self.is_served())
    }

    /// Whether close() was called.
    pub fn is_closed(&self) -> bool {
        self.listener.is_none()
    }

    /// close(): the port is free. Returns whether nothing is left to be delivered (R-srv-close).
    pub fn close(&mut self, id: Id, context: &mut Context) -> bool {
        self.listener = None;
        self.clear_deadlines(&mut context.timers);
        let deliver = self.is_served();
        let Some(reception) = &mut self.reception else { return true };
        reception.close(deliver, &mut context.pool);
        let gone = !reception.has_arrivals();
        if !gone {
            self.schedule(id, context);
        }
        gone
    }

    /// setSecureContext(). Returns whether there is TLS whose rules could be replaced.
    pub fn set_secure_context(&mut self, new: ServerContext) -> bool {
        let Some(reception) = self.reception.as_mut().filter(|_| self.listener.is_some()) else { return false };
        reception.set_context(new);
        true
    }

    /// Handshakes have come to an end.
    pub fn on_news(&mut self, id: Id, context: &mut Context) {
        if let Some(reception) = &mut self.reception
            && reception.look(&mut context.pool)
        {
            self.schedule(id, context);
        }
    }

    /// To be stepped in the next turn.
    pub fn schedule(&mut self, id: Id, context: &mut Context) {
        if !std::mem::replace(&mut self.scheduled, true) {
            context.ready.push(id);
        }
    }

    /// The pause is over.
    pub fn on_deadline(&mut self) {
        self.paused = false;
    }

    /// It goes, or accepts no more.
    pub fn clear_deadlines(&mut self, timers: &mut Timers) {
        self.deadline.clear(timers);
    }

    /// Accepts the next connection, if somebody is there for it (R-listen).
    pub fn step(&mut self, id: Id, context: &mut Context) -> Step {
        if let Some(step) = self.step_reception() {
            return step;
        }
        while self.may_accept()
            && self.budget > 0
            && let Some(listener) = &self.listener
        {
            match listener.accept() {
                Ok((stream, remote)) => {
                    self.budget -= 1;
                    self.failure_told = false;
                    let remote = endpoint::canonical(remote);
                    let Some(seat) = self.seats.take() else {
                        return Step::Event(EventKind::ServerError(self.refuse(stream, remote)), false);
                    };
                    self.prepare(&stream);
                    let local = self.local_of(&stream);
                    let Some(reception) = &mut self.reception else {
                        return Step::Accepted(stream, remote, seat);
                    };
                    reception.begin(stream, remote, local, seat, id, context);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                // A connection that ended before it was accepted, or an interrupted call: the next one.
                Err(error) if is_of_one_connection(&error) => self.budget -= 1,
                // No descriptor left, or nothing that is known. It must not keep us busy, and the poll set need not report
                // again (on Windows it does so only after WouldBlock): after a pause it is tried again.
                Err(error) => {
                    self.paused = true;
                    self.deadline.set(&mut context.timers, Instant::now(), PAUSE, id);
                    if !std::mem::replace(&mut self.failure_told, true) {
                        let error = SocketError::system_at("accept", self.local, error);
                        return Step::Event(EventKind::ServerError(error), false);
                    }
                }
            }
        }
        self.budget = ACCEPTS;
        Step::Idle
    }

    /// What has become of handshakes.
    fn step_reception(&mut self) -> Option<Step> {
        let (is_served, is_closed) = (self.is_served(), self.is_closed());
        let reception = self.reception.as_mut()?;
        if let Some(error) = reception.failure() {
            return Some(Step::Event(EventKind::ServerError(error), false));
        }
        if is_served && let Some(arrival) = reception.arrival() {
            return Some(Step::Arrived(Box::new(arrival)));
        }
        if is_closed {
            reception.reset_arrivals();
            return Some(Step::Event(EventKind::End, true));
        }
        None
    }

    /// Our end of an accepted connection. Where we listen on one address it is that.
    pub fn local_of(&self, stream: &TcpStream) -> SocketAddr {
        if self.local.ip().is_unspecified() {
            stream.local_addr().map_or(self.local, endpoint::canonical)
        } else {
            endpoint::canonical(self.local)
        }
    }

    /// Options that Linux hands down from the listening socket are set there once.
    fn prepare(&self, stream: &TcpStream) {
        if cfg!(not(target_os = "linux")) {
            // It may have ended already: then nobody will miss the options.
            let _ = socket_options::set_stream_options(&SockRef::from(stream), &self.stream_options);
        }
    }

    /// Past `maxConnections` (R-srv-error): the client is reset, and somebody is told.
    fn refuse(&self, stream: TcpStream, client: SocketAddr) -> SocketError {
        // Failing that, the client sees FIN: it is refused all the same.
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        SocketError::TooManyConnections { client, limit: self.seats.limit() }
    }
}

/// accept(2) hands on what has befallen a connection that waited.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    matches!(
        errno::name(error).as_str(),
        "EINTR"
            | "ECONNABORTED"
            | "ECONNRESET"
            | "EPROTO"
            | "EPERM"
            | "ENOPROTOOPT"
            | "EHOSTDOWN"
            | "EHOSTUNREACH"
            | "ENETDOWN"
            | "ENETUNREACH"
            | "EOPNOTSUPP"
            | "ETIMEDOUT"
            | "ENOTCONN"
    )
}

/// `::` for both families where the host has IPv6, else 0.0.0.0.
fn open_wildcard(options: &ServerOptions, port: u16) -> Result<TcpListener, SocketError> {
    match open(options, SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)) {
        Err(SocketError::Local { source, .. })
            if options.ipv6_only != Some(true)
                && matches!(errno::name(&source).as_str(), "EAFNOSUPPORT" | "EADDRNOTAVAIL") =>
        {
            open(options, SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
        }
        opened => opened,
    }
}

fn open(options: &ServerOptions, local: SocketAddr) -> Result<TcpListener, SocketError> {
    let failed = |syscall| move |error| SocketError::local(syscall, local, error);
    let raw = Socket::new(Domain::for_address(local), Type::STREAM, Some(Protocol::TCP)).map_err(failed("socket"))?;
    raw.set_nonblocking(true).map_err(failed("socket"))?;
    if local.is_ipv6() {
        socket_options::set("ipv6Only", options.ipv6_only, false, |only| raw.set_only_v6(only))?;
    }
    // A port in TIME_WAIT is free (R-srv-bind). Where the option cannot be had, bind(2) says what follows from that.
    #[cfg(unix)]
    let _ = raw.set_reuse_address(true);
    // There that option would let two servers share a port, and without the other one another program's would.
    #[cfg(windows)]
    if !options.reuse_port {
        super::sys::exclude_others(&raw).map_err(failed("setsockopt"))?;
    }
    if options.reuse_port {
        socket_options::share_port(&raw, local)?;
    }
    #[cfg(target_os = "linux")]
    socket_options::set_stream_options(&raw, &options.stream)?;
    raw.bind(&local.into()).map_err(failed("bind"))?;
    let backlog = i32::try_from(options.backlog).unwrap_or(i32::MAX);
    raw.listen(backlog).map_err(failed("listen"))?;
    Ok(TcpListener::from_std(raw.into()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::fd::AsRawFd;
    use std::sync::Arc;

    use mio::{Poll, Waker};

    use super::*;
    use crate::net::Net;
    use crate::net::context::WAKER;

    /// As on Windows, where the poll set reports again only after a call that would have blocked.
    #[test]
    fn a_failure_of_accept_that_nobody_knows_is_told_once_and_tried_again_without_a_report() {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).unwrap());
        // It makes the runtime, which the pause needs.
        let _net = Net::new().unwrap();
        let mut context = Context::new(poll.registry().try_clone().unwrap(), waker);
        let id = Id::new(0, 1).unwrap();
        let options = ServerOptions {
            local_address: Some("127.0.0.1".to_owned()),
            local_port: None,
            ipv6_only: None,
            reuse_port: false,
            backlog: 1,
            max_connections: None,
            handshake_timeout: 0,
            secure: None,
            stream: StreamOptions {
                no_delay: None,
                keep_alive_delay: None,
                close_timeout: 30_000,
                allow_half_open: None,
                high_water_mark: 0,
                max_buffered_amount: 0,
            },
        };
        let mut server = TcpServerSocket::listen(&options, id, &mut context).unwrap();
        server.listening = true;
        server.readable = true;
        let number = server.listener.as_ref().unwrap().as_raw_fd();
        // SAFETY: a plain system call on a descriptor that `server` keeps open. It listens no more: accept(2) says EINVAL.
        assert_eq!(unsafe { libc::shutdown(number, libc::SHUT_RD) }, 0);
        match server.step(id, &mut context) {
            Step::Event(EventKind::ServerError(error), false) => assert_eq!(error.code().as_deref(), Some("EINVAL")),
            _ => panic!("it was not told"),
        }
        for _ in 0..3 {
            assert!(matches!(server.step(id, &mut context), Step::Idle) && !server.has_more(), "it waits");
            server.on_deadline();
            assert!(server.has_more(), "it tries again");
            assert!(matches!(server.step(id, &mut context), Step::Idle), "and tells it once");
        }
        // SAFETY: a plain system call on the descriptor, which is open. It listens again, on whatever port.
        assert_eq!(unsafe { libc::listen(number, 1) }, 0);
        let local = server.listener.as_ref().unwrap().local_addr().unwrap();
        let client = std::net::TcpStream::connect(local).unwrap();
        server.on_deadline();
        match server.step(id, &mut context) {
            Step::Accepted(_, remote, _) => assert_eq!(remote, client.local_addr().unwrap()),
            _ => panic!("it is deaf"),
        }
    }
}
