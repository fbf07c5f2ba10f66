//! What the two sockets of a relay report to each other. The bytes go another way (`Step::Relayed`, or a relay's task).

/// A message from one socket of a relay to the other (R-relay). `Net` delivers it, since no socket has a reference to the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelaySignal {
    /// There is room for more bytes again.
    Room,
    /// The sender's peer has ended its direction. The receiver is to send FIN after the bytes that it got.
    Ended,
    /// The sender has sent FIN to its peer, as [`RelaySignal::Ended`] asked for.
    EndPassed,
    /// close() was called on the sender.
    Closed,
    /// The sender's connection is lost.
    Lost,
    /// reset() was called on the sender.
    Reset,
}
