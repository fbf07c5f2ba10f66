//! What sockets have moved (R-stats).

/// What a socket has moved so far, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What the program got, or relay() passed on.
    pub read: u64,
    /// What the system took. With TLS, before it was encrypted.
    pub written: u64,
}
