//! What each kind of deadline does. Only this file decides that.

use super::Net;
use crate::net::any_socket::AnySocket;
use crate::net::context::Context;
use crate::net::deadline::DeadlineKind;
use crate::net::stream_socket::StreamSocket;
use crate::net::udp_socket::UdpSocket;
use crate::net::{Id, hooks};

impl Net {
    /// Serves the deadlines that have passed.
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

/// Serves one deadline. A kind that does not belong to this kind of socket does nothing.
fn serve(socket: &mut AnySocket, kind: DeadlineKind, id: Id, context: &mut Context) {
    match kind {
        DeadlineKind::Connect => stream(socket, StreamSocket::on_connect_timeout),
        DeadlineKind::Handshake => stream(socket, StreamSocket::on_handshake_timeout),
        DeadlineKind::Retry => stream(socket, |stream| stream.on_retry(id, context)),
        DeadlineKind::Close => stream(socket, |stream| stream.on_close_timeout(id, context)),
        DeadlineKind::Linger => stream(socket, |stream| stream.on_linger_timeout(id, context)),
        DeadlineKind::Idle => stream(socket, |stream| stream.on_idle_timeout(id, context)),
        DeadlineKind::Accept => {
            if let AnySocket::Server(server) = socket {
                server.on_accept_pause_over();
            }
        }
        DeadlineKind::Send => udp(socket, |udp| udp.on_send_pause_over(id, context)),
        DeadlineKind::Receive => udp(socket, UdpSocket::on_receive_pause_over),
        DeadlineKind::Timer => {
            if let AnySocket::Operation(operation) = socket {
                operation.timer_fired();
            }
        }
    }
}

fn stream(socket: &mut AnySocket, serve: impl FnOnce(&mut StreamSocket)) {
    if let AnySocket::Stream(stream) = socket {
        serve(stream);
    }
}

fn udp(socket: &mut AnySocket, serve: impl FnOnce(&mut UdpSocket)) {
    if let AnySocket::Udp(udp) = socket {
        serve(udp);
    }
}
