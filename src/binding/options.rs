//! Reads the option objects that functions receive. JavaScript has already converted every member and checked its type.

use std::ffi::CStr;
use std::sync::Arc;
use std::time::Duration;

use napi::sys;

use super::env::{Env, Value};
use super::numbers::{
    BACKLOG, CLOSE_TIMEOUT, HANDSHAKE_TIMEOUT, HIGH_WATER_MARK, TCP_MAX_BUFFERED_AMOUNT, UDP_MAX_BUFFERED_AMOUNT,
};
use crate::net::memory::{self, NoMemory};
use crate::net::{
    BufferSizes, GivenCertificate, KeepAlive, ListenOptions, Material, NamedCertificate, NetworkOptions, SecureOptions,
    SendOptions, ServerOptions, StreamChanges, StreamOptions, TcpOptions, UdpChanges, UdpOptions, UnixOptions,
    UnixServerOptions,
};
use crate::proto::{Boundary, Framing};

/// Members of openTcp()'s options, in the order of the bits of its argument `members` (`lib/tcp-options.js` has the same list).
const TCP_MEMBERS: [&CStr; 19] = [
    c"allowHalfOpen",
    c"closeTimeout",
    c"connectTimeout",
    c"framing",
    c"highWaterMark",
    c"idleTimeout",
    c"ipv6Only",
    c"keepAliveCount",
    c"keepAliveDelay",
    c"keepAliveInterval",
    c"localAddress",
    c"localPort",
    c"maxBufferedAmount",
    c"noDelay",
    c"receiveBufferSize",
    c"secure",
    c"sendBufferSize",
    c"typeOfService",
    c"userTimeout",
];
/// The bit of `members` that is no member: connect() makes several attempts from one local port.
const SHARES_LOCAL_PORT: u32 = 1 << 30;

/// Reads members of one option object.
struct Members<'scope> {
    /// The environment that the object belongs to.
    env: Env<'scope>,
    /// The object.
    object: Value<'scope>,
    /// The members that the object has, as bits of the indexes of `TCP_MEMBERS`; the others are not looked for, which would cost 0.15 us
    /// each. `None`: any may be there.
    only: Option<u32>,
}

impl<'scope> Members<'scope> {
    /// An object that may have any members.
    fn of(env: Env<'scope>, object: Value<'scope>) -> Self {
        Self { env, object, only: None }
    }

