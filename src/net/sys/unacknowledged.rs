//! How many of a connection's bytes the peer has not acknowledged, where the system reports it.

use socket2::Socket;

/// Bytes that the system holds for the peer: not sent yet, or sent and not acknowledged. `None`: the system does not report it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn unacknowledged(socket: &Socket) -> Option<u64> {
    use std::os::fd::AsRawFd;
    let mut bytes: libc::c_int = 0;
    // SAFETY: TIOCOUTQ (SIOCOUTQ by its other name) writes one int through the pointer; it is that of `bytes`, which lives
    // through the call. The descriptor is open: `socket` is borrowed.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 { u64::try_from(bytes).ok() } else { None }
}

/// Bytes that the system holds for the peer: not sent yet, or sent and not acknowledged. `None`: the system does not report it.
#[cfg(target_vendor = "apple")]
pub fn unacknowledged(socket: &Socket) -> Option<u64> {
    use std::os::fd::AsRawFd;
    let mut bytes: libc::c_int = 0;
    let mut size = size_of_val(&bytes) as libc::socklen_t;
    // SAFETY: the call writes at most `size` bytes through the first pointer, which is that of an int of this size, and the
    // length through the second; both variables live through the call. The descriptor is open: `socket` is borrowed.
    let result = unsafe {
        let (value, size) = ((&raw mut bytes).cast(), &raw mut size);
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_NWRITE, value, size)
    };
    if result == 0 { u64::try_from(bytes).ok() } else { None }
}

/// This system does not report it.
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

    /// Without reading on, a peer acknowledges only what its system buffers: the rest stays. It goes as the peer reads.
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
