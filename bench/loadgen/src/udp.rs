use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::batch::Batch;
use crate::measure::{Measure, Report};
use crate::system::{dropped, enlarge_buffers, sleep_exactly};

/// Datagrams in one system call.
const BATCH: usize = 64;
/// Bytes of a socket buffer: as much as a server sends while this process does not run.
const BUFFERS: i32 = 8 << 20;

/// How long [`sink`] sleeps between two reads, and how long it waits for silence.
const NAP: Duration = Duration::from_micros(200);
const SILENCE: Duration = Duration::from_secs(5);

/// The two commands for a server of the kind udp-send: begin to send to the sender of the command, and stop.
pub const BEGIN: u8 = b'b';
pub const STOP: u8 = b's';

fn open(arguments: &Arguments) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    enlarge_buffers(&socket, BUFFERS);
    socket.connect(arguments.address())?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    Ok(socket)
}

/// Keeps `depth` datagrams under way to an echo server and back.
pub fn echo(arguments: &Arguments) -> io::Result<Report> {
    let socket = open(arguments)?;
    let mut batch = Batch::new(arguments.depth, arguments.size);
    let mut measure = Measure::begin(arguments);
    let mut done = 0;
    batch.send(&socket, arguments.depth, None)?;
    loop {
        match batch.receive(&socket, false) {
            Ok(count) => {
                done += count as u64;
                batch.send(&socket, count, None)?;
            }
            // All of them are lost: none is under way any more.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                batch.send(&socket, arguments.depth, None)?;
            }
            Err(error) => return Err(error),
        }
        if let Some(report) = measure.tick(done)? {
            // Wait for datagrams under way. Otherwise the server would get an error, because this port is closed.
            while batch.receive(&socket, false).is_ok() {}
            return Ok(report);
        }
    }
}

/// Sends without a pause. A unit is a datagram that the server has received, because its socket's buffer had room.
pub fn flood(arguments: &Arguments) -> io::Result<Report> {
    let socket = open(arguments)?;
    let mut batch = Batch::new(BATCH, arguments.size);
    let mut measure = Measure::begin(arguments);
    let (mut sent, mut dropped_before) = (0, None);
    loop {
        sent += batch.send(&socket, BATCH, None)? as u64;
        if measure.is_open() && dropped_before.is_none() {
            dropped_before = Some(dropped(arguments.port)?);
        }
        if let Some(mut report) = measure.tick(sent)? {
            report.units -= (dropped(arguments.port)? - dropped_before.unwrap_or(0)).min(report.units);
            return Ok(report);
        }
    }
}

/// Receives from a server of the kind udp-send. Each datagram begins with its number, so a unit is one that was
/// sent, received or not. This load sleeps instead of waiting on the socket, because waking it would cost the sender time.
pub fn sink(arguments: &Arguments) -> io::Result<Report> {
    let socket = open(arguments)?;
    let mut batch = Batch::new(BATCH, arguments.size);
    let mut measure = Measure::begin(arguments);
    socket.send(&[BEGIN])?;
    socket.set_nonblocking(true)?;
    sleep_exactly();
    let (mut last, mut sent, mut heard) = (0_u32, 0_u64, Instant::now());
    let report = loop {
        match batch.receive(&socket, false) {
            Ok(count) => {
                heard = Instant::now();
                let number = batch.datagram(count - 1).first_chunk().copied().map_or(last, u32::from_be_bytes);
                sent += u64::from(number.wrapping_sub(last));
                last = number;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && heard.elapsed() < SILENCE => std::thread::sleep(NAP),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(io::Error::other("nothing comes")),
            Err(error) => return Err(error),
        }
        if let Some(report) = measure.tick(sent)? {
            break report;
        }
    };
    socket.set_nonblocking(false)?;
    // Wait for silence, so that late datagrams do not disturb the next server.
    socket.send(&[STOP])?;
    while batch.receive(&socket, false).is_ok() {}
    Ok(report)
}
