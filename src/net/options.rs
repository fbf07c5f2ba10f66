//! The options of the constructors, converted to Rust types. Their values are checked where they are used.

use std::sync::Arc;

use super::tls::SecureOptions;
use crate::proto::Framing;

/// The options of a connection that TCP and IP have. Unix sockets have none of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NetworkOptions {
    /// TCP_NODELAY. None: on if the system has the option (R-tcp-nodelay).
    pub no_delay: Option<bool>,
    /// The keep-alive probes.
    pub keep_alive: KeepAlive,
    /// TCP_USER_TIMEOUT in milliseconds. 0 or None: the system's own limits.
    pub user_timeout: Option<u32>,
    /// The byte of IP's header that has DSCP and ECN. None: the system's default, 0.
    pub type_of_service: Option<u8>,
}

/// The keep-alive probes of a connection (R-keepalive). None: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeepAlive {
    /// The silence before the first probe, in milliseconds. None or 0: no probes.
    pub delay: Option<u32>,
    /// The time from one unanswered probe to the next, in milliseconds: whole seconds.
    pub interval: Option<u32>,
    /// After so many unanswered probes the connection is lost.
    pub count: Option<u32>,
}

impl KeepAlive {
    /// The name of the first option that is given. None: none is.
    pub fn name(&self) -> Option<&'static str> {
        let delay = self.delay.map(|_| "keepAliveDelay");
        let interval = self.interval.map(|_| "keepAliveInterval");
        delay.or(interval).or(self.count.map(|_| "keepAliveCount"))
    }
}

/// The options of a connection. An accepted socket has the options of its server.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    /// What the system sets for TCP and IP.
    pub network: NetworkOptions,
    /// idleTimeout in milliseconds: the connection is lost if no byte comes or goes for so long. 0: no limit (R-idle).
    pub idle_timeout: u32,
    /// Whether the socket stays open for sending after the peer's FIN. None: a `halfclose` listener decides (R-tcp-fin).
    pub allow_half_open: Option<bool>,
    /// closeTimeout in milliseconds: how long a closing flush may go on without an acknowledged byte. 0: no limit (R-tcp-close).
    pub close_timeout: u32,
    /// send() returns false while more than this many bytes are buffered.
    pub high_water_mark: u32,
    /// maxBufferedAmount: the buffer is full above this many bytes (R-tcp-full).
    pub max_buffered_amount: u32,
    /// The option `framing`. None: bytes are delivered as they come.
    pub framing: Option<Arc<Framing>>,
}

impl StreamOptions {
    /// Changes what is given.
    pub fn change(&mut self, changes: &StreamChanges) {
        let (own, new) = (&mut self.network, &changes.network);
        own.no_delay = new.no_delay.or(own.no_delay);
        own.user_timeout = new.user_timeout.or(own.user_timeout);
        own.type_of_service = new.type_of_service.or(own.type_of_service);
        own.keep_alive.delay = new.keep_alive.delay.or(own.keep_alive.delay);
        own.keep_alive.interval = new.keep_alive.interval.or(own.keep_alive.interval);
        own.keep_alive.count = new.keep_alive.count.or(own.keep_alive.count);
        self.idle_timeout = changes.idle_timeout.unwrap_or(self.idle_timeout);
        self.close_timeout = changes.close_timeout.unwrap_or(self.close_timeout);
        self.high_water_mark = changes.high_water_mark.unwrap_or(self.high_water_mark);
        self.max_buffered_amount = changes.max_buffered_amount.unwrap_or(self.max_buffered_amount);
    }
}

/// What setOptions() changes.
#[derive(Debug)]
pub enum Changes {
    /// On a stream socket or a server.
    Stream(StreamChanges),
    /// On a UDP socket.
    Udp(UdpChanges),
}

/// What setOptions() changes on a stream socket, or on the sockets that a server accepts from then on. None: unchanged (R-live).
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamChanges {
    /// As in [`StreamOptions`].
    pub network: NetworkOptions,
    /// SO_SNDBUF and SO_RCVBUF. A server has none of its own.
    pub buffers: BufferSizes,
    /// As in [`StreamOptions`].
    pub idle_timeout: Option<u32>,
    /// As in [`StreamOptions`].
    pub close_timeout: Option<u32>,
    /// As in [`StreamOptions`].
    pub high_water_mark: Option<u32>,
    /// As in [`StreamOptions`].
    pub max_buffered_amount: Option<u32>,
    /// As in [`ListenOptions`]. Only a server has it.
    pub max_connections: Option<u32>,
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
    /// True for an attempt of connect(): nobody asks for its local address before the connection is established.
    pub is_attempt: bool,
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

/// The options of a UDPSocket that setOptions() can change, too. None in setOptions(): unchanged (R-live).
#[derive(Clone, Debug, Default)]
pub struct UdpChanges {
    /// SO_SNDBUF and SO_RCVBUF.
    pub buffers: BufferSizes,
    /// True: SO_BROADCAST. None: off.
    pub broadcast: Option<bool>,
    /// Whether this host receives multicast that it sends (R-udp-loop). None: off if the system has the option.
    pub loopback: Option<bool>,
    /// The hops of unicast datagrams. None: the system's default.
    pub time_to_live: Option<u8>,
    /// The hops of multicast datagrams. None: 1.
    pub multicast_time_to_live: Option<u8>,
    /// The interface through which multicast is sent: its address or name, or an IPv6 zone. None: the interface of the address that the
    /// socket is bound to; if that is a wildcard, the system chooses.
    pub multicast_interface: Option<String>,
    /// The byte of IP's header that has DSCP and ECN. None: the system's default, 0.
    pub type_of_service: Option<u8>,
    /// send() returns false while more than this many bytes are buffered. The constructor always gives it.
    pub high_water_mark: Option<u32>,
    /// maxBufferedAmount: the buffer is full above this many bytes that the system has refused (R-udp-full). The constructor always gives
    /// it.
    pub max_buffered_amount: Option<u32>,
}

/// How one datagram is to leave: the options of send() (R-udp-reply).
#[derive(Clone, Debug, Default)]
pub struct SendOptions {
    /// The IP literal of the host's address that it leaves from. None: the system chooses.
    pub local_address: Option<String>,
    /// The name of the interface that it leaves by. None: the system chooses.
    pub local_interface: Option<String>,
    /// The byte of IP's header that has DSCP and ECN. None: the socket's.
    pub type_of_service: Option<u8>,
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
    /// The default destination's port: 1 to 65,535. None: there is none.
    pub remote_port: Option<u16>,
    /// True: connect(2) to the default destination (R-udp-connected).
    pub connected: bool,
    /// True: messages report the details of their datagrams (R-udp-reply).
    pub packet_info: bool,
    /// The name of the interface that the socket sends and receives by (R-udp-interface). None: any.
    pub network_interface: Option<String>,
    /// SO_REUSEADDR, which is set only if a port is given (R-udp-reuse). None: on if the system has the option.
    pub address_reuse: Option<bool>,
    /// True: SO_REUSEPORT, so that several sockets share the datagrams of one port.
    pub reuse_port: bool,
    /// IPV6_V6ONLY. None: off if the system has the option.
    pub ipv6_only: Option<bool>,
    /// The options that setOptions() can change.
    pub live: UdpChanges,
}
