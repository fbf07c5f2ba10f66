use std::collections::VecDeque;
use std::net::SocketAddr;

use super::memory::{self, NoMemory};

/// Datagrams waiting for the system, in the order of the send() calls. Short ones share one run of memory.
#[derive(Default)]
pub struct UdpQueue {
    datagrams: VecDeque<Datagram>,
    /// The bytes of those that are not Blobs, one after the other, from offset `base` on.
    bytes: Vec<u8>,
    base: u64,
    /// Payload of all datagrams, Blobs still to be read included.
    waiting: u64,
}

struct Datagram {
    to: SocketAddr,
    payload: Payload,
}

enum Payload {
    Shared { start: u64, len: usize },
    Blob { size: u64, data: Option<Vec<u8>> },
}

/// Dead bytes in front are moved out of the way once they are this many.
const COMPACT: usize = 256 * 1024;

impl UdpQueue {
    /// How many datagrams wait.
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Appends a copy of `bytes` for `to`.
    pub fn push(&mut self, bytes: &[u8], to: SocketAddr) -> Result<(), NoMemory> {
        let start = self.base + self.bytes.len() as u64;
        memory::room_for_one(&mut self.datagrams)?;
        memory::append(&mut self.bytes, bytes)?;
        self.waiting += bytes.len() as u64;
        self.datagrams.push_back(Datagram { to, payload: Payload::Shared { start, len: bytes.len() } });
        Ok(())
    }

    /// Keeps the place of a Blob for `to`.
    pub fn push_blob(&mut self, size: u64, to: SocketAddr) -> Result<(), NoMemory> {
        memory::room_for_one(&mut self.datagrams)?;
        self.waiting += size;
        self.datagrams.push_back(Datagram { to, payload: Payload::Blob { size, data: None } });
        Ok(())
    }

    /// Whether the first datagram is a Blob that has not been read.
    pub fn waits_for_blob(&self) -> bool {
        matches!(self.datagrams.front(), Some(Datagram { payload: Payload::Blob { data: None, .. }, .. }))
    }

    /// The bytes of the first unread Blob; refused where they are not as many as its size said.
    pub fn fill_blob(&mut self, bytes: &[u8]) -> Result<bool, NoMemory> {
        for datagram in &mut self.datagrams {
            if let Payload::Blob { size, data: data @ None } = &mut datagram.payload {
                if *size != bytes.len() as u64 {
                    return Ok(false);
                }
                *data = Some(memory::copy(bytes)?);
                return Ok(true);
            }
        }
        Ok(true)
    }

    /// Drops the first unread Blob. Returns its size.
    pub fn drop_blob(&mut self) -> Option<(SocketAddr, u64)> {
        let at =
            self.datagrams.iter().position(|datagram| matches!(datagram.payload, Payload::Blob { data: None, .. }))?;
        let Datagram { to, payload } = self.datagrams.remove(at)?;
        let size = payload.len() as u64;
        self.waiting -= size;
        Some((to, size))
    }

    /// The first datagrams that can be sent now, at most `most`.
    pub fn ready(&self, most: usize) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        self.datagrams.iter().take(most).map_while(|datagram| {
            let bytes = match &datagram.payload {
                Payload::Shared { start, len } => {
                    let start = (start - self.base) as usize;
                    &self.bytes[start..start + len]
                }
                Payload::Blob { data, .. } => data.as_deref()?,
            };
            Some((datagram.to, bytes))
        })
    }

    /// Drops the first datagram. Returns its length and, of that, what was a Blob's.
    pub fn pop(&mut self) -> (u64, u64) {
        let Some(datagram) = self.datagrams.pop_front() else { return (0, 0) };
        let len = datagram.payload.len() as u64;
        self.waiting -= len;
        if let Payload::Blob { .. } = datagram.payload {
            return (len, len);
        }
        if self.datagrams.is_empty() {
            self.base += self.bytes.len() as u64;
            self.bytes.clear();
            if self.bytes.capacity() > COMPACT {
                self.bytes.shrink_to(COMPACT);
            }
        } else if let Payload::Shared { start, len } = datagram.payload {
            let dead = (start - self.base) as usize + len;
            if dead >= COMPACT && dead * 2 >= self.bytes.len() {
                self.bytes.drain(..dead);
                self.base += dead as u64;
            }
        }
        (len, 0)
    }
}

impl Payload {
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
        queue.ready(64).map(|(_, bytes)| bytes.len()).collect()
    }

    #[test]
    fn datagrams_keep_their_bounds_and_wait_behind_a_blob() {
        let to: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mut queue = UdpQueue::default();
        queue.push(b"one", to).unwrap();
        queue.push(b"", to).unwrap();
        queue.push_blob(2, to).unwrap();
        queue.push(b"last", to).unwrap();
        assert_eq!(lengths(&queue), [3, 0]);
        assert_eq!((queue.pop(), queue.pop()), ((3, 0), (0, 0)));
        assert!(queue.waits_for_blob());
        assert_eq!(queue.fill_blob(b"too long"), Ok(false));
        assert_eq!(queue.fill_blob(b"ab"), Ok(true));
        assert_eq!(lengths(&queue), [2, 4]);
        assert_eq!((queue.pop(), queue.pop()), ((2, 2), (4, 0)));
        assert_eq!((queue.is_empty(), queue.waiting()), (true, 0));
    }

    #[test]
    fn dead_bytes_are_moved_out_of_the_way() {
        let to: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mut queue = UdpQueue::default();
        for n in 0..100u8 {
            queue.push(&vec![n; 10_000], to).unwrap();
        }
        for n in 0..100u8 {
            assert_eq!(queue.ready(1).next().unwrap().1, vec![n; 10_000]);
            queue.pop();
        }
        assert!(queue.bytes.capacity() <= COMPACT);
    }
}
