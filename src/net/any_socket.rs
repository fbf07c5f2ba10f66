use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::context::Context;
use super::errand::Errand;
use super::event::EventKind;
use super::tcp_server_socket::TcpServerSocket;
use super::tcp_socket::{Note, TcpSocket};
use super::timers::Timers;
use super::turn::Step;
use super::udp_socket::UdpSocket;
use super::{Id, SocketError};

/// A socket of any kind, and what is numbered, owned and told of like one.
pub enum AnySocket {
    Tcp(Box<TcpSocket>),
    Udp(Box<UdpSocket>),
    Server(Box<TcpServerSocket>),
    /// A look-up or a timer.
    Errand(Errand),
    /// One that panicked: what is still to be told of it.
    Broken(VecDeque<EventKind>),
}

impl AnySocket {
    /// The next thing that is due.
    pub fn step(&mut self, id: Id, context: &mut Context) -> Step {
        match self {
            Self::Tcp(tcp) => tcp.step(id, context),
            Self::Udp(udp) => udp.step(id, context),
            Self::Server(server) => server.step(id, context),
            Self::Errand(errand) => errand.step(),
            Self::Broken(left) => match left.pop_front() {
                Some(kind) => Step::Event(kind, left.is_empty()),
                None => Step::Idle,
            },
        }
    }

    /// Closes a socket whose code panicked. What it owned is dropped; its listeners hear of it like of a loss.
    pub fn break_down(&mut self, message: String, context: &mut Context) {
        let error = SocketError::Panic { message };
        let left = match self {
            Self::Tcp(tcp) if tcp.machine.has_opened() => {
                vec![EventKind::Error(error), EventKind::Close(tcp.machine.ledger.buffered_amount())]
            }
            Self::Tcp(_) => vec![EventKind::Error(error)],
            Self::Udp(_) => vec![EventKind::UdpError(error)],
            Self::Server(_) => vec![EventKind::ServerError(error)],
            Self::Errand(_) => vec![EventKind::Lookup(Err(error))],
            Self::Broken(_) => return,
        };
        self.clear_deadlines(&mut context.timers);
        let broken = std::mem::replace(self, Self::Broken(left.into()));
        // It is over, whatever befalls it on its way out.
        let _ = catch_unwind(AssertUnwindSafe(move || {
            if let Self::Tcp(mut tcp) = broken {
                tcp.end_relay(Note::Lost, context);
                tcp.drop_held(context);
            }
        }));
    }

    /// It goes: what it has set is not to be waited for.
    pub fn clear_deadlines(&mut self, timers: &mut Timers) {
        match self {
            Self::Tcp(tcp) => tcp.clear_deadlines(timers),
            Self::Udp(udp) => udp.clear_deadlines(timers),
            Self::Server(server) => server.clear_deadlines(timers),
            Self::Errand(errand) => errand.clear_deadlines(timers),
            Self::Broken(_) => {}
        }
    }

    /// To be stepped in the next turn.
    pub fn schedule(&mut self, id: Id, context: &mut Context) {
        match self {
            Self::Tcp(tcp) => tcp.schedule(id, context),
            Self::Udp(udp) => udp.schedule(id, context),
            Self::Server(server) => server.schedule(id, context),
            Self::Errand(errand) => errand.schedule(id, context),
            Self::Broken(_) => context.ready.push(id),
        }
    }

    /// Its turn is over: from now on it can be scheduled for the next.
    pub fn unschedule(&mut self) {
        match self {
            Self::Tcp(tcp) => tcp.unschedule(),
            Self::Udp(udp) => udp.scheduled = false,
            Self::Server(server) => server.scheduled = false,
            Self::Errand(errand) => errand.unschedule(),
            Self::Broken(_) => {}
        }
    }

    /// Whether the system may have something that it would take now.
    pub fn has_more(&self) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.has_more(),
            Self::Udp(udp) => udp.has_more(),
            Self::Server(server) => server.has_more(),
            Self::Errand(_) => false,
            Self::Broken(left) => !left.is_empty(),
        }
    }

    /// Whether a task still writes what was sent.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Tcp(tcp) if tcp.is_session_busy())
    }
}
