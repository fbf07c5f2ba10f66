use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use crate::arguments::Arguments;
use crate::measure::{Measure, PATIENCE, Report};
use crate::stream::Stream;
use crate::system::{EPOLLIN, Epoll, resident};

/// How many connections [`idle`] opens together: fewer than any server's backlog, so that none needs a second SYN.
const OPENED_TOGETHER: usize = 64;
/// How many connections [`idle`] opens before it measures.
const FIRST: usize = 200;
/// How long a server may take to come to rest before its memory is read.
const SETTLING: Duration = Duration::from_millis(500);

/// Connects, and sends one byte.
fn open(arguments: &Arguments, epoll: &Epoll, token: usize) -> io::Result<Stream> {
    let stream = Stream::connect(arguments)?;
    (&stream).write_all(b"x")?;
    stream.set_nonblocking(true)?;
    epoll.add(&stream, EPOLLIN, token)?;
    Ok(stream)
}

/// `connections` clients at a time. Each connects, sends a byte, receives one and the end, and ends too. Then the next one follows.
/// The server ends first, so that no client's port stays in TIME_WAIT.
pub fn connect(arguments: &Arguments) -> io::Result<Report> {
    let mut epoll = Epoll::new()?;
    let mut clients =
        (0..arguments.connections).map(|token| open(arguments, &epoll, token)).collect::<io::Result<Vec<_>>>()?;
    let mut measure = Measure::begin(arguments);
    let mut done = 0;
    let mut ready = Vec::new();
    loop {
        ready.clear();
        ready.extend(epoll.wait(PATIENCE)?);
        for &(token, _) in &ready {
            match (&clients[token]).read(&mut [0; 16]) {
                Ok(0) => {
                    done += 1;
                    clients[token] = open(arguments, &epoll, token)?;
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(report) = measure.tick(done)? {
            return Ok(report);
        }
    }
}

/// Opens `connections` to an echo server, uses each once, and keeps all open. It measures the server's memory for each. `FIRST` connections
/// come before and do not count: with them the server loads what it needs once.
pub fn idle(arguments: &Arguments) -> io::Result<Report> {
    let epoll = Epoll::new()?;
    let mut held = Vec::with_capacity(FIRST + arguments.connections);
    hold(FIRST, &mut held, arguments, &epoll)?;
    std::thread::sleep(SETTLING);
    let before = resident(arguments.pid)?;
    // The measured part opens at once, and closes when it is asked.
    let mut measure = Measure::begin(&Arguments { warm: Duration::ZERO, length: Duration::ZERO, ..arguments.clone() });
    measure.tick(0)?;
    hold(arguments.connections, &mut held, arguments, &epoll)?;
    std::thread::sleep(SETTLING);
    let report = measure.tick(arguments.connections as u64)?;
    let mut report = report.ok_or_else(|| io::Error::other("no time has passed"))?;
    report.memory = Some((resident(arguments.pid)? as f64 - before as f64) / arguments.connections as f64);
    Ok(report)
}

/// Opens `count` more connections, and uses each once.
fn hold(count: usize, held: &mut Vec<Stream>, arguments: &Arguments, epoll: &Epoll) -> io::Result<()> {
    let end = held.len() + count;
    while held.len() < end {
        let first = held.len();
        for token in first..(first + OPENED_TOGETHER).min(end) {
            held.push(open(arguments, epoll, token)?);
        }
        for mut stream in &held[first..] {
            stream.set_nonblocking(false)?;
            stream.read_exact(&mut [0])?;
        }
    }
    Ok(())
}
