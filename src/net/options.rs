//! The options of the constructors, converted to Rust types. Their values are checked where they are used.

use super::tls::SecureOptions;

/// The options of a connection. An accepted socket has the options of its server.
#[derive(Clone, Copy, Debug)]
pub struct StreamOptions {
    /// TCP_NODELAY. None: on if the system has the option (R-tcp-nodelay). Unix sockets have no such option.
    pub no_delay: Option<bool>,
    /// The silence before the first keep-alive probe, in milliseconds. None or 0: no probes. Unix sockets have no such option.
    pub keep_alive_delay: Option<u32>,
    /// Whether the socket stays open for sending after the peer's FIN. None: a `halfclose` listener decides (R-tcp-fin).
    pub allow_half_open: Option<bool>,
    /// closeTimeout in milliseconds: how long a closing flush may go on without an acknowledged byte. 0: no limit (R-tcp-close).
    pub close_timeout: u32,
    /// send() returns false while more than this many bytes are buffered.
    pub high_water_mark: u32,
    /// maxBufferedAmount: the buffer is full above this many bytes (R-tcp-full).
    pub max_buffered_amount: u32,
}

/// How many bytes the system may buffer for a socket.
#[derive(Clone, Copy, Debug, Default)]
pub struct BufferSizes {
    /// SO_SNDBUF in bytes. None: the system's default.
    pub send: Option<u32>,
    /// SO_RCVBUF in bytes. None: the system's default.
    pub receive: Option<u32>,
}

/// The options of a TCPSocket.
#[derive(Clone, Debug)]
pub struct TcpOptions {
    /// The IP literal to connect to.
    pub remote_address: String,
    /// The port to connect to: 1 to 65,535.
    pub remote_port: u16,
    /// The IP literal to bind to. None: the system chooses.
    pub local_address: Option<String>,
    /// The port to bind to. None or 0: the system chooses.
    pub local_port: Option<u16>,
    /// True if connect() makes several attempts from this local port: they need SO_REUSEADDR.
    pub shares_local_port: bool,
    /// IPV6_V6ONLY. None: off if the system has the option.
    pub ipv6_only: Option<bool>,
    /// SO_SNDBUF and SO_RCVBUF.
    pub buffers: BufferSizes,
    /// connectTimeout in milliseconds, for TCP's and TLS's handshakes together. 0: no limit. None: the system's limit.
    pub connect_timeout: Option<u32>,
    /// The options of TLS. None: no TLS.
    pub secure: Option<SecureOptions>,
    /// The options of the connection.
    pub stream: StreamOptions,
}

/// The options of a UnixSocket.
#[derive(Clone, Debug)]
pub struct UnixOptions {
    /// The path to connect to.
    pub path: String,
    /// SO_SNDBUF and SO_RCVBUF.
    pub buffers: BufferSizes,
    /// connectTimeout in milliseconds, with TLS's handshake. 0: no limit. None: the default limits.
    pub connect_timeout: Option<u32>,
    /// The options of TLS. None: no TLS.
    pub secure: Option<SecureOptions>,
    /// The options of the connection.
    pub stream: StreamOptions,
}

/// The options that servers of both families have.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// How many connections may wait to be accepted.
    pub backlog: u32,
    /// How many accepted sockets may be open at once. None: any number.
    pub max_connections: Option<u32>,
    /// handshakeTimeout in milliseconds. 0: no limit.
    pub handshake_timeout: u32,
    /// The options of TLS. None: no TLS.
    pub secure: Option<SecureOptions>,
    /// The options of every accepted socket.
    pub stream: StreamOptions,
}

/// The options of a TCPServerSocket.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The IP literal to listen on. None: all addresses.
    pub local_address: Option<String>,
    /// The port to listen on. None or 0: the system chooses.
    pub local_port: Option<u16>,
    /// IPV6_V6ONLY. None: off if the system has the option.
    pub ipv6_only: Option<bool>,
    /// True: SO_REUSEPORT, so that several servers share the connections of one port.
    pub reuse_port: bool,
    /// The options that a UnixServerSocket has too.
    pub listening: ListenOptions,
}

/// The options of a UnixServerSocket.
#[derive(Clone, Debug)]
pub struct UnixServerOptions {
    /// The path to listen at.
    pub path: String,
    /// The permissions of the socket's file. None: the process's umask decides.
    pub mode: Option<u32>,
    /// The options that a TCPServerSocket has too.
    pub listening: ListenOptions,
}

/// The options of a UDPSocket.
#[derive(Clone, Debug)]
pub struct UdpOptions {
    /// The IP literal to bind to. None: the wildcard address of the remote address's family, or of IPv4.
    pub local_address: Option<String>,
    /// The port to bind to. None or 0: the system chooses.
    pub local_port: Option<u16>,
    /// The default destination's IP literal. None: there is no default destination.
    pub remote_address: Option<String>,
    /// SO_REUSEADDR, which is set only if a port is given (R-udp-reuse). None: on if the system has the option.
    pub address_reuse: Option<bool>,
    /// True: SO_REUSEPORT, so that several sockets share the datagrams of one port.
    pub reuse_port: bool,
    /// Whether this host receives multicast that it sends (R-udp-loop). None: off if the system has the option.
    pub loopback: Option<bool>,
    /// True: SO_BROADCAST.
    pub broadcast: bool,
    /// IPV6_V6ONLY. None: off if the system has the option.
    pub ipv6_only: Option<bool>,
    /// The hops of unicast datagrams. None: the system's default.
    pub time_to_live: Option<u8>,
    /// The hops of multicast datagrams. None: 1.
    pub multicast_time_to_live: Option<u8>,
    /// The interface through which multicast is sent: its address or name, or an IPv6 zone. None: the interface of the address that the
    /// socket is bound to; if that is a wildcard, the system chooses.
    pub multicast_interface: Option<String>,
    /// SO_SNDBUF and SO_RCVBUF.
    pub buffers: BufferSizes,
    /// send() returns false while more than this many bytes are buffered.
    pub high_water_mark: u32,
    /// maxBufferedAmount: the buffer is full above this many bytes that the system has refused (R-udp-full).
    pub max_buffered_amount: u32,
}
