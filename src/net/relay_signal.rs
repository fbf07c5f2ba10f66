/// What one socket of a relay reports to the other (R-relay). `Net` delivers it: no socket knows the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelaySignal {
    /// There is room for more bytes again.
    Room,
    /// The peer has ended its direction: FIN is to follow what was passed on.
    Ended,
    /// FIN has gone out, for an `Ended` before it.
    EndPassed,
    /// close() was called.
    Closed,
    /// The connection is lost.
    Lost,
    /// reset() was called.
    Reset,
}
