//! The numbers of docs/binding.md, but for the events' kinds (`events.rs`).

/// What a send returns where the socket is not "open".
pub const NOT_OPEN: i32 = -1;

/// What a UDP send returns where the socket has closed itself. (0 and 1 are send()'s false and true.)
pub const ENDED: i32 = 2;

/// The bit of `listen()` for `message`, or for a server's `connect`.
pub const DATA_BIT: u32 = 1;

/// The bit of `listen()` for `halfclose`.
pub const HALF_CLOSE_BIT: u32 = 2;

/// The bit of `listen()` that asks for the peer's end also where no `halfclose` fires.
pub const END_BIT: u32 = 4;
