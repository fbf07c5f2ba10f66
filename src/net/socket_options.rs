//! Options that sockets of several kinds have, as the system calls them. What a system lacks is an error (R-platform).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

use super::SocketError;
use super::options::{BufferSizes, StreamOptions};

/// The longest silence that systems take before a keep-alive probe: 9 hours, Linux' MAX_TCP_KEEPIDLE. Longer ones are
/// cut down to it.
const LONGEST_KEEP_ALIVE: u64 = 32_767;

/// Probes follow a first unanswered one after this long, and so many unanswered ones end the connection (R-keepalive, as libuv).
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEP_ALIVE_COUNT: u32 = 10;

/// Sets an option that is asked for, and throws where the system refuses it. One that nobody asked for is set to its default,
/// and the socket goes without where the system does not have it (QEMU's user mode has few).
pub fn set<T>(
    name: &'static str,
    asked: Option<T>,
    default: T,
    set: impl FnOnce(T) -> io::Result<()>,
) -> Result<(), SocketError> {
    match asked {
        Some(value) => set_asked(name, set(value)),
        None => {
            let _ = set(default);
            Ok(())
        }
    }
}

/// The result of setting an option that is asked for.
pub fn set_asked(name: &'static str, result: io::Result<()>) -> Result<(), SocketError> {
    result.map_err(|source| SocketError::Option { name, source })
}

/// SO_SNDBUF and SO_RCVBUF. TCP: before connect(2), which fixes the window's scale.
pub fn set_buffer_sizes(socket: &Socket, sizes: &BufferSizes) -> Result<(), SocketError> {
    // The system takes an int, and has bounds of its own that are far lower.
    let size = |bytes: u32| bytes.min(i32::MAX as u32) as usize;
    if let Some(bytes) = sizes.send {
        set_asked("sendBufferSize", socket.set_send_buffer_size(size(bytes)))?;
    }
    if let Some(bytes) = sizes.receive {
        set_asked("receiveBufferSize", socket.set_recv_buffer_size(size(bytes)))?;
    }
    Ok(())
}

/// What every connection has. On Linux a listening socket hands it down to those that it accepts.
pub fn set_stream_options(socket: &Socket, options: &StreamOptions) -> Result<(), SocketError> {
    set("noDelay", options.no_delay, true, |on| socket.set_tcp_nodelay(on))?;
    if let Some(idle) = options.keep_alive_delay.and_then(keep_alive_idle) {
        let asked = TcpKeepalive::new().with_time(idle);
        let probes = asked.clone().with_interval(KEEP_ALIVE_INTERVAL);
        #[cfg(not(target_os = "openbsd"))]
        let probes = probes.with_retries(KEEP_ALIVE_COUNT);
        // Where the system has no such settings for a socket, its own hold: 75 s and 9 on Linux.
        let set = socket.set_tcp_keepalive(&probes).or_else(|_| socket.set_tcp_keepalive(&asked));
        set_asked("keepAliveDelay", set)?;
    }
    Ok(())
}

/// R-range: rounded up to whole seconds; 0 leaves keep-alive off.
fn keep_alive_idle(delay: u32) -> Option<Duration> {
    let seconds = u64::from(delay).div_ceil(1000).min(LONGEST_KEEP_ALIVE);
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// SO_REUSEPORT where it shares the load.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "solaris", target_os = "illumos"))]
pub fn share_port(socket: &Socket, local: SocketAddr) -> Result<(), SocketError> {
    socket.set_reuse_port(true).map_err(|error| SocketError::system_at(super::Syscall::SetOption, local, error))
}

/// FreeBSD's own: its SO_REUSEPORT does not share the load.
#[cfg(target_os = "freebsd")]
pub fn share_port(socket: &Socket, local: SocketAddr) -> Result<(), SocketError> {
    socket.set_reuse_port_lb(true).map_err(|error| SocketError::system_at(super::Syscall::SetOption, local, error))
}

/// Elsewhere SO_REUSEPORT, where there is one, gives everything to one of the sockets.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "solaris",
    target_os = "illumos",
    target_os = "freebsd"
)))]
pub fn share_port(_socket: &Socket, _local: SocketAddr) -> Result<(), SocketError> {
    let reason =
        "this system does not share a port's load between sockets (reusePort); let one socket have it".to_owned();
    Err(SocketError::NotSupported { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_alive_delays_are_rounded_up_to_whole_seconds() {
        assert_eq!(keep_alive_idle(0), None);
        assert_eq!(keep_alive_idle(1), Some(Duration::from_secs(1)));
        assert_eq!(keep_alive_idle(1000), Some(Duration::from_secs(1)));
        assert_eq!(keep_alive_idle(1001), Some(Duration::from_secs(2)));
        assert_eq!(keep_alive_idle(u32::MAX), Some(Duration::from_secs(LONGEST_KEEP_ALIVE)));
    }
}
