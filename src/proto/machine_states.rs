//! The states that the machine consists of. [`super::Machine`] changes them; this file has no rules.

/// The state of the connection that the socket uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The connection attempt is under way.
    Connecting,
    /// The connection is established. [`super::Event::Open`] is due.
    Connected,
    /// The connection is established, and [`super::Event::Open`] was emitted or is not needed.
    Up,
    /// The socket does not need a connection any more, because the connection failed, was lost, was abandoned or has ended.
    Gone,
}

/// One direction of the connection: incoming (the peer sends) or outgoing (we send).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectionState {
    /// More bytes may follow.
    Flowing,
    /// Incoming: the peer's FIN has arrived, but is not reported to the listeners yet. Outgoing: FIN is to follow our last byte.
    Ending,
    /// Incoming: the peer's end was reported. Outgoing: FIN was sent.
    Ended,
}

/// Whether the application wants [`super::Event::Finish`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishRequest {
    /// [`super::Event::Finish`] was not requested, or it was emitted.
    None,
    /// [`super::Event::Finish`] was requested. FIN was not sent yet.
    Waiting,
    /// [`super::Event::Finish`] was requested, and FIN was sent. So the event is due.
    Due,
}

/// Whether relay() was called (R-relay).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayState {
    /// relay() was not called. Received bytes and events go to the listeners.
    Off,
    /// Received bytes go to the other socket of the relay. The listeners get none of them.
    Forwarding,
    /// As `Forwarding`, and FIN was also sent to the other socket's peer.
    EndForwarded,
}
