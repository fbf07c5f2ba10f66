use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

/// The `--name value` pairs of the command line.
#[derive(Clone)]
pub struct Arguments {
    /// The server's port on 127.0.0.1.
    pub port: u16,
    /// The path of the server's Unix socket; None: the server has a port.
    pub path: Option<PathBuf>,
    /// The server's process, whose CPU time is measured; absent: this process itself.
    pub pid: i32,
    /// Seconds of load before the measurement starts: engines compile, buffers grow.
    pub warm: Duration,
    /// Seconds of the measurement.
    pub length: Duration,
    /// Connections at the same time.
    pub connections: usize,
    /// Bytes of a message.
    pub size: usize,
    /// Messages under way at the same time.
    pub depth: usize,
    /// True: the load never sleeps. It asks again and again what is ready, so no server pays for its wake-ups.
    pub spins: bool,
}

impl Arguments {
    /// Parses the words after the subcommand.
    pub fn parse(mut words: impl Iterator<Item = String>) -> io::Result<Self> {
        let mut arguments = Self {
            port: 0,
            path: None,
            pid: std::process::id() as i32,
            warm: Duration::from_millis(300),
            length: Duration::from_secs(1),
            connections: 1,
            size: 64,
            depth: 1,
            spins: false,
        };
        while let Some(name) = words.next() {
            let word = words.next().ok_or_else(|| io::Error::other(format!("{name} needs a value")))?;
            if name == "--path" {
                arguments.path = Some(word.into());
                continue;
            }
            let value: f64 = word.parse().map_err(|_| io::Error::other(format!("{name} needs a number")))?;
            match name.as_str() {
                "--port" => arguments.port = value as u16,
                "--pid" => arguments.pid = value as i32,
                "--warm" => arguments.warm = Duration::from_secs_f64(value),
                "--seconds" => arguments.length = Duration::from_secs_f64(value),
                "--connections" => arguments.connections = value as usize,
                "--size" => arguments.size = value as usize,
                "--depth" => arguments.depth = value as usize,
                "--spin" => arguments.spins = value != 0.0,
                _ => return Err(io::Error::other(format!("{name} is no option"))),
            }
        }
        Ok(arguments)
    }

    /// The address of the server's port.
    pub fn address(&self) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.port)
    }
}