    /// A member of the object; `None` if it is undefined. (The check is for Deno, whose Node-API converts undefined to a number. Node's
    /// returns an error.)
    fn member(&self, name: &CStr) -> Option<Value<'scope>> {
        if self.only.is_some_and(|only| !has(only, name)) {
            return None;
        }
        let member = self.env.get(self.object, name);
        (self.env.type_of(member) != sys::ValueType::napi_undefined).then_some(member)
    }

    fn text(&self, name: &CStr) -> Result<Option<String>, NoMemory> {
        self.member(name).map_or(Ok(None), |text| self.env.to_text(text))
    }

    fn flag(&self, name: &CStr) -> Option<bool> {
        self.env.to_bool(self.member(name)?)
    }

    fn number(&self, name: &CStr) -> Option<u32> {
        self.env.to_u32(self.member(name)?)
    }

    fn octet(&self, name: &CStr) -> Option<u8> {
        self.number(name).and_then(|number| u8::try_from(number).ok())
    }

    fn port(&self, name: &CStr) -> Option<u16> {
        self.number(name).and_then(|port| u16::try_from(port).ok())
    }

    /// Calls `read` for each element of a list, and returns the results. An element for which `read` returns `None` is skipped. Returns
    /// `None` if the member is undefined.
    fn list<T>(
        &self,
        name: &CStr,
        read: impl Fn(Env<'scope>, Value<'scope>) -> Result<Option<T>, NoMemory>,
    ) -> Result<Option<Vec<T>>, NoMemory> {
        let Some(list) = self.member(name) else { return Ok(None) };
        let elements = self.env.elements(list)?;
        let mut read_ones = memory::vec(elements.len())?;
        for element in elements {
            read_ones.extend(read(self.env, element)?);
        }
        Ok(Some(read_ones))
    }

    fn texts(&self, name: &CStr) -> Result<Vec<String>, NoMemory> {
        Ok(self.list(name, Env::to_text)?.unwrap_or_default())
    }

    fn materials(&self, name: &CStr) -> Result<Option<Vec<Material>>, NoMemory> {
        self.list(name, material)
    }

    fn key(&self) -> Result<Option<Material>, NoMemory> {
        self.member(c"key").map_or(Ok(None), |key| material(self.env, key))
    }

    fn secure(&self) -> Result<Option<SecureOptions>, NoMemory> {
        self.member(c"secure").map(|object| secure(self.env, object)).transpose()
    }

    fn framing(&self) -> Result<Option<Arc<Framing>>, NoMemory> {
        self.member(c"framing").map(|object| framing(self.env, object)).transpose()
    }

    fn high_water_mark(&self) -> u32 {
        self.number(c"highWaterMark").unwrap_or(HIGH_WATER_MARK)
    }

    fn buffers(&self) -> BufferSizes {
        BufferSizes { send: self.number(c"sendBufferSize"), receive: self.number(c"receiveBufferSize") }
    }

    /// The options that servers of both families have.
    fn listening(&self) -> Result<ListenOptions, NoMemory> {
        Ok(ListenOptions {
            backlog: self.number(c"backlog").unwrap_or(BACKLOG),
            max_connections: self.number(c"maxConnections"),
            handshake_timeout: self.number(c"handshakeTimeout").unwrap_or(HANDSHAKE_TIMEOUT),
            secure: self.secure()?,
            stream: self.connection()?,
        })
    }

    /// The options of a TCP connection.
    fn stream(&self) -> Result<StreamOptions, NoMemory> {
        Ok(StreamOptions { network: self.network(), ..self.connection()? })
    }

    /// The options of TCP and IP.
    fn network(&self) -> NetworkOptions {
        NetworkOptions {
            no_delay: self.flag(c"noDelay"),
            keep_alive: KeepAlive {
                delay: self.number(c"keepAliveDelay"),
                interval: self.number(c"keepAliveInterval"),
                count: self.number(c"keepAliveCount"),
            },
            user_timeout: self.number(c"userTimeout"),
            type_of_service: self.octet(c"typeOfService"),
        }
    }

    /// The options that connections of both families have.
    fn connection(&self) -> Result<StreamOptions, NoMemory> {
        Ok(StreamOptions {
            network: NetworkOptions::default(),
            idle_timeout: self.number(c"idleTimeout").unwrap_or(0),
            allow_half_open: self.flag(c"allowHalfOpen"),
            close_timeout: self.number(c"closeTimeout").unwrap_or(CLOSE_TIMEOUT),
            high_water_mark: self.high_water_mark(),
            max_buffered_amount: self.number(c"maxBufferedAmount").unwrap_or(TCP_MAX_BUFFERED_AMOUNT),
            framing: self.framing()?,
        })
    }

    /// The options of a UDP socket that setOptions() can change.
    fn udp_changes(&self) -> Result<UdpChanges, NoMemory> {
        Ok(UdpChanges {
            buffers: self.buffers(),
            broadcast: self.flag(c"broadcast"),
            loopback: self.flag(c"loopback"),
            time_to_live: self.octet(c"timeToLive"),
            multicast_time_to_live: self.octet(c"multicastTimeToLive"),
            multicast_interface: self.text(c"multicastInterface")?,
            type_of_service: self.octet(c"typeOfService"),
            high_water_mark: self.number(c"highWaterMark"),
            max_buffered_amount: self.number(c"maxBufferedAmount"),
        })
    }
}

/// Whether the bits include that of the member.
fn has(mut bits: u32, name: &CStr) -> bool {
    while bits != 0 {
        if TCP_MEMBERS.get(bits.trailing_zeros() as usize) == Some(&name) {
            return true;
        }
        bits &= bits - 1;
    }
    false
}

