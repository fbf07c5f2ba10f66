use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use crate::arguments::Arguments;
use crate::measure::{Measure, PATIENCE, Report};
use crate::stream::Stream;
use crate::system::{EPOLLIN, EPOLLOUT, Epoll};

/// One connection: how much it still has to send, and how much of the returning message it has received.
pub struct Echoing {
    stream: Stream,
    unsent: usize,
    received: usize,
    watches_writes: bool,
}

impl Echoing {
    fn open(arguments: &Arguments, epoll: &Epoll, token: usize) -> io::Result<Self> {
        let stream = Stream::connect(arguments)?;
        stream.set_nodelay()?;
        stream.set_nonblocking(true)?;
        epoll.add(&stream, EPOLLIN, token)?;
        Ok(Self { stream, unsent: 0, received: 0, watches_writes: false })
    }

    /// Sends as much as it can, and watches for room if bytes are left.
    fn write(&mut self, pattern: &[u8], epoll: &Epoll, token: usize) -> io::Result<()> {
        while self.unsent > 0 {
            match (&self.stream).write(&pattern[..self.unsent.min(pattern.len())]) {
                Ok(written) => self.unsent -= written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.watches_writes != (self.unsent > 0) {
            self.watches_writes = self.unsent > 0;
            let interest = if self.watches_writes { EPOLLIN | EPOLLOUT } else { EPOLLIN };
            epoll.change(&self.stream, interest, token)?;
        }
        Ok(())
    }

    /// Reads once. Returns how many messages are complete.
    fn read(&mut self, buffer: &mut [u8], size: usize) -> io::Result<usize> {
        match (&self.stream).read(buffer) {
            Ok(0) => Err(io::Error::other("the server has ended a connection")),
            Ok(read) => {
                self.received += read;
                let messages = self.received / size;
                self.received %= size;
                Ok(messages)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// Each connection keeps `depth` messages under way: when one returns, it sends the next.
pub fn echo(arguments: &Arguments) -> io::Result<Report> {
    let Arguments { size, depth, spins, .. } = *arguments;
    let patience = if spins { Some(Duration::ZERO) } else { PATIENCE };
    let mut epoll = Epoll::new()?;
    let pattern = vec![b'x'; 256 * 1024];
    let mut buffer = vec![0; 256 * 1024];
    let mut connections = (0..arguments.connections)
        .map(|token| Echoing::open(arguments, &epoll, token))
        .collect::<io::Result<Vec<_>>>()?;
    for (token, connection) in connections.iter_mut().enumerate() {
        connection.unsent = size * depth;
        connection.write(&pattern, &epoll, token)?;
    }

    let mut measure = Measure::begin(arguments);
    let mut done = 0;
    let mut ready = Vec::new();
    loop {
        ready.clear();
        ready.extend(epoll.wait(patience)?);
        for &(token, readiness) in &ready {
            let connection = &mut connections[token];
            if readiness & !EPOLLOUT != 0 {
                let messages = connection.read(&mut buffer, size)?;
                done += messages as u64;
                connection.unsent += messages * size;
            }
            connection.write(&pattern, &epoll, token)?;
        }
        if let Some(report) = measure.tick(done)? {
            return Ok(report);
        }
    }
}
