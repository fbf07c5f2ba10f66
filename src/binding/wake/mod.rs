//! Wake sources: each watches the poll set and says when a turn is due. What a turn does is the same for all.

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

use super::env::{Env, Value};
use crate::net::{SocketError, Syscall};
pub use turns::{Turns, Wake};

/// Which wake source an environment uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// libuv watches the set: Node and Electron on Unix.
    Uv,
    /// A task of the tokio runtime watches the set: where there is no libuv, on Linux.
    Tokio,
    /// A thread waits on the set: everywhere else.
    Thread,
}

impl Source {
    /// The wake source of this name in `attach()`; `None` where there is none.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "uv" => Some(Self::Uv),
            "tokio" => Some(Self::Tokio),
            "thread" => Some(Self::Thread),
            _ => None,
        }
    }
}

/// Starts a wake source for the environment `turns`. It ends when the environment does. `options` is what `attach()` was given. Where
/// `source` is libuv, and the process has none or another one than the runtime's own, the source is the one for runtimes without libuv.
pub fn start<'scope>(
    source: Source,
    turns: &(impl Turns + 'static),
    env: Env<'scope>,
    options: Value<'scope>,
) -> Result<Box<dyn Wake>, SocketError> {
    let failed = |error| SocketError::system(Syscall::CreatePollSet, error);
    match source {
        #[cfg(unix)]
        Source::Uv => match uv::start(turns, env, options).map_err(failed)? {
            Some(wake) => Ok(wake),
            None => start(if cfg!(target_os = "linux") { Source::Tokio } else { Source::Thread }, turns, env, options),
        },
        #[cfg(target_os = "linux")]
        Source::Tokio => interrupt::start(turns, env, options, |net, gate| {
            one_shot::OneShot::new(net, gate).map(|watch| Box::new(watch) as _)
        })
        .map_err(failed),
        _ => {
            let thread = waiting_thread::WaitingThread::start()?;
            interrupt::start(turns, env, options, |_, gate| Ok(Box::new(thread.watch(gate)) as _)).map_err(failed)
        }
    }
}
