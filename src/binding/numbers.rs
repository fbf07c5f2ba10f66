//! The numbers of docs/binding.md: the results of functions, and the defaults of absent options. The numbers of the event kinds are in
//! `events.rs`.

/// What a send returns if the socket is not "open".
pub const NOT_OPEN: i32 = -1;

/// What a UDP send returns if the socket has closed itself. (0 and 1 mean that send() returns false or true.)
pub const ENDED: i32 = 2;

/// The bit in `listen()` that says: there is a listener for `message`, or for a server's `connect`.
pub const DATA_BIT: u32 = 1;

/// The bit in `listen()` that says: there is a listener for `halfclose`.
pub const HALF_CLOSE_BIT: u32 = 2;

/// The bit in `listen()` that asks for an event at the peer's end even if no `halfclose` fires.
pub const END_BIT: u32 = 4;

/// The default of `highWaterMark`, in bytes.
pub const HIGH_WATER_MARK: u32 = 64 * 1024;

/// The default of a stream socket's `maxBufferedAmount`, in bytes.
pub const TCP_MAX_BUFFERED_AMOUNT: u32 = 256 * 1024 * 1024;

/// The default of a UDP socket's `maxBufferedAmount`, in bytes.
pub const UDP_MAX_BUFFERED_AMOUNT: u32 = 64 * 1024 * 1024;

/// The default of `closeTimeout`, in milliseconds.
pub const CLOSE_TIMEOUT: u32 = 30_000;

/// The default of a server's `handshakeTimeout`, in milliseconds.
pub const HANDSHAKE_TIMEOUT: u32 = 10_000;

/// The default time limit of a handshake that startTls() begins, in milliseconds (R-tls-start).
pub const START_TLS_TIMEOUT: u32 = 10_000;

/// The default of `backlog`: how many connections may wait to be accepted.
pub const BACKLOG: u32 = 511;
