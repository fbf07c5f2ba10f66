//! The types that the machine takes and returns: its events, the result of a send(), and what a stream does with received bytes.

/// An event that a stream socket reports to its listeners. [`super::Machine::next`] returns the events in the order in which they are emitted.
/// `E` is the error type.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<E> {
    /// The connection is established.
    Open,
    /// The peer sends no more; we can go on sending.
    HalfClose,
    /// The peer sends no more, and closing begins. Emitted only if it was requested ([`super::Machine::request_end`]).
    Ended,
    /// bufferedAmount is back at 0 after a send() that returned false.
    Drain,
    /// The attempt failed (before [`Event::Open`]), or the connection was lost (then [`Event::Close`] follows).
    Error(E),
    /// The system has our last byte, and FIN follows that byte. Emitted once after each request ([`super::Machine::request_finish`]).
    Finish,
    /// The connection has ended.
    Close,
}

/// The result of a send().
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The bytes are accepted and counted: queue or write them. The flag is what send() returns.
    Accepted(bool),
    /// The connection is lost, and the error is not emitted yet: send() drops the bytes, returns false, and leaves bufferedAmount as it is.
    Ignored,
    /// The buffer is full. The machine has closed itself; reset the connection (R-tcp-full).
    Full,
    /// readyState is not "open": send() throws an InvalidStateError.
    NotOpen,
}

/// What a stream does with the bytes that the socket receives (R-streams).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Intake {
    /// The bytes are delivered.
    #[default]
    Flowing,
    /// The stream reads the bytes into memory of its own. The socket only reports that there are some, and then the intake is `Held`.
    Direct,
    /// The stream's buffer has reached its high-water mark. The bytes stay in the system's buffer. After a loss they are delivered all the
    /// same, so that the loss does not overtake them.
    Held,
    /// The stream was cancelled. The bytes are read and dropped.
    Dropped,
}
