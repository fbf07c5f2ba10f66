use std::io;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::system::{cpu_time, main_thread_time};

/// How long a load may wait for its server before it checks the clock again.
pub const PATIENCE: Option<Duration> = Some(Duration::from_millis(20));

/// The measured part of a load. It begins when the warm-up is over, and ends by itself.
pub struct Measure {
    pid: i32,
    opens: Instant,
    length: Duration,
    window: Option<Window>,
}

struct Window {
    opened: Instant,
    server: Duration,
    script: Duration,
    own: Duration,
    units: u64,
}

impl Measure {
    /// Starts the warm-up.
    pub fn begin(arguments: &Arguments) -> Self {
        let Arguments { pid, warm, length, .. } = *arguments;
        Self { pid, opens: Instant::now() + warm, length, window: None }
    }

    /// Whether the warm-up is over.
    pub fn is_open(&self) -> bool {
        self.window.is_some()
    }

    /// Call it repeatedly with the number of units so far. It returns the report when the time is over.
    pub fn tick(&mut self, units: u64) -> io::Result<Option<Report>> {
        let now = Instant::now();
        let Some(window) = &self.window else {
            if now >= self.opens {
                let (server, script, own) = (cpu_time(self.pid)?, main_thread_time(self.pid)?, cpu_time(0)?);
                self.window = Some(Window { opened: Instant::now(), server, script, own, units });
            }
            return Ok(None);
        };
        if now - window.opened < self.length {
            return Ok(None);
        }
        let seconds = window.opened.elapsed().as_secs_f64();
        Ok(Some(Report {
            units: units - window.units,
            seconds,
            cpu: (cpu_time(self.pid)? - window.server).as_secs_f64(),
            script: (main_thread_time(self.pid)? - window.script).as_secs_f64(),
            busy: (cpu_time(0)? - window.own).as_secs_f64() / seconds,
            latencies: None,
            memory: None,
        }))
    }
}

/// The result of one measurement.
pub struct Report {
    /// Messages, datagrams, connections or bytes.
    pub units: u64,
    /// The duration in seconds.
    pub seconds: f64,
    /// The server's CPU time, in seconds.
    pub cpu: f64,
    /// The part of `cpu` that its main thread used, where its JavaScript runs.
    pub script: f64,
    /// The load generator's share of its core. Near 1, the server may have had spare time.
    pub busy: f64,
    /// Median and 99th percentile, in nanoseconds.
    pub latencies: Option<(u32, u32)>,
    /// The server's resident bytes for each unit.
    pub memory: Option<f64>,
}

impl Report {
    /// Adds the percentiles of round trips.
    pub fn with_latencies(mut self, mut latencies: Vec<u32>) -> Self {
        latencies.sort_unstable();
        let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or(0);
        self.latencies = Some((at(0.5), at(0.99)));
        self
    }

    /// The report as one line of JSON.
    pub fn to_json(&self) -> String {
        let Self { units, seconds, cpu, script, busy, .. } = self;
        let mut line = format!("{{\"units\":{units},\"seconds\":{seconds:.6},\"cpu\":{cpu:.9}");
        line += &format!(",\"script\":{script:.9},\"busy\":{busy:.3}");
        if let Some((p50, p99)) = self.latencies {
            line += &format!(",\"p50\":{p50},\"p99\":{p99}");
        }
        if let Some(memory) = self.memory {
            line += &format!(",\"memory\":{memory:.1}");
        }
        line + "}"
    }
}
