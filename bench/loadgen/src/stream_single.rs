use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::measure::{Measure, Report};
use crate::stream::Stream;
use crate::system::sleep_exactly;

/// How many messages [`sparse`] sends in a second.
const SPARSE_RATE: u32 = 1000;

fn open(arguments: &Arguments) -> io::Result<Stream> {
    let stream = Stream::connect(arguments)?;
    stream.set_nodelay()?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Sends one message and spins until all of it has returned. So the time of this process's wake-up does not count.
fn exchange(mut stream: &Stream, message: &[u8], buffer: &mut [u8]) -> io::Result<Duration> {
    let start = Instant::now();
    stream.write_all(message)?;
    let mut received = 0;
    while received < message.len() {
        match stream.read(buffer) {
            Ok(0) => return Err(io::Error::other("the server has ended the connection")),
            Ok(read) => received += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            Err(error) => return Err(error),
        }
    }
    Ok(start.elapsed())
}

/// One message at a time, the next as soon as the last has returned.
pub fn round_trip(arguments: &Arguments) -> io::Result<Report> {
    run(arguments, |_| {})
}

/// One message in each millisecond, however long the last one took.
pub fn sparse(arguments: &Arguments) -> io::Result<Report> {
    sleep_exactly();
    let start = Instant::now();
    run(arguments, |count| {
        let due = start + Duration::from_secs(1) * count / SPARSE_RATE;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    })
}

fn run(arguments: &Arguments, pause: impl Fn(u32)) -> io::Result<Report> {
    let stream = open(arguments)?;
    let (message, mut buffer) = (vec![b'x'; arguments.size], vec![0; arguments.size]);
    let mut measure = Measure::begin(arguments);
    let (mut done, mut latencies) = (0, Vec::with_capacity(1 << 20));
    loop {
        pause(done);
        let took = exchange(&stream, &message, &mut buffer)?;
        done += 1;
        if measure.is_open() {
            latencies.push(took.as_nanos() as u32);
        }
        if let Some(report) = measure.tick(done.into())? {
            return Ok(report.with_latencies(latencies));
        }
    }
}
