//! The states of a socket, with their numbers. `machine.rs` decides when a stream socket changes its state.

/// The draft's `ReadyState`. JavaScript receives the states as these numbers (docs/binding.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReadyState {
    /// The connection is not yet established.
    Connecting = 0,
    /// Data can be sent and received.
    Open = 1,
    /// The closing handshake is under way.
    Closing = 2,
    /// The connection has ended, or was never established.
    Closed = 3,
    /// We have ended our direction: nothing more can be sent, but data can be received.
    HalfClosed = 4,
}
