//! Gives queued datagrams to the system, and reports what the system says about them.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use mio::Interest;

use super::{FLUSH_COUNT, UdpSocket};
use crate::net::context::Context;
use crate::net::deadline::DeadlineKind;
use crate::net::errno::{self, Errno};
use crate::net::sys::{self, Origin, Outgoing};
use crate::net::syscall::Syscall;
use crate::net::{Id, SocketError, ip_address};

/// The time before the next try, if the system had no buffer and does not report when it has one again.
const NO_BUFFER_PAUSE: Duration = Duration::from_millis(5);

impl UdpSocket {
    /// Gives datagrams to the system until the queue is empty or the system takes no more.
    pub(super) fn flush(&mut self, id: Id, context: &mut Context) {
        let mut segment = self.may_segment;
        // The error of the last try to send the first datagram of a connected socket. None: it was not tried yet.
        let mut tried: Option<Errno> = None;
        loop {
            let Some(Outgoing { to, origin, .. }) = self.queue.ready(1).next() else { return };
            let (origin, is_connected) = (origin.copied(), self.peer.is_some());
            match context.batches.send(&self.socket, self.queue.ready(FLUSH_COUNT), segment, is_connected) {
                Ok(sent) => {
                    tried = None;
                    for _ in 0..sent {
                        let popped = self.queue.pop();
                        self.figures.written += popped.bytes;
                        self.ledger.wrote(popped.bytes, popped.from_blobs);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.set_blocked(true, id, context);
                    return;
                }
                Err(error) if errno::is_resource_shortage(&error) => {
                    self.blocked = true;
                    context.timers.set(id, DeadlineKind::Send, Instant::now(), NO_BUFFER_PAUSE);
                    return;
                }
                Err(error) if segment && (!is_connected || is_of_segmentation(&error)) => {
                    // From here on the datagrams are sent one by one, to find the one that failed. EIO and EINVAL mean that this route can
                    // never send runs of datagrams as one message. (With an origin, EINVAL may also mean that the origin is wrong.)
                    segment = false;
                    self.may_segment &= origin.is_some() || !matches!(Errno::of(&error), Errno::EIO | Errno::EINVAL);
                }
                Err(error) => {
                    let errno = Errno::of(&error);
                    if tried != Some(errno) {
                        let error = if let Some(origin) = origin { of_origin(origin, error) } else { error };
                        self.fail(SocketError::system_at(Syscall::Send, ip_address::canonical(to), error));
                    }
                    // On a connected socket the error may be the answer to an earlier datagram. The call has then sent nothing, so this
                    // datagram is tried once more. Otherwise only this datagram is lost: the next one may succeed (R-udp-neterr).
                    if is_connected && tried.is_none() {
                        tried = Some(errno);
                        continue;
                    }
                    tried = None;
                    let popped = self.queue.pop();
                    self.ledger.wrote(popped.bytes, popped.from_blobs);
                }
            }
        }
    }

    /// The poll set reports an error on a connected socket: the peer, or a host on the way, has refused a datagram (R-udp-connected). It is
    /// reported with or without a listener for datagrams.
    pub(super) fn take_refusal(&mut self) {
        if let (Some(peer), Ok(Some(error))) = (self.peer, self.socket.take_error()) {
            self.fail(SocketError::system_at(Syscall::Send, peer.address(), sys::refusal(error)));
        }
    }

    /// Sets `blocked`. The socket is watched for room to write only while it is true. Otherwise each datagram that leaves would wake the
    /// thread.
    pub(super) fn set_blocked(&mut self, blocked: bool, id: Id, context: &mut Context) {
        self.blocked = blocked;
        context.timers.clear(id, DeadlineKind::Send);
        let interest = if blocked { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        if context.registry.reregister(&mut self.socket, id.token(), interest).is_err() {
            // The system has no memory to watch the socket, so a deadline starts the next try.
            context.timers.set(id, DeadlineKind::Send, Instant::now(), NO_BUFFER_PAUSE);
        }
    }
}

/// Whether an error may mean that the route cannot send runs of datagrams as one message.
fn is_of_segmentation(error: &io::Error) -> bool {
    matches!(Errno::of(error), Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE)
}

/// The error of a datagram with an origin. If the host does not have the address, Linux reports EINVAL or ENETUNREACH, which does not say
/// so. Only bind(2) does.
fn of_origin(origin: Origin, error: io::Error) -> io::Error {
    let Origin { address, interface, .. } = origin;
    if address.is_unspecified() || !matches!(Errno::of(&error), Errno::EINVAL | Errno::ENETUNREACH) {
        return error;
    }
    let bound = match address {
        IpAddr::V4(ip) => std::net::UdpSocket::bind((ip, 0)),
        IpAddr::V6(ip) => std::net::UdpSocket::bind(SocketAddrV6::new(ip, 0, 0, interface)),
    };
    match bound {
        Err(not_available) if not_available.kind() == ErrorKind::AddrNotAvailable => not_available,
        _ => error,
    }
}
