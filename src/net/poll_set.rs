//! The poll set of an environment. `turn.rs` asks it at the beginning of each turn. The wake source "thread" waits on it in between.

use std::io;
use std::time::Duration;

use mio::{Events, Poll};

/// A poll set, and the room for its reports.
pub struct PollSet {
    /// The system's poll set.
    pub poll: Poll,
    /// The reports of the last wait.
    pub events: Events,
}

impl PollSet {
    /// Waits until a registered socket is ready, or until `limit` is over. `None`: without a limit.
    pub fn wait(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.poll.poll(&mut self.events, limit)
    }
}
