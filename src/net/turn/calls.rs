//! The calls that JavaScript makes on one socket. JavaScript gives the socket's number.

use std::time::{Duration, Instant};

use super::{Net, RemovedUdp};
use crate::net::any_socket::AnySocket;
use crate::net::context::Context;
use crate::net::deadline::DeadlineKind;
use crate::net::figures::Figures;
use crate::net::options::Changes;
use crate::net::pending_operation::PendingOperation;
use crate::net::resolver::{self, Family};
use crate::net::server_socket::ServerSocket;
use crate::net::stream_socket::StreamSocket;
use crate::net::tls::GivenCertificate;
use crate::net::udp_socket::UdpSocket;
use crate::net::{Id, SocketError, hooks};
use crate::proto::{Intake, ReadyState};

impl Net {
    /// Runs `f` on an open stream socket. `None`: there is no such socket.
    pub fn stream<T>(&mut self, id: Id, f: impl FnOnce(&mut StreamSocket, &mut Context) -> T) -> Option<T> {
        let result = self.with(id, |socket, _, context| match socket {
            AnySocket::Stream(stream) => Some(f(stream, context)),
            _ => None,
        });
        self.deliver_relay_signals();
        result.flatten()
    }

    /// Runs `f` on an open UDP socket. `None`: there is no such socket.
    pub fn udp<T>(&mut self, id: Id, f: impl FnOnce(&mut UdpSocket, &mut Context) -> T) -> Option<T> {
        self.with(id, |socket, _, context| match socket {
            AnySocket::Udp(udp) => Some(f(udp, context)),
            _ => None,
        })
        .flatten()
    }

    /// Runs `f` on an open server socket. `None`: there is no such socket.
    pub fn server<T>(&mut self, id: Id, f: impl FnOnce(&mut ServerSocket, &mut Context) -> T) -> Option<T> {
        self.with(id, |socket, _, context| match socket {
            AnySocket::Server(server) => Some(f(server, context)),
            _ => None,
        })
        .flatten()
    }

    /// Sets which listeners a socket has: `data` for bytes, datagrams or connections, `half_close` for the peer's end. With `data`, the
    /// next turn steps the socket.
    pub fn listen(&mut self, id: Id, data: bool, half_close: bool) {
        self.with(id, |socket, id, context| {
            match socket {
                AnySocket::Stream(stream) => stream.machine.set_listeners(data, half_close),
                AnySocket::Udp(udp) => udp.listening = data,
                AnySocket::Server(server) => server.listening = data,
                AnySocket::Operation(_) | AnySocket::Broken(_) => {}
            }
            if data {
                socket.schedule(id, context);
            }
        });
    }

    /// Asks the system for the addresses of a host. An event carries the answer, unless the operation is closed before that.
    pub fn open_lookup(&mut self, owner: u32, host: &str, family: Family) -> Result<Id, SocketError> {
        self.open(owner, |id, context| {
            let pending = resolver::ask(host, family, id, &context.inbox)?;
            Ok(AnySocket::Operation(PendingOperation::lookup(pending)))
        })
    }

    /// Starts a timer that emits one event, `after` from now. It is never early. If `after` is a second or more, it may be a little late.
    pub fn open_timer(&mut self, owner: u32, after: Duration) -> Result<Id, SocketError> {
        self.open(owner, |id, context| {
            context.timers.set(id, DeadlineKind::Timer, Instant::now(), after);
            Ok(AnySocket::Operation(PendingOperation::timer()))
        })
    }

    /// From now on, a stream socket reports the peer's end even if no `halfclose` event fires (R-once).
    pub fn report_end(&mut self, id: Id) {
        self.stream(id, |stream, _| stream.machine.request_end());
    }

    /// Sets what a stream does with the bytes of a stream socket (R-streams).
    pub fn take_in(&mut self, id: Id, intake: Intake) {
        self.stream(id, |stream, context| stream.take_in(intake, id, context));
    }

    /// suspend().
    pub fn suspend(&mut self, id: Id) {
        self.with(id, |socket, _, _| match socket {
            AnySocket::Stream(stream) => stream.machine.suspend(),
            AnySocket::Udp(udp) => udp.suspended = true,
            AnySocket::Server(server) => server.suspended = true,
            AnySocket::Operation(_) | AnySocket::Broken(_) => {}
        });
    }

    /// resume().
    pub fn resume(&mut self, id: Id) {
        self.with(id, |socket, id, context| {
            match socket {
                AnySocket::Stream(stream) => stream.machine.resume(),
                AnySocket::Udp(udp) => udp.suspended = false,
                AnySocket::Server(server) => server.suspended = false,
                AnySocket::Operation(_) | AnySocket::Broken(_) => {}
            }
            socket.schedule(id, context);
        });
    }

    /// setOptions(): a UDP socket takes `udp`, the others take `stream` (R-live).
    pub fn change(&mut self, id: Id, changes: &Changes) -> Result<(), SocketError> {
        let changed = self.with(id, |socket, id, context| match (socket, changes) {
            (AnySocket::Stream(socket), Changes::Stream(changes)) => socket.change(changes, id, context),
            (AnySocket::Server(server), Changes::Stream(changes)) => server.change(changes),
            (AnySocket::Udp(socket), Changes::Udp(changes)) => socket.change(changes),
            _ => Err(SocketError::Closed { member: "setOptions" }),
        });
        self.deliver_relay_signals();
        changed.unwrap_or(Err(SocketError::Closed { member: "setOptions" }))
    }

