//! The two interfaces between a wake source and its environment. Neither side knows more of the other.

use crate::binding::env::Env;
use crate::net::Net;

/// What a wake source needs of the environment that it wakes.
pub trait Turns {
    /// Takes a turn: JavaScript takes the events, and `net` writes what JavaScript sends. `ask`: whether to ask the poll set which sockets
    /// are ready. Returns whether there was an event.
    fn turn(&self, env: Env<'_>, ask: bool) -> bool;

    /// Takes a turn with no JavaScript below it on the stack, where no handle scope is open yet. `ask`: as for [`Self::turn`].
    #[cfg_attr(not(unix), allow(dead_code, reason = "only the wake source uv calls it, which is Unix's"))]
    fn turn_in_scope(&self, ask: bool);

    /// Runs `f` on the sockets. Returns `None` if there are no sockets any more.
    fn net<T>(&self, f: impl FnOnce(&mut Net) -> T) -> Option<T>;

    /// Whether JavaScript was terminated in a turn. If so, no JavaScript may run any more.
    fn is_terminated(&self) -> bool;

    /// Ends all sockets, because the environment ends.
    fn end(&self);
}

/// What an environment needs of its wake source.
pub trait Wake {
    /// Asks for a turn soon, because there is work that the poll set does not report.
    fn need_turn(&self, env: Env<'_>);

    /// Sets whether the process stays alive for the sockets.
    fn keep_alive(&self, env: Env<'_>, stay: bool);

    /// Whether turns run with no JavaScript below them on the stack. Node then runs microtasks after each event.
    fn is_at_bottom(&self) -> bool;
}
