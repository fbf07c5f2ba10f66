//! Where the TLS connections of an environment are driven once their handshakes are done.

use std::thread::available_parallelism;

/// Where the drivers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the JavaScript thread, in its turns. No thread is woken.
    Turn,
    /// In tasks of the shared runtime, beside the JavaScript thread.
    Task,
    /// On the JavaScript thread while a connection moves little, and in a task while it moves much.
    Both,
}

impl Place {
    /// The place with this name in `attach()`; `None` if no place has this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "turn" => Some(Self::Turn),
            "task" => Some(Self::Task),
            "both" => Some(Self::Both),
            _ => None,
        }
    }
}

/// Where the driver of one connection is now, for diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrivenIn {
    /// On the JavaScript thread.
    Turn,
    /// In a task.
    Task,
}

/// Whether this process may use one processor only. Then a task gains nothing.
pub fn has_one_processor() -> bool {
    available_parallelism().is_ok_and(|processors| processors.get() == 1)
}
