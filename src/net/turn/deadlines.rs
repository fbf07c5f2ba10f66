//! What each deadline does: the one place that decides it.

use super::Net;
use crate::net::any_socket::AnySocket;
use crate::net::context::Context;
use crate::net::deadline::DeadlineKind;
use crate::net::{Id, hooks};

impl Net {
    /// Serves the deadlines that have come.
    pub(super) fn serve_deadlines(&mut self) {
        while let Some((id, kind)) = self.context.timers.pop_due() {
            self.with(id, |socket, id, context| {
                hooks::pass("deadline");
                serve(socket, kind, id, context);
                socket.schedule(id, context);
            });
        }
    }
}

fn serve(socket: &mut AnySocket, kind: DeadlineKind, id: Id, context: &mut Context) {
    match (kind, socket) {
        (DeadlineKind::Connect, AnySocket::Tcp(tcp)) => tcp.on_connect_timeout(),
        (DeadlineKind::Handshake, AnySocket::Tcp(tcp)) => tcp.on_handshake_timeout(),
        (DeadlineKind::Close, AnySocket::Tcp(tcp)) => tcp.on_close_timeout(id, context),
        (DeadlineKind::Linger, AnySocket::Tcp(tcp)) => tcp.on_linger_timeout(id, context),
        (DeadlineKind::Accept, AnySocket::Server(server)) => server.on_accept_pause_over(),
        (DeadlineKind::Send, AnySocket::Udp(udp)) => udp.on_send_pause_over(id, context),
        (DeadlineKind::Receive, AnySocket::Udp(udp)) => udp.on_receive_pause_over(),
        (DeadlineKind::Timer, AnySocket::Operation(operation)) => operation.timer_fired(),
        // A kind that this socket does not set: nothing to do.
        _ => {}
    }
}
