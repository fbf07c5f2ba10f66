//! Short datagrams: JavaScript gets those of one batch at once, in memory that both halves use, and takes them one by one.
//!
//! JavaScript counts those that it has taken. Each call of a function of this addon first reads the count, so that `net` knows what was taken
//! before it does anything. After the call the rest is revoked, if it is not what `next()` would return any more.

use std::net::SocketAddr;

use super::Environment;
use crate::binding::env::Env;
use crate::binding::package_instance::SHORT_DATAGRAM;
use crate::net::{Event, Id, Net, Payload};

/// The datagrams that JavaScript has.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    /// The socket.
    id: Id,
    /// The package instance that has the datagrams.
    owner: u32,
    /// How many they are.
    count: u32,
    /// How many `net` knows to be taken.
    taken: u32,
}

impl Environment {
    /// Sets whether JavaScript can take several datagrams before `serve()` returns. If it cannot, it gets them one by one.
    pub fn take_several(&self, can: bool) {
        self.takes_several.set(can);
    }

    /// If the datagram of `event` is short and came over IPv4, gives it to JavaScript, together with those behind it that also are. Returns
    /// how many.
    pub fn give_short_datagrams(
        &self,
        env: Env<'_>,
        event: &Event,
        payload: Payload,
        from: &SocketAddr,
    ) -> Option<u32> {
        let Payload::ReadBuffer { len: ..=SHORT_DATAGRAM, .. } = payload else { return None };
        let &SocketAddr::V4(from) = from else { return None };
        let give = |net: &mut Net| {
            self.instance(event.owner, |instance| {
                instance.write_datagram(env, 0, from, net.received(payload));
                let mut count = 1;
                let most = if self.takes_several.get() { usize::MAX } else { 0 };
                for (from, bytes) in net.upcoming_datagrams(event.id).take(most) {
                    match from {
                        SocketAddr::V4(from) if bytes.len() <= SHORT_DATAGRAM => {
                            instance.write_datagram(env, count, from, bytes);
                        }
                        _ => break,
                    }
                    count += 1;
                }
                instance.set_taken_datagrams(env, Some(1));
                count as u32
            })
        };
        let count = self.net(give).flatten()?;
        if count > 1 {
            self.ahead.set(Some(Ahead { id: event.id, owner: event.owner, count, taken: 1 }));
        }
        Some(count)
    }

    /// Counts the datagrams that JavaScript has taken since the last call.
    pub fn count_taken(&self, env: Env<'_>) {
        let Some(ahead) = self.ahead.get() else { return };
        let taken = self.instance(ahead.owner, |instance| instance.taken_datagrams(env)).flatten();
        // The count is in memory that a program may have changed.
        let taken = taken.unwrap_or(0).clamp(ahead.taken, ahead.count);
        if taken > ahead.taken {
            self.ahead.set(Some(Ahead { taken, ..ahead }));
            self.events_taken.set(self.events_taken.get() + (taken - ahead.taken) as usize);
            self.net(|net| net.take_upcoming_datagrams(ahead.id, (taken - ahead.taken) as usize));
        }
    }

    /// Runs after each call of a turn. Revokes the datagrams that are left, if other events come first now, or if the program wants none.
    pub(super) fn check_ahead(&self, env: Env<'_>) {
        let Some(ahead) = self.ahead.get() else { return };
        if self.net(|net| net.has_upcoming_datagrams(ahead.id)) != Some(true) {
            self.revoke(env, ahead);
        }
    }

    /// Revokes the datagrams that JavaScript has not taken.
    pub(super) fn end_ahead(&self, env: Env<'_>) {
        self.count_taken(env);
        if let Some(ahead) = self.ahead.get() {
            self.revoke(env, ahead);
        }
    }

    fn revoke(&self, env: Env<'_>, ahead: Ahead) {
        self.ahead.set(None);
        self.instance(ahead.owner, |instance| instance.set_taken_datagrams(env, None));
    }
}
