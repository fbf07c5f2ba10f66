//! The datagrams that a UDP socket has accepted and not sent yet. `udp_socket/flush.rs` sends them.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::memory::{self, NoMemory};
use super::sys::{Origin, Outgoing};

/// Datagrams that wait for the system, in the order of the send() calls. The bytes of all that are not Blobs are in one vector.
#[derive(Default)]
pub struct UdpQueue {
    /// The datagrams, in order.
    datagrams: VecDeque<Datagram>,
    /// The bytes of the datagrams that are not Blobs, one after the other.
    bytes: Vec<u8>,
    /// The offset of the first byte in `bytes`. Offsets count all bytes that were ever appended.
    base: u64,
    /// The bytes of all datagrams, including Blobs that are not read yet.
    waiting: u64,
}

/// One datagram.
struct Datagram {
    /// The destination.
    to: SocketAddr,
    /// Where it leaves from. None: the system and the socket's options decide. (In a box, since few datagrams have one.)
    origin: Option<Box<Origin>>,
    /// Its bytes.
    contents: Contents,
}

/// Where the bytes of a datagram are.
enum Contents {
    /// In `UdpQueue::bytes`.
    Shared {
        /// The offset of the first byte, counted like `UdpQueue::base`.
        start: u64,
        /// The number of bytes.
        len: usize,
    },
    /// A Blob, whose bytes are in a vector of their own.
    Blob {
        /// The size of the Blob in bytes.
        size: u64,
        /// The bytes. None: they are not read yet.
        data: Option<Vec<u8>>,
    },
}

/// What [`UdpQueue::pop`] has dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Popped {
    /// The datagram's length in bytes.
    pub bytes: u64,
    /// How many of them came from a Blob: all or none.
    pub from_blobs: u64,
}

/// Once this many bytes of dropped datagrams are at the front of `UdpQueue::bytes`, they are removed and the other bytes move to the front.
const COMPACT_THRESHOLD: usize = 256 * 1024;

impl UdpQueue {
    /// How many datagrams wait.
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Whether no datagram waits.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// How many bytes wait, including Blobs that are not read yet.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Appends a copy of `bytes` for `to`.
    pub fn push(&mut self, bytes: &[u8], to: SocketAddr, origin: Option<Box<Origin>>) -> Result<(), NoMemory> {
        let start = self.base + self.bytes.len() as u64;
        memory::room_for_one(&mut self.datagrams)?;
        memory::append(&mut self.bytes, bytes)?;
        self.waiting += bytes.len() as u64;
        self.datagrams.push_back(Datagram { to, origin, contents: Contents::Shared { start, len: bytes.len() } });
        Ok(())
    }

    /// Appends a Blob of `size` bytes for `to`. Its bytes follow later.
    pub fn push_blob(&mut self, size: u64, to: SocketAddr, origin: Option<Box<Origin>>) -> Result<(), NoMemory> {
        memory::room_for_one(&mut self.datagrams)?;
        self.waiting += size;
        self.datagrams.push_back(Datagram { to, origin, contents: Contents::Blob { size, data: None } });
        Ok(())
    }

    /// Whether the first datagram is a Blob that has not been read.
    pub fn waits_for_blob(&self) -> bool {
        matches!(self.datagrams.front(), Some(Datagram { contents: Contents::Blob { data: None, .. }, .. }))
    }

    /// Stores the bytes of the first unread Blob. If their number is not the Blob's size, returns false and changes nothing.
    pub fn fill_blob(&mut self, bytes: &[u8]) -> Result<bool, NoMemory> {
        for datagram in &mut self.datagrams {
            if let Contents::Blob { size, data: data @ None } = &mut datagram.contents {
                if *size != bytes.len() as u64 {
                    return Ok(false);
                }
                *data = Some(memory::copy(bytes)?);
                return Ok(true);
            }
        }
        Ok(true)
    }

