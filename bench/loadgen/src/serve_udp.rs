//! The raw servers over UDP: batches of datagrams, one system call each.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use crate::announce;
use crate::batch::Batch;
use crate::udp::{BEGIN, STOP};

/// Datagrams in one system call, as in the package.
const RECEIVED: usize = 32;
const SENT: usize = 64;
/// The length of the benchmark's longest datagram.
const LONGEST: usize = 2048;

fn open() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    announce("port", socket.local_addr()?.port());
    Ok(socket)
}

/// Sends every datagram back to its sender.
pub fn echo() -> io::Result<()> {
    let (socket, mut batch) = (open()?, Batch::new(RECEIVED, LONGEST));
    loop {
        let count = batch.receive(&socket, true)?;
        batch.send_back(&socket, count)?;
    }
}

/// Receives and discards.
pub fn discard() -> io::Result<()> {
    let (socket, mut batch) = (open()?, Batch::new(RECEIVED, LONGEST));
    loop {
        batch.receive(&socket, true)?;
    }
}

/// Sends numbered datagrams to the peer that sent BEGIN, until STOP.
pub fn send(size: usize) -> io::Result<()> {
    let (socket, mut batch) = (open()?, Batch::new(SENT, size));
    let mut number = 0_u32;
    loop {
        let mut word = [0];
        let (_, from) = socket.recv_from(&mut word)?;
        let SocketAddr::V4(from) = from else { continue };
        if word[0] != BEGIN {
            continue;
        }
        socket.set_nonblocking(true)?;
        while !matches!(socket.recv(&mut word), Ok(1) if word[0] == STOP) {
            for index in 0..SENT {
                number = number.wrapping_add(1);
                batch.datagram_mut(index)[..4].copy_from_slice(&number.to_be_bytes());
            }
            batch.send(&socket, SENT, Some(from))?;
        }
        socket.set_nonblocking(false)?;
    }
}