/// The options of openTcp() and openAttempt(). `only`: the members that the object has, as bits.
pub fn tcp<'scope>(env: Env<'scope>, object: Value<'scope>, only: u32) -> Result<TcpOptions, NoMemory> {
    let members = Members { env, object, only: Some(only) };
    Ok(TcpOptions {
        remote_address: String::new(),
        remote_port: 0,
        is_attempt: false,
        local_address: members.text(c"localAddress")?,
        local_port: members.port(c"localPort"),
        shares_local_port: only & SHARES_LOCAL_PORT != 0,
        ipv6_only: members.flag(c"ipv6Only"),
        buffers: members.buffers(),
        connect_timeout: members.number(c"connectTimeout"),
        secure: members.secure()?,
        stream: members.stream()?,
    })
}

/// The options of openServer().
pub fn server<'scope>(env: Env<'scope>, object: Value<'scope>) -> Result<ServerOptions, NoMemory> {
    let members = Members::of(env, object);
    Ok(ServerOptions {
        local_address: members.text(c"localAddress")?,
        local_port: members.port(c"localPort"),
        ipv6_only: members.flag(c"ipv6Only"),
        reuse_port: members.flag(c"reusePort").unwrap_or(false),
        listening: ListenOptions { stream: members.stream()?, ..members.listening()? },
    })
}

/// The options of openUnix().
pub fn unix<'scope>(env: Env<'scope>, object: Value<'scope>) -> Result<UnixOptions, NoMemory> {
    let members = Members::of(env, object);
    Ok(UnixOptions {
        path: members.text(c"path")?.unwrap_or_default(),
        buffers: members.buffers(),
        connect_timeout: members.number(c"connectTimeout"),
        secure: members.secure()?,
        stream: members.connection()?,
    })
}

/// The options of openUnixServer().
pub fn unix_server<'scope>(env: Env<'scope>, object: Value<'scope>) -> Result<UnixServerOptions, NoMemory> {
    let members = Members::of(env, object);
    Ok(UnixServerOptions {
        path: members.text(c"path")?.unwrap_or_default(),
        mode: members.number(c"mode"),
        listening: members.listening()?,
    })
}

/// The options of TLS: SecureTransportOptions. A member of these that takes one value or several is always a list here.
pub fn secure<'scope>(env: Env<'scope>, object: Value<'scope>) -> Result<SecureOptions, NoMemory> {
    let members = Members::of(env, object);
    Ok(SecureOptions {
        sni: members.text(c"sni")?,
        alpn: members.texts(c"alpn")?,
        ca: members.materials(c"ca")?,
        cert: members.materials(c"cert")?,
        key: members.key()?,
        server_certificates: members.list(c"serverCertificates", named)?.unwrap_or_default(),
        certificate_for: members.member(c"certificateFor").is_some(),
        reject_unauthorized: members.flag(c"rejectUnauthorized").unwrap_or(true),
        request_cert: members.flag(c"requestCert").unwrap_or(false),
        pins: members.texts(c"pinnedCertificates")?,
        only_tls13: members.text(c"minVersion")?.is_some_and(|version| version == "TLSv1.3"),
        key_log: members.flag(c"keyLog").unwrap_or(false),
    })
}

/// The option `framing`. JavaScript gives all members, and either `delimiter` or `lengthPrefix`.
fn framing<'scope>(env: Env<'scope>, object: Value<'scope>) -> Result<Arc<Framing>, NoMemory> {
    let members = Members::of(env, object);
    let boundary = match members.member(c"delimiter") {
        // SAFETY: the bytes are copied, here. No JavaScript runs before that.
        Some(delimiter) => Boundary::Delimiter(memory::copy(unsafe { env.bytes(delimiter) }.unwrap_or(&[]))?.into()),
        None => Boundary::Prefix {
            size: members.number(c"lengthPrefix").unwrap_or_default() as usize,
            little_endian: members.flag(c"littleEndian").unwrap_or_default(),
            includes_itself: members.flag(c"includesPrefix").unwrap_or_default(),
        },
    };
    Ok(Arc::new(Framing { boundary, limit: members.number(c"limit").unwrap_or_default() as usize }))
}

