//! Windows socket options that socket2 does not name.

use std::io;
use std::os::windows::io::AsRawSocket;
use std::ptr;

use windows_sys::Win32::Networking::WinSock::{
    SIO_UDP_CONNRESET, SIO_UDP_NETRESET, SO_EXCLUSIVEADDRUSE, SOCKET, SOL_SOCKET, WSAIoctl, setsockopt,
};

/// No other socket gets the port, whatever options it sets (SO_EXCLUSIVEADDRUSE). Before bind(2).
pub fn set_exclusive_address(socket: &impl AsRawSocket) -> io::Result<()> {
    let value: i32 = 1;
    let size = size_of_val(&value) as i32;
    // SAFETY: the pointer and the size are those of `value`, which lives through the call; the socket is open, since `socket`
    // is borrowed.
    let result =
        unsafe { setsockopt(number(socket), SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (&raw const value).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What became of a datagram that was sent (port unreachable, TTL expired) does not make a later receive fail: any peer could so
/// hold up what comes from others. Where the system does not know one of the two, such a failure is told like any other.
pub fn ignore_unreachable(socket: &impl AsRawSocket) {
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
fn number(socket: &impl AsRawSocket) -> SOCKET {
    socket.as_raw_socket() as SOCKET
}
