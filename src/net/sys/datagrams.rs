//! The descriptions of a datagram to be sent and of a received one, and a test of receiving.

use std::net::{IpAddr, SocketAddr};

/// A datagram that `Batches::send()` is to send.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The destination.
    pub to: SocketAddr,
    /// The bytes.
    pub bytes: &'a [u8],
    /// Where it leaves from. None: the system and the socket's options decide.
    pub origin: Option<&'a Origin>,
}

/// Where a datagram leaves from, and its type of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The source address, of the destination's family. The wildcard: the system chooses.
    pub address: IpAddr,
    /// The index of the interface that it leaves by. 0: the system chooses.
    pub interface: u32,
    /// The byte of the header that has DSCP and ECN. `None`: the socket's.
    pub type_of_service: Option<u8>,
}

/// A datagram that `Batches::receive()` put into the buffer.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// The index of the first byte in the buffer.
    pub start: usize,
    /// The length in bytes.
    pub len: usize,
    /// The source address.
    pub from: SocketAddr,
    /// What else the system reports. `None` if neither `report_destinations()` nor `report_packet_info()` was called for the socket, or if
    /// the system does not report it.
    pub info: Option<PacketInfo>,
}

/// What the system reports about a datagram in addition to its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketInfo {
    /// The destination address in the header.
    pub address: IpAddr,
    /// The index of the interface that received the datagram. 0: not known.
    pub interface: u32,
    /// The byte of the header that has DSCP and ECN. `None`: only `report_packet_info()` asks for it.
    pub type_of_service: Option<u8>,
}

#[cfg(test)]
mod tests {
    use mio::net::UdpSocket;

    use super::super::Batches;
    use super::*;
    use crate::net::sizes::DATAGRAM_STRIDE;

    /// If the last stride of the buffer is too short for a datagram, nothing is written after the buffer's end.
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
