//! Wake sources: who watches the poll set and says when a turn is due. What a turn does is the same for all.

mod interrupt;
#[cfg(target_os = "linux")]
mod one_shot;
#[cfg(unix)]
mod uv;
#[cfg(unix)]
mod uv_handles;
mod waiting_thread;

use super::environment::Environment;
use crate::net::SocketError;
use crate::net::Syscall;

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
    /// By the name that `attach()` gives.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "uv" => Some(Self::Uv),
            "tokio" => Some(Self::Tokio),
            "thread" => Some(Self::Thread),
            _ => None,
        }
    }
}

/// What the environment asks of its wake source.
pub trait Wake {
    /// Something is to be done that the poll set does not tell of: take a turn soon.
    fn need_turn(&self);

    /// Whether the process is to stay alive for the sockets.
    fn keep_alive(&self, stay: bool);

    /// Whether turns run with no JavaScript below them, so that Node runs microtasks after each event.
    fn is_at_bottom(&self) -> bool;
}

/// Starts the wake source of `environment`. Its end comes with the environment's. Where libuv is asked for and cannot be had, or is
/// not the runtime's own, it is the one of runtimes without.
pub fn start(source: Source, environment: &Environment) -> Result<Box<dyn Wake>, SocketError> {
    let failed = |error| SocketError::system(Syscall::CreatePollSet, error);
    match source {
        #[cfg(unix)]
        Source::Uv => match uv::start(environment).map_err(failed)? {
            Some(wake) => Ok(wake),
            None => start(if cfg!(target_os = "linux") { Source::Tokio } else { Source::Thread }, environment),
        },
        #[cfg(target_os = "linux")]
        Source::Tokio => interrupt::start(environment, |net, gate| {
            one_shot::OneShot::new(net, gate).map(|watch| Box::new(watch) as _)
        })
        .map_err(failed),
        _ => {
            let thread = waiting_thread::WaitingThread::start()?;
            interrupt::start(environment, |_, gate| Ok(Box::new(thread.watch(gate)) as _)).map_err(failed)
        }
    }
}