    /// `certificateFor` has answered a question of a server or of startTls(). `None`: the options' own certificate. It is an error if the
    /// certificate cannot be used. Then the question stays open.
    pub fn answer_question(
        &mut self,
        id: Id,
        question: u32,
        given: Option<&GivenCertificate>,
    ) -> Result<(), SocketError> {
        let answered = self.with(id, |socket, _, _| match socket {
            AnySocket::Server(server) => server.answer(question, given),
            AnySocket::Stream(stream) => stream.answer(question, given),
            _ => Ok(()),
        });
        answered.unwrap_or(Ok(()))
    }

    /// `certificateFor` has failed to answer a question, for this `reason`. Returns how many handshakes fail.
    pub fn refuse_question(&mut self, id: Id, question: u32, reason: &str) -> u32 {
        let refused = self.with(id, |socket, id, context| match socket {
            AnySocket::Server(server) => server.refuse_question(question, reason, id, context),
            AnySocket::Stream(stream) => stream.refuse(question, reason),
            _ => 0,
        });
        refused.unwrap_or(0)
    }

    /// An open socket. `None`: there is no such socket.
    fn socket(&self, id: Id) -> Option<&AnySocket> {
        self.sockets.get(id.index()).filter(|entry| entry.id == id).map(|entry| &entry.socket)
    }

    /// `readyState`.
    pub fn ready_state(&self, id: Id) -> ReadyState {
        match self.socket(id) {
            Some(AnySocket::Stream(stream)) => stream.machine.state(),
            Some(AnySocket::Udp(udp)) if !udp.is_closed() => ReadyState::Open,
            Some(AnySocket::Server(server)) if !server.is_closed() => ReadyState::Open,
            _ => ReadyState::Closed,
        }
    }

    /// Whether this is a UDP socket.
    pub fn is_udp(&self, id: Id) -> bool {
        matches!(self.socket(id), Some(AnySocket::Udp(_)))
    }

    /// `bufferedAmount`.
    pub fn buffered_amount(&self, id: Id) -> u32 {
        match self.socket(id) {
            Some(AnySocket::Stream(stream)) => stream.machine.ledger.buffered_amount(),
            Some(AnySocket::Udp(udp)) => udp.ledger.buffered_amount(),
            _ => 0,
        }
    }

    /// What a socket has moved so far.
    pub fn figures(&self, id: Id) -> Figures {
        match self.socket(id) {
            Some(AnySocket::Stream(stream)) => stream.figures(),
            Some(AnySocket::Udp(udp)) => udp.figures(),
            _ => self.removed_udp(id).map(|removed| removed.figures).unwrap_or_default(),
        }
    }

    /// How many datagrams the system has dropped for a UDP socket because its receive buffer was full.
    pub fn dropped(&self, id: Id) -> u64 {
        match self.socket(id) {
            Some(AnySocket::Udp(udp)) => udp.dropped(),
            _ => self.removed_udp(id).map_or(0, |removed| removed.dropped),
        }
    }

    /// What is left of a UDP socket, if it is the last one that was removed.
    fn removed_udp(&self, id: Id) -> Option<RemovedUdp> {
        self.removed.filter(|removed| removed.id == id)
    }

    /// A server's `connections`.
    pub fn connections(&self, id: Id) -> u32 {
        match self.socket(id) {
            Some(AnySocket::Server(server)) => server.permits.open(),
            _ => 0,
        }
    }

    /// close(). Returns true if the socket does not exist any more.
    pub fn close(&mut self, id: Id) -> bool {
        let gone = self.with(id, |socket, id, context| {
            hooks::pass("closing");
            match socket {
                AnySocket::Stream(stream) => {
                    stream.close(id, context);
                    false
                }
                AnySocket::Udp(udp) => udp.close(id, context),
                AnySocket::Server(server) => server.close(id, context),
                AnySocket::Operation(_) => true,
                AnySocket::Broken(_) => false,
            }
        });
        self.deliver_relay_signals();
        self.remove_if_gone(id, gone)
    }

    /// `shutdown(id)`: closes a server, but lets its handshakes go on. Returns true if nothing is left to do. The id is then gone.
    pub fn shut_down(&mut self, id: Id) -> bool {
        let gone = self.with(id, |socket, id, context| match socket {
            AnySocket::Server(server) => server.shut_down(id, context),
            _ => false,
        });
        self.remove_if_gone(id, gone)
    }

    /// Removes a closed socket that has nothing left to do. `gone` is `None` if its code has panicked.
    fn remove_if_gone(&mut self, id: Id, gone: Option<bool>) -> bool {
        match gone {
            Some(true) => {
                self.remove(id);
                true
            }
            Some(false) => false,
            // A socket whose code has just panicked still exists, to emit its error.
            None => self.owner(id).is_none(),
        }
    }
}
