//! The number of sent bytes that the peer of a TCP connection has not acknowledged, on systems that report it.

use socket2::Socket;

/// The number of bytes that the system holds for the peer: not sent yet, or sent and not acknowledged. `None`: the system call has failed.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn unacknowledged(socket: &Socket) -> Option<u64> {
    use std::os::fd::AsRawFd;
    let mut bytes: libc::c_int = 0;
    // SAFETY: TIOCOUTQ (also called SIOCOUTQ) writes one int through the pointer. The pointer is that of `bytes`, which is an int and lives
    // until the call returns. The descriptor is open because `socket` is borrowed.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 { u64::try_from(bytes).ok() } else { None }
}

/// The number of bytes that the system holds for the peer: not sent yet, or sent and not acknowledged. `None`: the system call has failed.
#[cfg(target_vendor = "apple")]
pub fn unacknowledged(socket: &Socket) -> Option<u64> {
    use std::os::fd::AsRawFd;
    let mut bytes: libc::c_int = 0;
    let mut size = size_of_val(&bytes) as libc::socklen_t;
    // SAFETY: the call writes at most `size` bytes through the first pointer, which is that of `bytes`, and `size` is the size of `bytes`.
    // It writes the length through the second pointer, which is that of `size`. Both variables live until the call returns. The descriptor
    // is open because `socket` is borrowed.
    let result = unsafe {
        let (value, size) = ((&raw mut bytes).cast(), &raw mut size);
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_NWRITE, value, size)
    };
    if result == 0 { u64::try_from(bytes).ok() } else { None }
}

/// Returns None: this system does not report the number.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub fn unacknowledged(_socket: &Socket) -> Option<u64> {
    None
}

#[cfg(all(test, any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use socket2::SockRef;

    use super::*;

    /// While the peer does not read, its system acknowledges only the bytes that it can buffer, and the other bytes are counted. When the
    /// peer reads, the count falls to 0.
    #[test]
    fn what_the_peer_does_not_take_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        assert_eq!(unacknowledged(&SockRef::from(&stream)), Some(0));
        stream.set_nonblocking(true).unwrap();
        let mut sent = 0;
        while let Ok(more) = stream.write(&[0; 65_536]) {
            sent += more;
        }
        let left = unacknowledged(&SockRef::from(&stream)).unwrap();
        assert!(left > 0 && left <= sent as u64, "{left} of {sent}");
        peer.read_exact(&mut vec![0; sent]).unwrap();
        let start = Instant::now();
        while unacknowledged(&SockRef::from(&stream)) != Some(0) {
            assert!(start.elapsed() < Duration::from_secs(20), "not all is acknowledged");
            std::thread::yield_now();
        }
    }
}
