//! One type for the sockets of all kinds, so that `Net` can keep them in one list. It only passes calls on to the socket of the kind; what
//! differs between the kinds is in their files.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::context::Context;
use super::event::EventKind;
use super::pending_operation::PendingOperation;
use super::relay_signal::RelaySignal;
use super::server_socket::ServerSocket;
use super::step::Step;
use super::stream_socket::StreamSocket;
use super::udp_socket::UdpSocket;
use super::{Id, SocketError};

/// A socket of any kind, or something else that has a number, an owner and events.
pub enum AnySocket {
    /// A connection of TCP or of a Unix socket.
    Stream(Box<StreamSocket>),
    /// A UDP socket.
    Udp(Box<UdpSocket>),
    /// A listening socket.
    Server(Box<ServerSocket>),
    /// A look-up or a timer.
    Operation(PendingOperation),
    /// A socket whose code panicked, with the events that it still has to emit.
    Broken(VecDeque<EventKind>),
}

impl AnySocket {
    /// Returns the next event or other result that is due.
    pub fn step(&mut self, id: Id, context: &mut Context) -> Step {
        match self {
            Self::Stream(stream) => stream.step(id, context),
            Self::Udp(udp) => udp.step(id, context),
            Self::Server(server) => server.step(id, context),
            Self::Operation(operation) => operation.step(),
            Self::Broken(left) => match left.pop_front() {
                Some(kind) if left.is_empty() => Step::LastEvent(kind),
                Some(kind) => Step::Event(kind),
                None => Step::Idle,
            },
        }
    }

    /// Closes a socket whose code panicked, and drops what it owns. The events that it still has to emit are those of a lost
    /// connection, with the panic as the error.
    pub fn break_down(&mut self, message: String, id: Id, context: &mut Context) {
        let error = SocketError::Panic { message };
        let left = match self {
            Self::Stream(stream) if stream.open_delivered => {
                let close = EventKind::Close(stream.machine.ledger.buffered_amount(), stream.figures());
                // A socket has one error. After it only `close` is left.
                if stream.machine.has_emitted_error() { vec![close] } else { vec![EventKind::Error(error), close] }
            }
            Self::Stream(_) => vec![EventKind::Error(error)],
            Self::Udp(_) => vec![EventKind::UdpError(error)],
            Self::Server(_) => vec![EventKind::ServerError(error)],
            Self::Operation(_) => vec![EventKind::Lookup(Err(error))],
            Self::Broken(_) => return,
        };
        context.timers.clear_all(id);
        let broken = std::mem::replace(self, Self::Broken(left.into()));
        // A second panic, while the socket is dropped, is ignored: the first one is reported.
        let _ = catch_unwind(AssertUnwindSafe(move || {
            if let Self::Stream(mut stream) = broken {
                stream.end_relay(RelaySignal::Lost, context);
                stream.drop_held(context);
            }
        }));
    }

    /// Makes the next turn step this socket.
    pub fn schedule(&mut self, id: Id, context: &mut Context) {
        match self {
            Self::Stream(stream) => stream.schedule(id, context),
            Self::Udp(udp) => udp.schedule(id, context),
            Self::Server(server) => server.schedule(id, context),
            Self::Operation(operation) => operation.schedule(id, context),
            Self::Broken(_) => context.ready.push(id),
        }
    }

    /// This socket's part in the turn is over. From now on it can be scheduled for the next turn.
    pub fn unschedule(&mut self) {
        match self {
            Self::Stream(stream) => stream.unschedule(),
            Self::Udp(udp) => udp.scheduled = false,
            Self::Server(server) => server.scheduled = false,
            Self::Operation(operation) => operation.unschedule(),
            Self::Broken(_) => {}
        }
    }

    /// Whether the system may have something that this socket would take now.
    pub fn has_more(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.has_more(),
            Self::Udp(udp) => udp.has_more(),
            Self::Server(server) => server.has_more(),
            Self::Operation(_) => false,
            Self::Broken(left) => !left.is_empty(),
        }
    }

    /// Whether the socket's TLS driver still has bytes to write.
    pub fn is_writing(&self) -> bool {
        matches!(self, Self::Stream(stream) if stream.is_writing())
    }
}

#[cfg(test)]
mod tests {
    use super::StreamSocket;

    /// A server may have tens of thousands of idle connections. What few of them need is boxed.
    #[test]
    fn an_idle_connection_takes_at_most_400_bytes() {
        assert!(size_of::<StreamSocket>() <= 400, "{} bytes", size_of::<StreamSocket>());
    }
}
