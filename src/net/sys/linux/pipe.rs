//! Pipes through which the kernel moves a connection's bytes. They are few and are used again; a direction that gets none copies.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes that a pipe holds: twice what a copying relay reads at once.
const CAPACITY: usize = 256 * 1024;
/// The most pipes of the process, two descriptors each.
const MOST_PIPES: usize = 256;
/// How many of those are kept while no relay needs them.
const FREE_PIPES: usize = 16;

/// How many pipes there are.
static PIPES: AtomicUsize = AtomicUsize::new(0);
/// Pipes that no relay needs.
static EMPTY: Mutex<Vec<Pipe>> = Mutex::new(Vec::new());

pub struct Pipe {
    output: File,
    input: File,
}

/// An empty pipe; none where there are no descriptors for it, or too many pipes.
pub fn take_pipe() -> Option<Pipe> {
    let free = EMPTY.lock().unwrap_or_else(PoisonError::into_inner).pop();
    free.or_else(Pipe::new)
}

/// Keeps an emptied pipe for the next.
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
        // SAFETY: `ends` has room for the two descriptors that the call writes.
        if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
            PIPES.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        // SAFETY: two new descriptors, each owned once.
        let [output, input] = ends.map(|end| unsafe { File::from_raw_fd(end) });
        // SAFETY: the call takes a descriptor, which `input` keeps open, and numbers. Refused, the pipe is smaller.
        unsafe { libc::fcntl(input.as_raw_fd(), libc::F_SETPIPE_SZ, CAPACITY as libc::c_int) };
        Some(Self { output, input })
    }

    /// Moves bytes from a socket into the pipe, which is empty: WouldBlock says that the socket has none.
    pub fn fill_from(&self, socket: &impl AsRawFd) -> io::Result<usize> {
        splice(socket.as_raw_fd(), self.input.as_raw_fd(), CAPACITY)
    }

    /// Moves up to `bytes` from the pipe to a socket.
    pub fn empty_into(&self, socket: &impl AsRawFd, bytes: usize) -> io::Result<usize> {
        splice(self.output.as_raw_fd(), socket.as_raw_fd(), bytes)
    }

    /// Appends the `bytes` that are in it.
    pub fn read_rest(&self, bytes: usize, to: &mut Vec<u8>) {
        // They are in memory already: nothing can fail.
        let _ = (&self.output).take(bytes as u64).read_to_end(to);
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        PIPES.fetch_sub(1, Ordering::Relaxed);
    }
}

fn splice(from: RawFd, to: RawFd, bytes: usize) -> io::Result<usize> {
    let flags = libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK;
    // SAFETY: the call moves bytes between descriptors, which their owners keep open meanwhile; without offsets there is no pointer.
    let moved = unsafe { libc::splice(from, std::ptr::null_mut(), to, std::ptr::null_mut(), bytes, flags) };
    usize::try_from(moved).map_err(|_| io::Error::last_os_error())
}
