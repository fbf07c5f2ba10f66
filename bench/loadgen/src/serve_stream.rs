//! The raw servers over TCP and over Unix sockets: one thread, one epoll set, nothing else. All cost above theirs is a runtime's own.

use std::io::{self, ErrorKind, Read, Write};

use crate::arguments::Arguments;
use crate::stream::{Listener, Stream};
use crate::system::{EPOLLIN, EPOLLOUT, Epoll};

/// The token of the listening socket; connections have their index.
const LISTENER: usize = usize::MAX;
/// The most bytes of one read.
const READ: usize = 256 * 1024;

/// A connection, and the part of its answer that the system has not taken yet.
struct Peer {
    stream: Stream,
    unsent: Vec<u8>,
}

/// The state of a connection after a step.
enum Next {
    Stay,
    End,
}

/// Serves until the process ends. `step` is called with each connection that is ready for `interest`.
fn serve(
    arguments: &Arguments,
    interest: i32,
    mut step: impl FnMut(&mut Peer, usize, i32, &Epoll) -> io::Result<Next>,
) -> io::Result<()> {
    let listener = Listener::open(arguments)?;
    let mut epoll = Epoll::new()?;
    epoll.add(&listener, EPOLLIN, LISTENER)?;
    let mut peers: Vec<Option<Peer>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut ready = Vec::new();
    loop {
        ready.clear();
        ready.extend(epoll.wait(None)?);
        for &(token, readiness) in &ready {
            if token == LISTENER {
                while let Ok(stream) = listener.accept() {
                    let token = free.pop().unwrap_or_else(|| {
                        peers.push(None);
                        peers.len() - 1
                    });
                    epoll.add(&stream, interest, token)?;
                    peers[token] = Some(Peer { stream, unsent: Vec::new() });
                }
            } else if let Some(peer) = &mut peers[token]
                // A connection that failed is closed like one that ended.
                && let Next::End = step(peer, token, readiness, &epoll).unwrap_or(Next::End)
            {
                peers[token] = None;
                free.push(token);
            }
        }
    }
}

/// Reads once; `None` if there is nothing to read.
fn read<'a>(mut stream: &Stream, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
    match stream.read(buffer) {
        Ok(count) => Ok(Some(&buffer[..count])),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes once. Returns how many bytes the system took.
fn write(mut stream: &Stream, bytes: &[u8]) -> io::Result<usize> {
    match stream.write(bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        written => written,
    }
}

/// Sends received bytes back. While an answer waits for room it reads no more from that connection.
pub fn echo(arguments: &Arguments) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    serve(arguments, EPOLLIN, |peer, token, readiness, epoll| {
        let Peer { stream, unsent } = peer;
        if !unsent.is_empty() {
            let written = write(stream, unsent)?;
            unsent.drain(..written);
            if unsent.is_empty() {
                epoll.change(stream, EPOLLIN, token)?;
            }
            return Ok(Next::Stay);
        }
        if readiness & !EPOLLOUT == 0 {
            return Ok(Next::Stay);
        }
        let Some(bytes) = read(stream, &mut buffer)? else { return Ok(Next::Stay) };
        if bytes.is_empty() {
            return Ok(Next::End);
        }
        let written = write(stream, bytes)?;
        if written < bytes.len() {
            unsent.extend_from_slice(&bytes[written..]);
            epoll.change(stream, EPOLLOUT, token)?;
        }
        Ok(Next::Stay)
    })
}

/// Reads and discards.
pub fn discard(arguments: &Arguments) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    serve(arguments, EPOLLIN, |peer, _, _, _| match read(&peer.stream, &mut buffer)? {
        Some([]) => Ok(Next::End),
        _ => Ok(Next::Stay),
    })
}

/// Writes `size` bytes at a time, as fast as the peer reads them.
pub fn send(arguments: &Arguments) -> io::Result<()> {
    let chunk = vec![b'x'; arguments.size];
    serve(arguments, EPOLLOUT, |peer, _, _, _| {
        while write(&peer.stream, &chunk)? == chunk.len() {}
        Ok(Next::Stay)
    })
}

/// Receives one byte, sends one byte, and ends.
pub fn once(arguments: &Arguments) -> io::Result<()> {
    serve(arguments, EPOLLIN, |peer, _, _, _| {
        let mut byte = [0];
        match read(&peer.stream, &mut byte)? {
            None => Ok(Next::Stay),
            Some(bytes) => {
                let bytes = bytes.to_vec();
                write(&peer.stream, &bytes)?;
                Ok(Next::End)
            }
        }
    })
}
