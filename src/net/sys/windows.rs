//! What Windows does in ways of its own, and what the package leaves out there.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::windows::io::AsRawSocket;
use std::ptr;

use socket2::{Domain, Socket};
use windows_sys::Win32::Networking::WinSock::{
    SIO_UDP_CONNRESET, SIO_UDP_NETRESET, SO_EXCLUSIVEADDRUSE, SOCKET, SOL_SOCKET, WSAHOST_NOT_FOUND, WSAIoctl,
    WSANO_DATA, WSATRY_AGAIN, setsockopt,
};

use super::vocabulary::{InterfaceAddress, LookUpError};

/// Nothing is to be set: a port in TIME_WAIT is free, and the option of that name would let anybody take a port over.
pub fn reuse_waiting_port(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

/// Lets others bind to the same address and port (UDP). Before bind(2).
pub fn share_address(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// No other socket gets the port, whatever options it sets (SO_EXCLUSIVEADDRUSE). Before bind(2).
pub fn exclude_others(socket: &Socket) -> io::Result<()> {
    let value: i32 = 1;
    let size = size_of_val(&value) as i32;
    // SAFETY: the pointer and the size are those of `value`, which lives through the call; the socket is open, since `socket`
    // is borrowed.
    let result =
        unsafe { setsockopt(number(socket), SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (&raw const value).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The system has no such option.
pub fn share_port(_socket: &Socket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What became of a datagram that was sent (port unreachable, TTL expired) does not make a later receive fail: any peer could so
/// hold up what comes from others. Where the system does not know one of the two, such a failure is reported like any other.
pub fn ignore_unreachable(socket: &Socket) {
    for code in [SIO_UDP_CONNRESET, SIO_UDP_NETRESET] {
        let value: i32 = 0;
        let size = size_of_val(&value) as u32;
        let mut returned = 0;
        // SAFETY: the input's pointer and size are those of `value`, the count's place is `returned`, and both live through the
        // call, which gives no output and is not overlapped: nothing is kept. The socket is open, since `socket` is borrowed.
        unsafe {
            let input = (&raw const value).cast();
            WSAIoctl(number(socket), code, input, size, ptr::null_mut(), 0, &raw mut returned, ptr::null_mut(), None)
        };
    }
}

/// The socket's number, as WinSock has it.
fn number(socket: &Socket) -> SOCKET {
    socket.as_raw_socket() as SOCKET
}

/// Whether connect(2) reports that the attempt is under way: here that is `ErrorKind::WouldBlock`, which is one everywhere.
pub fn is_in_progress(_error: &io::Error) -> bool {
    false
}

/// Interfaces are not known by name.
pub fn interface_index(_name: &str) -> io::Result<Option<u32>> {
    Ok(None)
}

/// The package does not list interfaces here: each number may be one.
pub fn interface_exists(_index: u32) -> bool {
    true
}

/// Interfaces are not known by name.
pub fn interface_name(_index: u32) -> Option<String> {
    None
}

/// The package does not list interfaces here.
pub fn interfaces() -> io::Result<Vec<InterfaceAddress>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The addresses of a host, of one family or (`None`) of both, in the system's order. Blocks for as long as that takes.
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
