//! What wake sources and environments need of each other. Neither knows more of the other than this.

use crate::binding::env::Env;
use crate::net::Net;

/// What a wake source needs of the environment that it wakes.
pub trait Turns {
    /// Takes a turn: JavaScript gets the events, and what it sends goes to the system. `ask`: whether to ask the poll set what is ready.
    /// Returns whether there was an event.
    fn turn(&self, env: Env<'_>, ask: bool) -> bool;

    /// Takes a turn from the bottom of the stack, where no handle scope is open yet. `ask`: as for [`Self::turn`].
    #[cfg_attr(not(unix), allow(dead_code, reason = "only the wake source uv calls it, which is Unix's"))]
    fn turn_in_scope(&self, ask: bool);

    /// Runs `f` on the sockets; `None` where there are none any more.
    fn net<T>(&self, f: impl FnOnce(&mut Net) -> T) -> Option<T>;

    /// Whether JavaScript was terminated in a turn, so that none may run any more.
    fn is_terminated(&self) -> bool;

    /// The environment ends, and its sockets with it.
    fn end(&self);
}

/// What an environment needs of its wake source.
pub trait Wake {
    /// Asks for a turn soon: there is something to do that the poll set does not report.
    fn need_turn(&self, env: Env<'_>);

    /// Whether the process is to stay alive for the sockets.
    fn keep_alive(&self, env: Env<'_>, stay: bool);

    /// Whether turns run with no JavaScript below them on the stack, so that Node runs microtasks after each event.
    fn is_at_bottom(&self) -> bool;
}
