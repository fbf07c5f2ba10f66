//! What the constructors take, converted and not yet checked.

use super::tls::SecureOptions;

/// What every TCP socket has, an accepted one from its server.
#[derive(Clone, Copy, Debug)]
pub struct StreamOptions {
    /// TCP_NODELAY; absent: on (R-tcp-nodelay), if the system has it.
    pub no_delay: Option<bool>,
    /// Keep-alive probes after this many milliseconds of silence; absent or 0: none.
    pub keep_alive_delay: Option<u32>,
    /// What a peer's FIN does; absent: decided by the presence of a `halfclose` listener.
    pub allow_half_open: Option<bool>,
    /// closeTimeout in milliseconds: how long a closing flush may go without an acknowledged byte; 0: no limit (R-tcp-close).
    pub close_timeout: u32,
    /// send() returns false above this many bytes.
    pub high_water_mark: u32,
    /// "The buffer is full" above this many bytes.
    pub max_buffered_amount: u32,
}

/// Bytes that the system may buffer for a socket; absent: as many as it likes.
#[derive(Clone, Copy, Debug, Default)]
pub struct BufferSizes {
    /// SO_SNDBUF.
    pub send: Option<u32>,
    /// SO_RCVBUF.
    pub receive: Option<u32>,
}

/// Of a TCPSocket.
#[derive(Clone, Debug)]
pub struct TcpOptions {
    /// IP literal.
    pub remote_address: String,
    /// 1–65535.
    pub remote_port: u16,
    /// IP literal to bind to.
    pub local_address: Option<String>,
    /// Port to bind to; 0 is any.
    pub local_port: Option<u16>,
    /// One of several attempts that are made from the same local port (SO_REUSEADDR).
    pub shares_local_port: bool,
    /// IPV6_V6ONLY; absent: off, if the system can do without it.
    pub ipv6_only: Option<bool>,
    /// SO_SNDBUF and SO_RCVBUF.
    pub buffers: BufferSizes,
    /// connectTimeout in milliseconds: TCP's and TLS's handshakes together; 0: none; absent: the system's.
    pub connect_timeout: Option<u32>,
    /// TLS, where it is asked for.
    pub secure: Option<SecureOptions>,
    /// The rest.
    pub stream: StreamOptions,
}

/// Of a TCPServerSocket.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// IP literal to listen on.
    pub local_address: Option<String>,
    /// Port to listen on; absent or 0 is any.
    pub local_port: Option<u16>,
    /// IPV6_V6ONLY; absent: off, if the system can do without it.
    pub ipv6_only: Option<bool>,
    /// SO_REUSEPORT: several servers share the connections.
    pub reuse_port: bool,
    /// Connections that may wait to be accepted.
    pub backlog: u32,
    /// Accepted sockets that may be open at once; absent: any number.
    pub max_connections: Option<u32>,
    /// handshakeTimeout in milliseconds; 0: none.
    pub handshake_timeout: u32,
    /// TLS, where it is asked for.
    pub secure: Option<SecureOptions>,
    /// Applied to every accepted socket.
    pub stream: StreamOptions,
}

/// Of a UDPSocket.
#[derive(Clone, Debug)]
pub struct UdpOptions {
    /// IP literal to bind to.
    pub local_address: Option<String>,
    /// Port to bind to; absent or 0 is any.
    pub local_port: Option<u16>,
    /// Default destination's IP literal.
    pub remote_address: Option<String>,
    /// SO_REUSEADDR, where a port is given (R-udp-reuse); absent: on, if the system has it.
    pub address_reuse: Option<bool>,
    /// SO_REUSEPORT: several sockets share the datagrams.
    pub reuse_port: bool,
    /// Multicast that we send comes back to this host (R-udp-loop); absent: off, if the system has the option.
    pub loopback: Option<bool>,
    /// SO_BROADCAST.
    pub broadcast: bool,
    /// IPV6_V6ONLY; absent: off, if the system can do without it.
    pub ipv6_only: Option<bool>,
    /// Hops of unicast datagrams; absent: the system's.
    pub time_to_live: Option<u8>,
    /// Hops of multicast datagrams; absent: 1.
    pub multicast_time_to_live: Option<u8>,
    /// Where multicast leaves: an address or the name of an interface, or an IPv6 zone.
    pub multicast_interface: Option<String>,
    /// SO_SNDBUF and SO_RCVBUF.
    pub buffers: BufferSizes,
    /// send() returns false above this many bytes.
    pub high_water_mark: u32,
    /// "The buffer is full" above this many bytes that the system did not take.
    pub max_buffered_amount: u32,
}
