//! What is known of a datagram that was received, and the test of how they are received.

use std::net::{IpAddr, SocketAddr};

/// A datagram that `Batches::receive()` put into the buffer.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// The index of its first byte in the buffer.
    pub start: usize,
    /// Its length in bytes.
    pub len: usize,
    /// Its source.
    pub from: SocketAddr,
    /// Its destination. `None` if `report_destinations()` was not called for the socket, or if the system does not report destinations.
    pub to: Option<PacketInfo>,
}

/// What the system reports of a datagram beside its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketInfo {
    /// The destination in its header.
    pub address: IpAddr,
    /// The number of the interface that it came in by. 0: not known.
    pub interface: u32,
}

#[cfg(test)]
mod tests {
    use mio::net::UdpSocket;

    use super::super::Batches;
    use super::*;
    use crate::net::sizes::DATAGRAM_STRIDE;

    /// Where the buffer ends before a whole stride does, so does what is received there.
    #[test]
    fn nothing_is_written_behind_the_buffer() {
        const UNTOUCHED: u8 = 0x5a;
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let socket = UdpSocket::bind(any).unwrap();
        let peer = std::net::UdpSocket::bind(any).unwrap();
        for byte in [1, 2] {
            peer.send_to(&[byte; 40], socket.local_addr().unwrap()).unwrap();
        }
        let mut memory = vec![UNTOUCHED; DATAGRAM_STRIDE + 100];
        let mut batches = Batches::default();
        batches.receive(&socket, &mut memory[..DATAGRAM_STRIDE + 10], 2, false).unwrap();
        let lengths: Vec<usize> = batches.received.iter().map(|received| received.len).collect();
        assert_eq!(lengths[..1], [40]);
        assert!(lengths[1..].iter().all(|&length| length <= 10), "{lengths:?}");
        assert!(memory[DATAGRAM_STRIDE + 10..].iter().all(|&byte| byte == UNTOUCHED));
    }
}
