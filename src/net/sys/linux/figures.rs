//! The statistics that Linux reports for a socket: TCP_INFO of a connection, and SO_MEMINFO of any socket.

use std::os::fd::AsRawFd;

use socket2::Socket;

use crate::net::sys::vocabulary::TcpStats;

// The offsets of members of `struct tcp_info` (linux/tcp.h), in bytes. libc's struct ends before the last one.

/// The offset of `tcpi_snd_mss`: the size of a segment in bytes.
const SND_MSS: usize = 16;
/// The offset of `tcpi_rtt`: the smoothed round-trip time in microseconds.
const RTT: usize = 68;
/// The offset of `tcpi_rttvar`: the mean deviation of the round-trip time in microseconds.
const RTTVAR: usize = 72;
/// The offset of `tcpi_snd_cwnd`: the congestion window in segments.
const SND_CWND: usize = 80;
/// The offset of `tcpi_total_retrans`: how many segments were sent again.
const TOTAL_RETRANS: usize = 100;
/// The offset of `tcpi_min_rtt`: the shortest round-trip time in microseconds.
const MIN_RTT: usize = 148;
/// The size of `struct tcp_info` up to the last of these members, in bytes.
const TCP_INFO_SIZE: usize = 152;

/// The number of values of SO_MEMINFO (linux/sock_diag.h).
const MEMINFO_VALUES: usize = 9;
/// The index of the value that counts dropped packets.
const DROPS: usize = 8;

/// The system's statistics of a TCP connection. The kernel has none of a Unix socket, so all members are None then.
pub fn tcp_stats(socket: &Socket) -> TcpStats {
    let mut info = [0; TCP_INFO_SIZE];
    let length = option(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info);
    // An older kernel knows fewer members.
    let member = |at: usize| {
        let bytes = info.get(at..at + 4).filter(|_| at + 4 <= length)?;
        Some(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    let milliseconds = |at| member(at).map(|microseconds| f64::from(microseconds) / 1000.0);
    let window = member(SND_CWND).zip(member(SND_MSS)).map(|(segments, size)| u64::from(segments) * u64::from(size));
    // Without a measurement, the round-trip time is 0, and the shortest one is the largest number.
    let smoothed_rtt = milliseconds(RTT).filter(|&rtt| rtt > 0.0);
    TcpStats {
        smoothed_rtt,
        rtt_variation: milliseconds(RTTVAR).filter(|_| smoothed_rtt.is_some()),
        min_rtt: member(MIN_RTT).filter(|&rtt| rtt != u32::MAX && rtt > 0).map(|rtt| f64::from(rtt) / 1000.0),
        estimated_send_rate: window.zip(smoothed_rtt).map(|(bytes, rtt)| bytes as f64 * 8.0 * 1000.0 / rtt),
        congestion_window: window,
        retransmits: member(TOTAL_RETRANS).map(u64::from),
    }
}

/// How many datagrams the system has dropped because the socket's receive buffer was full.
pub fn dropped_datagrams(socket: &Socket) -> u64 {
    drops(socket).unwrap_or(0)
}

/// Whether this kernel counts them (since Linux 4.12).
pub fn counts_drops(socket: &Socket) -> bool {
    drops(socket).is_some()
}

/// The count of dropped datagrams. `None`: the kernel does not report it.
fn drops(socket: &Socket) -> Option<u64> {
    let mut values = [0; MEMINFO_VALUES * 4];
    let length = option(socket, libc::SOL_SOCKET, libc::SO_MEMINFO, &mut values);
    match values.get(DROPS * 4..length) {
        Some(&[a, b, c, d]) => Some(u32::from_ne_bytes([a, b, c, d]).into()),
        _ => None,
    }
}

/// Reads an option, and returns how many bytes the system has written. 0 if it refuses.
fn option(socket: &Socket, level: libc::c_int, name: libc::c_int, into: &mut [u8]) -> usize {
    let mut size = into.len() as libc::socklen_t;
    // SAFETY: the call writes at most `size` bytes through the first pointer, which is that of `into`, and `size` is its length. It writes
    // the length through the second pointer, which is that of `size`. Both live until the call returns. The descriptor is open because
    // `socket` is borrowed.
    let result = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, into.as_mut_ptr().cast(), &raw mut size) };
    if result == 0 { (size as usize).min(into.len()) } else { 0 }
}
