//! Sets the options that several kinds of sockets have. An option that the system lacks is an error (R-platform).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

use super::options::{BufferSizes, KeepAlive, NetworkOptions};
use super::{SocketError, sys};

/// The longest silence before a keep-alive probe, in seconds: 9 hours, MAX_TCP_KEEPIDLE of Linux. Longer times are cut to it.
const LONGEST_KEEP_ALIVE: u64 = 32_767;

/// The time from one unanswered keep-alive probe to the next, in milliseconds (R-keepalive, same value as libuv).
const KEEP_ALIVE_INTERVAL: u32 = 1000;
/// The connection ends after this many unanswered keep-alive probes (R-keepalive, same value as libuv).
const KEEP_ALIVE_COUNT: u32 = 10;

/// Sets an option. If the program asks for a value, it is an error if the system refuses it. Otherwise this sets `default`, and ignores a
/// failure, since some systems do not have the option (QEMU's user mode has few).
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

/// Converts the result of setting an option that the program asks for.
pub fn set_asked(name: &'static str, result: io::Result<()>) -> Result<(), SocketError> {
    result.map_err(|source| SocketError::Option { name, source })
}

/// Sets SO_SNDBUF and SO_RCVBUF. For TCP this must be done before connect(2), which fixes the window scale.
pub fn set_buffer_sizes(socket: &Socket, sizes: &BufferSizes) -> Result<(), SocketError> {
    // The system takes an int. Its own limits are far lower.
    let size = |bytes: u32| bytes.min(i32::MAX as u32) as usize;
    if let Some(bytes) = sizes.send {
        set_asked("sendBufferSize", socket.set_send_buffer_size(size(bytes)))?;
    }
    if let Some(bytes) = sizes.receive {
        set_asked("receiveBufferSize", socket.set_recv_buffer_size(size(bytes)))?;
    }
    Ok(())
}

/// Sets the options of a connection. On Linux accepted connections inherit them from the listening socket.
pub fn set_network_options(socket: &Socket, options: &NetworkOptions) -> Result<(), SocketError> {
    set("noDelay", options.no_delay, true, |on| socket.set_tcp_nodelay(on))?;
    change_network_options(socket, &NetworkOptions { no_delay: None, ..*options }, true)
}

/// Sets those options that are given. `is_first`: the probes of this connection were not set before, so their defaults are set too.
pub fn change_network_options(socket: &Socket, options: &NetworkOptions, is_first: bool) -> Result<(), SocketError> {
    if let Some(on) = options.no_delay {
        set_asked("noDelay", socket.set_tcp_nodelay(on))?;
    }
    set_keep_alive(socket, options.keep_alive, is_first)?;
    if let Some(milliseconds) = options.user_timeout {
        set_asked("userTimeout", sys::set_user_timeout(socket, Duration::from_millis(milliseconds.into())))?;
    }
    match options.type_of_service {
        Some(value) => {
            let is_ipv6 = socket.local_addr().is_ok_and(|local| local.is_ipv6());
            set_asked("typeOfService", set_type_of_service(socket, value, is_ipv6))
        }
        None => Ok(()),
    }
}

/// Sets the keep-alive probes, and turns them on or off if a delay is given.
fn set_keep_alive(socket: &Socket, asked: KeepAlive, is_first: bool) -> Result<(), SocketError> {
    let Some(name) = asked.name() else { return Ok(()) };
    let idle = asked.delay.and_then(keep_alive_idle);
    let was_on = socket.keepalive().unwrap_or(false);
    let time = idle.map_or(TcpKeepalive::new(), |idle| TcpKeepalive::new().with_time(idle));
    let mut probes = time.clone();
    if let Some(interval) = asked.interval.or(is_first.then_some(KEEP_ALIVE_INTERVAL)) {
        probes = probes.with_interval(Duration::from_millis(interval.into()));
    }
    if let Some(count) = asked.count.or(is_first.then_some(KEEP_ALIVE_COUNT)) {
        probes = sys::with_probes(probes, count);
    }
    let has_defaults_only = asked.interval.is_none() && asked.count.is_none();
    let set = match socket.set_tcp_keepalive(&probes) {
        // Some systems have no such settings for a single socket. Then the settings of the whole system apply: 75 s and 9 probes on Linux.
        Err(_) if has_defaults_only => socket.set_tcp_keepalive(&time),
        set => set,
    };
    set_asked(name, set)?;
    // That call has turned the probes on.
    let is_on = if asked.delay.is_some() { idle.is_some() } else { was_on };
    if is_on { Ok(()) } else { set_asked(name, socket.set_keepalive(false)) }
}

/// Sets the byte of IP's header that has DSCP and ECN.
pub fn set_type_of_service(socket: &Socket, value: u8, is_ipv6: bool) -> io::Result<()> {
    if !sys::HAS_TYPE_OF_SERVICE {
        return Err(io::ErrorKind::Unsupported.into());
    }
    if is_ipv6 {
        sys::set_traffic_class(socket, value)?;
    }
    // An IPv6 socket needs both, because it may have an IPv4 peer. If it cannot have one, the system refuses this.
    match socket.set_tos_v4(value.into()) {
        Err(_) if is_ipv6 => Ok(()),
        set => set,
    }
}

/// The silence before the first probe, rounded up to whole seconds (R-range). None for 0: keep-alive stays off.
fn keep_alive_idle(delay: u32) -> Option<Duration> {
    let seconds = u64::from(delay).div_ceil(1000).min(LONGEST_KEEP_ALIVE);
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Makes sockets share a port, and makes the system spread the load over them.
pub fn share_port(socket: &Socket, local: SocketAddr) -> Result<(), SocketError> {
    if !sys::BALANCES_SHARED_PORTS {
        let reason =
            "this system does not share a port's load between sockets (reusePort); let one socket have it".to_owned();
        return Err(SocketError::NotSupported { reason });
    }
    sys::share_port(socket).map_err(|error| SocketError::system_at(super::Syscall::SetOption, local, error))
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
