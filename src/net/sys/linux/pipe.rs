//! Pipes through which the kernel moves bytes from one socket of a relay to the other (splice). There are few pipes, and they are used
//! again. If a relay gets no pipe for a direction, it copies the bytes of this direction.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The capacity of a pipe in bytes: twice what a copying relay reads at once.
const CAPACITY: usize = 256 * 1024;
/// The most pipes of the process. Each has two descriptors.
const MOST_PIPES: usize = 256;
/// The most pipes that are kept while no relay needs them.
const FREE_PIPES: usize = 16;

/// How many pipes exist now.
static PIPES: AtomicUsize = AtomicUsize::new(0);
/// The pipes that no relay uses. They are empty.
static EMPTY: Mutex<Vec<Pipe>> = Mutex::new(Vec::new());

/// A pipe of the system. It is empty when no relay uses it.
pub struct Pipe {
    /// The end from which bytes are read.
    output: File,
    /// The end to which bytes are written.
    input: File,
}

/// Returns an empty pipe. None: the process has no descriptors left for it, or [`MOST_PIPES`] pipes exist.
pub fn take_pipe() -> Option<Pipe> {
    let free = EMPTY.lock().unwrap_or_else(PoisonError::into_inner).pop();
    free.or_else(Pipe::new)
}

/// Keeps an empty pipe for the next relay, or closes it if enough are kept.
pub fn put_back_pipe(pipe: Pipe) {
    let mut free = EMPTY.lock().unwrap_or_else(PoisonError::into_inner);
    if free.len() < FREE_PIPES {
        free.push(pipe);
    }
}

impl Pipe {
    fn new() -> Option<Self> {
        if PIPES.fetch_add(1, Ordering::Relaxed) >= MOST_PIPES {
            PIPES.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let mut ends = [0; 2];
        // SAFETY: the pointer is that of `ends`, which has room for the two descriptors that the call writes.
        if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
            PIPES.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        // SAFETY: the call has succeeded, so both descriptors are new and open, and nothing else owns them. Each goes into one File.
        let [output, input] = ends.map(|end| unsafe { File::from_raw_fd(end) });
        // SAFETY: the call takes only numbers, and `input` keeps the descriptor open. If the system refuses the size, the pipe keeps a
        // smaller one.
        unsafe { libc::fcntl(input.as_raw_fd(), libc::F_SETPIPE_SZ, CAPACITY as libc::c_int) };
        Some(Self { output, input })
    }

    /// Moves bytes from a socket into the pipe, which must be empty. Then WouldBlock means that the socket has no bytes, not that the pipe
    /// is full.
    pub fn fill_from(&self, socket: &impl AsRawFd) -> io::Result<usize> {
        splice(socket.as_raw_fd(), self.input.as_raw_fd(), CAPACITY)
    }

    /// Moves up to `bytes` bytes from the pipe to a socket.
    pub fn empty_into(&self, socket: &impl AsRawFd, bytes: usize) -> io::Result<usize> {
        splice(self.output.as_raw_fd(), socket.as_raw_fd(), bytes)
    }

    /// Reads the `bytes` bytes that are left in the pipe, and appends them to `to`.
    pub fn read_rest(&self, bytes: usize, to: &mut Vec<u8>) {
        // The pipe contains these bytes, so the read does not block or fail.
        let _ = (&self.output).take(bytes as u64).read_to_end(to);
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        PIPES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Moves up to `bytes` bytes from one descriptor to another (splice(2)). One of the two must be a pipe.
fn splice(from: RawFd, to: RawFd, bytes: usize) -> io::Result<usize> {
    let flags = libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK;
    // SAFETY: the call takes two descriptors, which the callers keep open until it returns. Both pointers to offsets are null, which is
    // allowed.
    let moved = unsafe { libc::splice(from, std::ptr::null_mut(), to, std::ptr::null_mut(), bytes, flags) };
    usize::try_from(moved).map_err(|_| io::Error::last_os_error())
}