    /// Drops the first unread Blob. Returns its destination and its size in bytes. None: there is no such Blob.
    pub fn drop_blob(&mut self) -> Option<(SocketAddr, u64)> {
        let at = self
            .datagrams
            .iter()
            .position(|datagram| matches!(datagram.contents, Contents::Blob { data: None, .. }))?;
        let Datagram { to, contents, .. } = self.datagrams.remove(at)?;
        let size = contents.len() as u64;
        self.waiting -= size;
        Some((to, size))
    }

    /// The first datagrams that can be sent now, at most `most`.
    pub fn ready(&self, most: usize) -> impl Iterator<Item = Outgoing<'_>> {
        self.datagrams.iter().take(most).map_while(|datagram| {
            let bytes = match &datagram.contents {
                Contents::Shared { start, len } => {
                    let start = (start - self.base) as usize;
                    &self.bytes[start..start + len]
                }
                Contents::Blob { data, .. } => data.as_deref()?,
            };
            Some(Outgoing { to: datagram.to, bytes, origin: datagram.origin.as_deref() })
        })
    }

    /// Drops the first datagram. If there is none, the result is 0 bytes.
    pub fn pop(&mut self) -> Popped {
        let Some(datagram) = self.datagrams.pop_front() else { return Popped { bytes: 0, from_blobs: 0 } };
        let len = datagram.contents.len() as u64;
        self.waiting -= len;
        if let Contents::Blob { .. } = datagram.contents {
            return Popped { bytes: len, from_blobs: len };
        }
        if self.datagrams.is_empty() {
            self.base += self.bytes.len() as u64;
            self.bytes.clear();
            if self.bytes.capacity() > COMPACT_THRESHOLD {
                self.bytes.shrink_to(COMPACT_THRESHOLD);
            }
        } else if let Contents::Shared { start, len } = datagram.contents {
            let dead = (start - self.base) as usize + len;
            if dead >= COMPACT_THRESHOLD && dead * 2 >= self.bytes.len() {
                self.bytes.drain(..dead);
                self.base += dead as u64;
            }
        }
        Popped { bytes: len, from_blobs: 0 }
    }
}

impl Contents {
    /// The length of the datagram in bytes.
    fn len(&self) -> usize {
        match self {
            Self::Shared { len, .. } => *len,
            Self::Blob { size, .. } => *size as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(queue: &UdpQueue) -> Vec<usize> {
        queue.ready(64).map(|outgoing| outgoing.bytes.len()).collect()
    }

    fn pop(queue: &mut UdpQueue) -> (u64, u64) {
        let Popped { bytes, from_blobs } = queue.pop();
        (bytes, from_blobs)
    }

    #[test]
    fn datagrams_keep_their_bounds_and_wait_behind_a_blob() {
        let to: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mut queue = UdpQueue::default();
        queue.push(b"one", to, None).unwrap();
        queue.push(b"", to, None).unwrap();
        queue.push_blob(2, to, None).unwrap();
        queue.push(b"last", to, None).unwrap();
        assert_eq!(lengths(&queue), [3, 0]);
        assert_eq!((pop(&mut queue), pop(&mut queue)), ((3, 0), (0, 0)));
        assert!(queue.waits_for_blob());
        assert_eq!(queue.fill_blob(b"too long"), Ok(false));
        assert_eq!(queue.fill_blob(b"ab"), Ok(true));
        assert_eq!(lengths(&queue), [2, 4]);
        assert_eq!((pop(&mut queue), pop(&mut queue)), ((2, 2), (4, 0)));
        assert_eq!((queue.is_empty(), queue.waiting()), (true, 0));
    }

    #[test]
    fn memory_of_dropped_datagrams_is_used_again() {
        let to: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mut queue = UdpQueue::default();
        for n in 0..100u8 {
            queue.push(&vec![n; 10_000], to, None).unwrap();
        }
        for n in 0..100u8 {
            assert_eq!(queue.ready(1).next().unwrap().bytes, vec![n; 10_000]);
            queue.pop();
        }
        assert!(queue.bytes.capacity() <= COMPACT_THRESHOLD);
    }
}
