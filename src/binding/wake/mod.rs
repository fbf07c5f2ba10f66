//! Wake sources. Each one watches the poll set and starts a turn when one is due. Turns themselves are the same for all wake sources.

mod busy_poll;
mod gate;
mod interrupt;
#[cfg(target_os = "linux")]
mod one_shot;
mod turns;
#[cfg(unix)]
mod uv;
#[cfg(unix)]
mod uv_handles;
mod waiting_thread;

use std::time::Duration;

use super::env::{Env, Value};
use crate::net::{SocketError, Syscall};
pub use turns::{Turns, Wake};

/// Which wake source an environment uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// libuv watches the set. Node and Electron use this on Unix.
    Uv,
    /// A task of the tokio runtime watches the set. Runtimes without libuv use this on Linux.
    Tokio,
    /// A thread waits on the set. This is used everywhere else.
    Thread,
}

impl Source {
    /// The wake source with this name in `attach()`; `None` if no wake source has this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "uv" => Some(Self::Uv),
            "tokio" => Some(Self::Tokio),
            "thread" => Some(Self::Thread),
            _ => None,
        }
    }
}

/// Starts a wake source for the environment `turns`. The wake source ends with the environment. `options` is the argument of `attach()`. If
/// `source` is [`Source::Uv`], but the process has no libuv or has one that is not the runtime's own, the wake source for runtimes without
/// libuv is started instead.
pub fn start<'scope>(
    source: Source,
    turns: &(impl Turns + 'static),
    env: Env<'scope>,
    options: Value<'scope>,
) -> Result<Box<dyn Wake>, SocketError> {
    let failed = |error| SocketError::system(Syscall::CreatePollSet, error);
    // TCP_UDP_SOCKETS_BUSY_POLL. `None`: the program leaves that to the wake source.
    let limit = env.to_optional_u32(env.get(options, c"busyPoll")).map(|limit| Duration::from_micros(limit.into()));
    match source {
        #[cfg(unix)]
        Source::Uv => match uv::start(turns, env, options, limit).map_err(failed)? {
            Some(wake) => Ok(wake),
            None => start(if cfg!(target_os = "linux") { Source::Tokio } else { Source::Thread }, turns, env, options),
        },
        #[cfg(target_os = "linux")]
        Source::Tokio => interrupt::start(turns, env, options, limit, |net, gate| {
            one_shot::OneShot::new(net, gate).map(|watch| Box::new(watch) as _)
        })
        .map_err(failed),
        _ => {
            let thread = waiting_thread::WaitingThread::start()?;
            interrupt::start(turns, env, options, limit, |_, gate| Ok(Box::new(thread.watch(gate)) as _))
                .map_err(failed)
        }
    }
}
