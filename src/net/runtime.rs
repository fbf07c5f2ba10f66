use std::io;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

/// The one tokio runtime of the process, made when it is first needed and never shut down: its threads end with
/// the process (the addon is linked so that it is never unmapped under them, see build.rs). It needs descriptors and
/// threads, which may be wanting: then the next call tries again.
pub fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    // Four threads at most: they carry timers and watches, the sockets' own I/O is on the JavaScript threads.
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(4));
    let made = Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("tcp-udp-sockets")
        .enable_io()
        .enable_time()
        .build()?;
    Ok(RUNTIME.get_or_init(|| made))
}
