//! The datagrams that come next in this turn. The binding gives several to JavaScript at once, and reports how many JavaScript has taken.

use std::net::SocketAddr;

use super::Net;
use crate::net::Id;
use crate::net::any_socket::AnySocket;

impl Net {
    /// The datagrams that `next` would return from now on, one by one, if no call changed the socket. They stay where they are.
    pub fn upcoming_datagrams(&self, id: Id) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let entry = self.sockets.get(id.index()).filter(|entry| entry.id == id);
        let udp = entry.and_then(|entry| match &entry.socket {
            AnySocket::Udp(udp) => Some(udp),
            _ => None,
        });
        udp.into_iter().flat_map(|udp| udp.upcoming(&self.context))
    }

    /// Whether `next` would return one of these datagrams now.
    pub fn has_upcoming_datagrams(&self, id: Id) -> bool {
        self.upcoming_datagrams(id).next().is_some()
    }

    /// JavaScript has taken the next `count` datagrams of a socket. They count as events that `next` has returned.
    pub fn take_upcoming_datagrams(&mut self, id: Id, count: usize) {
        self.exchange.note_datagrams(count);
        let was_last = self.udp(id, |udp, context| udp.take_upcoming(count, context));
        if was_last == Some(true) && self.ready_queue.front() == Some(&id) {
            self.end_share(id, false);
        }
    }
}
