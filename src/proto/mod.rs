//! The rules: which readyState a stream socket has and which event comes next, how bufferedAmount is counted, where a
//! frame ends, and what is an address.
//!
//! Nothing here does I/O, reads a clock or knows Node-API. Tests drive these types with plain calls.

mod address;
mod event;
mod framing;
mod ledger;
mod machine;
mod machine_states;
mod ready_state;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod ledger_operations;
#[cfg(test)]
mod ledger_tests;
#[cfg(test)]
mod machine_end_tests;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod machine_operations;
#[cfg(test)]
mod machine_page_tests;
#[cfg(test)]
mod machine_random_tests;
#[cfg(test)]
mod machine_stream_tests;
#[cfg(test)]
mod machine_tests;
#[cfg(any(test, feature = "fuzzing"))]
mod machine_watch;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod random;

pub use address::{AddressError, Literal, needs_zone};
pub use event::{Event, Intake, Sent};
pub use framing::{Boundary, Frame, FrameFault, Framing};
pub use ledger::Ledger;
pub use machine::Machine;
pub use ready_state::ReadyState;
