use std::io::{self, ErrorKind, Read, Write};

use crate::arguments::Arguments;
use crate::measure::{Measure, PATIENCE, Report};
use crate::stream::Stream;
use crate::system::{EPOLLIN, EPOLLOUT, Epoll};

/// Bytes of one read or write. Larger calls gain nothing. Smaller ones would make the load generator the slower end.
const PIECE: usize = 256 * 1024;

fn open(arguments: &Arguments, epoll: &Epoll, interest: i32) -> io::Result<Vec<Stream>> {
    (0..arguments.connections)
        .map(|token| {
            let stream = Stream::connect(arguments)?;
            stream.set_nonblocking(true)?;
            epoll.add(&stream, interest, token)?;
            Ok(stream)
        })
        .collect()
}

/// Writes on every connection, as fast as the server reads.
pub fn upload(arguments: &Arguments) -> io::Result<Report> {
    let pattern = vec![b'x'; PIECE];
    pump(arguments, EPOLLOUT, |mut stream| stream.write(&pattern))
}

/// Writes lines of `size` bytes, line feed included, on one connection, as fast as the server reads.
pub fn lines(arguments: &Arguments) -> io::Result<Report> {
    if arguments.connections != 1 || arguments.size == 0 {
        return Err(io::Error::other("it takes one connection, and a size"));
    }
    let size = arguments.size;
    let mut line = vec![b'x'; size];
    line[size - 1] = b'\n';
    let pattern = line.repeat(PIECE.div_ceil(size) + 1);
    let mut sent = 0;
    pump(arguments, EPOLLOUT, |mut stream| {
        let start = sent % size;
        let written = stream.write(&pattern[start..start + PIECE])?;
        sent += written;
        Ok(written)
    })
}

/// Reads on every connection, as fast as the server writes.
pub fn download(arguments: &Arguments) -> io::Result<Report> {
    let mut buffer = vec![0; PIECE];
    pump(arguments, EPOLLIN, |mut stream| stream.read(&mut buffer))
}

fn pump(
    arguments: &Arguments,
    interest: i32,
    mut step: impl FnMut(&Stream) -> io::Result<usize>,
) -> io::Result<Report> {
    let mut epoll = Epoll::new()?;
    let connections = open(arguments, &epoll, interest)?;
    let mut measure = Measure::begin(arguments);
    let mut bytes = 0;
    loop {
        for (token, _) in epoll.wait(PATIENCE)? {
            match step(&connections[token]) {
                Ok(0) => return Err(io::Error::other("the server has ended a connection")),
                Ok(moved) => bytes += moved as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(report) = measure.tick(bytes)? {
            return Ok(report);
        }
    }
}
