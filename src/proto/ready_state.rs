/// The draft's `ReadyState`. The numbers cross to JavaScript (docs/binding.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReadyState {
    /// The connection is not yet established.
    Connecting = 0,
    /// Data can be sent and received.
    Open = 1,
    /// Going through the closing handshake.
    Closing = 2,
    /// Closed, or never opened.
    Closed = 3,
    /// Our end has been closed: nothing more can be sent, data still comes.
    HalfClosed = 4,
}
