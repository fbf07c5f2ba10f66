//! The numbers of docs/binding.md: the results of functions, and the values that mean "option absent". The numbers of the event kinds are in
//! `events.rs`.

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

/// The default of `highWaterMark`, in bytes.
pub const HIGH_WATER_MARK: u32 = 64 * 1024;

/// The default of a TCP socket's `maxBufferedAmount`, in bytes.
pub const TCP_MAX_BUFFERED_AMOUNT: u32 = 256 * 1024 * 1024;

/// The default of a UDP socket's `maxBufferedAmount`, in bytes.
pub const UDP_MAX_BUFFERED_AMOUNT: u32 = 64 * 1024 * 1024;

/// The default of `closeTimeout`, in milliseconds.
pub const CLOSE_TIMEOUT: u32 = 30_000;

/// The default of a server's `handshakeTimeout`, in milliseconds.
pub const HANDSHAKE_TIMEOUT: u32 = 10_000;

/// The default of startTls()'s limit, in milliseconds (R-tls-start).
pub const START_TLS_TIMEOUT: u32 = 10_000;

/// The default of `backlog`, in connections that wait to be accepted.
pub const BACKLOG: u32 = 511;
