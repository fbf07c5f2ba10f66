//! What Windows does differently from Unix systems, and what the package does not support on Windows.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroU32;
use std::os::windows::io::AsRawSocket;
use std::path::Path;
use std::ptr;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use socket2::{Domain, SockAddr, Socket};
use windows_sys::Win32::Networking::WinSock::{
    SIO_UDP_CONNRESET, SIO_UDP_NETRESET, SO_EXCLUSIVEADDRUSE, SOCKET, SOL_SOCKET, WSAEADDRNOTAVAIL, WSAENOBUFS,
    WSAHOST_NOT_FOUND, WSAIoctl, WSANO_DATA, WSATRY_AGAIN, setsockopt,
};

use super::errno::taken_port;
use super::vocabulary::{AcceptedUnix, InterfaceAddress, ListenFailure, ListenStep, LookUpError, PeerCredentials};

/// Does nothing: on Windows a socket can bind to a port in TIME_WAIT. The option that Unix uses here, SO_REUSEADDR, would let any other
/// socket take the port.
pub fn reuse_waiting_port(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

/// Lets other UDP sockets bind to the same address and port. Call it before bind(2).
pub fn share_address(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// Makes sure that no other socket can bind to the port, whatever options it sets (SO_EXCLUSIVEADDRUSE). Call it before bind(2).
pub fn exclude_others(socket: &Socket) -> io::Result<()> {
    let value: i32 = 1;
    let size = size_of_val(&value) as i32;
    // SAFETY: the pointer and the size are those of `value`, which lives until the call returns. The socket is open because `socket` is
    // borrowed.
    let result =
        unsafe { setsockopt(number(socket), SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (&raw const value).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Returns an error: Windows has an option for sending only, and the package does not look up names of interfaces there.
pub fn bind_to_interface(_socket: &Socket, _interface: NonZeroU32, _name: &str, _is_ipv6: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns an error: Windows has no such option.
pub fn share_port(_socket: &Socket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// If a sent datagram could not be delivered (port unreachable, TTL expired), Windows makes a later receive fail. This turns that off,
/// because otherwise any peer could delay the datagrams of the others. If the system does not know one of the two options, such failures
/// are reported like all others.
pub fn ignore_unreachable(socket: &Socket) {
    for code in [SIO_UDP_CONNRESET, SIO_UDP_NETRESET] {
        let value: i32 = 0;
        let size = size_of_val(&value) as u32;
        let mut returned = 0;
        // SAFETY: the input's pointer and size are those of `value`, and the count is written to `returned`. Both live until the call
        // returns. There is no output buffer. The call is not overlapped, so the system keeps no pointer after it. The socket is open
        // because `socket` is borrowed.
        unsafe {
            let input = (&raw const value).cast();
            WSAIoctl(number(socket), code, input, size, ptr::null_mut(), 0, &raw mut returned, ptr::null_mut(), None)
        };
    }
}

/// The error of a connected socket whose datagram was refused. Windows reports ECONNRESET, other systems ECONNREFUSED.
pub fn refusal(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::ConnectionReset { io::ErrorKind::ConnectionRefused.into() } else { error }
}

/// Converts an error of bind(2) to the one that other systems report. If another socket holds the port with SO_EXCLUSIVEADDRUSE, Windows
/// reports EACCES. It cannot mean a port that needs privileges, since Windows has no such ports (R-srv-bind).
pub fn of_bind(port: u16, error: io::Error) -> io::Error {
    match error.raw_os_error().and_then(|number| taken_port(port, number)) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error,
    }
}

/// The error that the system reports for an interface that does not exist.
pub fn no_interface() -> io::Error {
    io::Error::from_raw_os_error(WSAEADDRNOTAVAIL)
}

/// The error that the system reports if it has no memory for bytes.
pub fn no_buffers() -> io::Error {
    io::Error::from_raw_os_error(WSAENOBUFS)
}

/// Returns an error: Windows has no such option.
pub fn set_traffic_class(_socket: &Socket, _value: u8) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The socket's handle, in the type of WinSock.
fn number(socket: &Socket) -> SOCKET {
    socket.as_raw_socket() as SOCKET
}

/// Returns false: on Windows, connect(2) reports an attempt that is under way as `ErrorKind::WouldBlock`, which the caller checks on every
/// system.
pub fn is_in_progress(_error: &io::Error) -> bool {
    false
}

/// Returns None: the package does not look up names of interfaces on Windows.
pub fn interface_index(_name: &str) -> io::Result<Option<u32>> {
    Ok(None)
}

/// Returns true: the package does not list interfaces on Windows, so any index may be one.
pub fn interface_exists(_index: u32) -> bool {
    true
}

/// Returns None: the package does not look up names of interfaces on Windows.
pub fn interface_name(_index: u32) -> Option<String> {
    None
}

/// Returns an error: the package does not list interfaces on Windows.
pub fn interfaces() -> io::Result<Vec<InterfaceAddress>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The addresses of a host in the system's order. `family`: only addresses of this family; `None`: of both. The call blocks until the
/// resolver has answered.
pub fn look_up(host: &str, family: Option<Domain>) -> Result<Vec<SocketAddr>, LookUpError> {
    let found = (host, 0).to_socket_addrs().map_err(|error| {
        let code = match error.raw_os_error() {
            Some(WSAHOST_NOT_FOUND | WSANO_DATA) => "ENOTFOUND",
            Some(WSATRY_AGAIN) => "EAI_AGAIN",
            _ => "EAI_FAIL",
        };
        LookUpError { code: Some(code), error }
    })?;
    Ok(found.filter(|address| family.is_none_or(|family| family == Domain::for_address(*address))).collect())
}

/// The package has no Unix sockets on Windows ([`HAS_UNIX_SOCKETS`](super::HAS_UNIX_SOCKETS)), so no value of this type exists.
pub enum UnixListener {}

impl UnixListener {
    /// There is no value to call this on.
    pub fn remove_file(&mut self) {
        match *self {}
    }

    /// Returns an error.
    pub fn listen(
        _address: &SockAddr,
        _file: Option<&Path>,
        _mode: Option<u32>,
        _backlog: i32,
    ) -> Result<Self, ListenFailure> {
        Err(ListenFailure { step: ListenStep::Socket, error: io::ErrorKind::Unsupported.into() })
    }

    pub fn accept(&self) -> io::Result<AcceptedUnix> {
        match *self {}
    }
}

impl Source for UnixListener {
    fn register(&mut self, _registry: &Registry, _token: Token, _interests: Interest) -> io::Result<()> {
        match *self {}
    }

    fn reregister(&mut self, _registry: &Registry, _token: Token, _interests: Interest) -> io::Result<()> {
        match *self {}
    }

    fn deregister(&mut self, _registry: &Registry) -> io::Result<()> {
        match *self {}
    }
}

/// False: [`peer_credentials`] returns None.
pub const HAS_PEER_CREDENTIALS: bool = false;

/// Returns None: there are no Unix sockets.
pub fn peer_credentials(_socket: &Socket) -> Option<PeerCredentials> {
    None
}
