//! The functions of `linux.rs` for all other systems.

use std::io::{self, IoSliceMut, Read};
use std::net::IpAddr;
use std::time::Duration;

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::datagrams::{Outgoing, Received};
use super::vocabulary::{FilterMode, TcpStats};
use crate::net::sizes::{DATAGRAM_STRIDE, READ_SIZE};

/// Makes a socket whose calls do not block.
pub fn new_socket(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
    let socket = Socket::new(domain, kind, protocol)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Returns nothing: the package asks only Linux.
pub fn tcp_stats(_socket: &Socket) -> TcpStats {
    TcpStats::default()
}

/// Returns 0: only Linux counts them for each socket.
pub fn dropped_datagrams(_socket: &Socket) -> u64 {
    0
}

/// Returns false: only Linux counts them for each socket.
pub fn counts_drops(_socket: &Socket) -> bool {
    false
}

/// Returns false: only Linux cuts messages into datagrams.
pub fn takes_segments(_socket: &Socket) -> bool {
    false
}

/// Returns an error: only Linux has this option.
pub fn set_user_timeout(_socket: &Socket, _limit: Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Receives and sends datagrams, one in each system call.
#[derive(Default)]
pub struct Batches {
    /// The datagrams that the last receive() has received.
    pub received: Vec<Received>,
}

impl Batches {
    /// Receives up to `most` datagrams. Each one goes to its own stride of `buffer`.
    pub fn receive(&mut self, socket: &UdpSocket, buffer: &mut [u8], most: usize, _with_info: bool) -> io::Result<()> {
        self.received.clear();
        for (index, stride) in buffer.chunks_exact_mut(DATAGRAM_STRIDE).take(most).enumerate() {
            match socket.recv_from(&mut stride[..READ_SIZE]) {
                Ok((len, from)) => {
                    self.received.push(Received { start: index * DATAGRAM_STRIDE, len, from, info: None })
                }
                Err(error) if self.received.is_empty() => return Err(error),
                // The next call returns this error again.
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Sends datagrams in order. Returns how many the system has taken; it is an error if it takes none. `is_connected`: all go to
    /// the peer of a connected socket, so no destination goes along. Some systems refuse one there.
    pub fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        datagrams: impl Iterator<Item = Outgoing<'a>>,
        _segment: bool,
        is_connected: bool,
    ) -> io::Result<usize> {
        let mut sent = 0;
        for Outgoing { to, bytes, .. } in datagrams {
            match if is_connected { socket.send(bytes) } else { socket.send_to(bytes, to) } {
                Ok(_) => sent += 1,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }
}

/// A thread's number. It is not needed here, because the system does not count a thread any more once it was joined.
pub struct ThreadId;

impl ThreadId {
    /// The number of the calling thread.
    pub fn current() -> Self {
        Self
    }

    /// Returns at once.
    pub fn wait_until_gone(self) {}
}

/// Does nothing: on this system bind(2) chooses the port.
pub fn choose_port_at_connect(_socket: &Socket) {}

/// Returns true: the system itself compares the interface of each datagram, so a socket gets only the groups that it has joined.
pub fn keep_groups_apart(_socket: &Socket, _is_ipv6: bool) -> bool {
    true
}

/// Returns false: the package does not ask this system for destinations.
pub fn report_destinations<'a>(_socket: impl Into<SockRef<'a>>, _is_ipv6: bool) -> bool {
    false
}

/// Returns an error: the package asks only Linux.
pub fn report_packet_info(_socket: &Socket, _is_ipv6: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns None: this system has no setting that limits how much a socket may join.
pub fn membership_limit(_is_ipv6: bool, _of_sources: bool) -> Option<&'static str> {
    None
}

/// Returns false: the package does not ask this system.
pub fn has_joined(_socket: &UdpSocket, _group: IpAddr, _interface: u32) -> bool {
    false
}

/// Returns an error. It is not needed here, because each membership has its own sources, which `change_source()` changes.
pub fn set_source_filter(
    _socket: &UdpSocket,
    _group: IpAddr,
    _interface: u32,
    _mode: FilterMode,
    _sources: &[IpAddr],
) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// This system has no such pipes, so a relay copies its bytes.
pub enum Pipe {}

/// Returns None: there are no pipes.
pub fn take_pipe() -> Option<Pipe> {
    None
}

pub fn put_back_pipe(pipe: Pipe) {
    match pipe {}
}

impl Pipe {
    pub fn fill_from<S>(&self, _socket: &S) -> io::Result<usize> {
        match *self {}
    }

    pub fn empty_into<S>(&self, _socket: &S, _bytes: usize) -> io::Result<usize> {
        match *self {}
    }

    pub fn read_rest(&self, _bytes: usize, _to: &mut Vec<u8>) {
        match *self {}
    }
}

/// Reads from a connected stream socket once. Also returns true: it is not known whether the peer has passed file descriptors with the
/// bytes.
pub fn read_checked(stream: &mut impl Read, slices: &mut [IoSliceMut<'_>]) -> io::Result<(usize, bool)> {
    Ok((stream.read_vectored(slices)?, true))
}