/// One element of `serverCertificates`; `None` if a member is missing.
fn named<'scope>(env: Env<'scope>, object: Value<'scope>) -> Result<Option<NamedCertificate>, NoMemory> {
    let members = Members::of(env, object);
    let (name, cert, key) = (members.text(c"name")?, members.materials(c"cert")?, members.key()?);
    Ok(name.zip(cert).zip(key).map(|((name, cert), key)| NamedCertificate { name, cert, key }))
}

/// The certificate that certificateFor has given; `None` if a member is missing.
pub fn given_certificate<'scope>(
    env: Env<'scope>,
    object: Value<'scope>,
) -> Result<Option<GivenCertificate>, NoMemory> {
    let members = Members::of(env, object);
    let (what, cert, key) = (members.text(c"what")?.unwrap_or_default(), members.materials(c"cert")?, members.key()?);
    let ttl = Duration::from_millis(members.number(c"ttl").unwrap_or(0).into());
    Ok(cert.zip(key).map(|(cert, key)| GivenCertificate { what, cert, key, ttl }))
}

/// A key or certificates: a string or bytes; `None` if the value is neither.
fn material<'scope>(env: Env<'scope>, from: Value<'scope>) -> Result<Option<Material>, NoMemory> {
    if env.is_string(from) {
        return Ok(env.to_text(from)?.map(Material::Text));
    }
    // SAFETY: the next statement copies the bytes. No JavaScript runs before that, and the handle scope of `env` stays open.
    let bytes = unsafe { env.bytes(from) };
    Ok(bytes.map(memory::copy).transpose()?.map(Material::Bytes))
}

/// The options of openUdp().
pub fn udp<'scope>(env: Env<'scope>, object: Value<'scope>) -> Result<UdpOptions, NoMemory> {
    let members = Members::of(env, object);
    Ok(UdpOptions {
        local_address: members.text(c"localAddress")?,
        local_port: members.port(c"localPort"),
        remote_address: members.text(c"remoteAddress")?,
        remote_port: members.port(c"remotePort"),
        connected: members.flag(c"connected").unwrap_or(false),
        packet_info: members.flag(c"packetInfo").unwrap_or(false),
        network_interface: members.text(c"networkInterface")?,
        address_reuse: members.flag(c"addressReuse"),
        reuse_port: members.flag(c"reusePort").unwrap_or(false),
        ipv6_only: members.flag(c"ipv6Only"),
        live: UdpChanges {
            high_water_mark: Some(members.high_water_mark()),
            max_buffered_amount: Some(members.number(c"maxBufferedAmount").unwrap_or(UDP_MAX_BUFFERED_AMOUNT)),
            ..members.udp_changes()?
        },
    })
}

/// The options of a send on a UDP socket. None: it has none.
pub fn send<'scope>(env: Env<'scope>, object: Value<'scope>) -> Result<Option<SendOptions>, NoMemory> {
    if env.type_of(object) == sys::ValueType::napi_undefined {
        return Ok(None);
    }
    let members = Members::of(env, object);
    Ok(Some(SendOptions {
        local_address: members.text(c"localAddress")?,
        local_interface: members.text(c"localInterface")?,
        type_of_service: members.octet(c"typeOfService"),
    }))
}

/// The options of setOptions() on a UDP socket.
pub fn udp_changes<'scope>(env: Env<'scope>, object: Value<'scope>) -> Result<UdpChanges, NoMemory> {
    Members::of(env, object).udp_changes()
}

/// The options of setOptions() on a stream socket and on a server.
pub fn stream_changes<'scope>(env: Env<'scope>, object: Value<'scope>) -> StreamChanges {
    let members = Members::of(env, object);
    StreamChanges {
        network: members.network(),
        buffers: members.buffers(),
        idle_timeout: members.number(c"idleTimeout"),
        close_timeout: members.number(c"closeTimeout"),
        high_water_mark: members.number(c"highWaterMark"),
        max_buffered_amount: members.number(c"maxBufferedAmount"),
        max_connections: members.number(c"maxConnections"),
    }
}
