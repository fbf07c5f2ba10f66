//! The system calls that std lacks, each behind a safe function.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

pub use libc::{EPOLLIN, EPOLLOUT};

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// One epoll set, level-triggered.
pub struct Epoll {
    set: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Epoll {
    /// An empty set.
    pub fn new() -> io::Result<Self> {
        // SAFETY: a plain system call; the descriptor is ours alone.
        let set = unsafe { OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
        Ok(Self { set, events: Vec::with_capacity(1024) })
    }

    fn control(&self, operation: i32, member: &impl AsFd, interest: i32, token: usize) -> io::Result<()> {
        let mut event = libc::epoll_event { events: interest as u32, u64: token as u64 };
        // SAFETY: both descriptors are open; `event` lives through the call.
        check(unsafe { libc::epoll_ctl(self.set.as_raw_fd(), operation, member.as_fd().as_raw_fd(), &raw mut event) })?;
        Ok(())
    }

    /// Watches a descriptor. It leaves the set when it is closed.
    pub fn add(&self, member: &impl AsFd, interest: i32, token: usize) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, member, interest, token)
    }

    /// Changes what the descriptor is watched for.
    pub fn change(&self, member: &impl AsFd, interest: i32, token: usize) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, member, interest, token)
    }

    /// Waits at most `limit` (`None`: without limit), then passes each ready member's token and readiness.
    pub fn wait(&mut self, limit: Option<Duration>) -> io::Result<impl Iterator<Item = (usize, i32)>> {
        let limit = limit.map_or(-1, |limit| limit.as_millis() as i32);
        let (set, first, room) = (self.set.as_raw_fd(), self.events.as_mut_ptr(), self.events.capacity());
        // SAFETY: the vector has room for as many events as the call is given; the call returns how many it has written.
        match check(unsafe { libc::epoll_wait(set, first, room as i32, limit) }) {
            // SAFETY: epoll_wait has just written this many events.
            Ok(count) => unsafe { self.events.set_len(count as usize) },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            Err(error) => return Err(error),
        }
        Ok(self.events.iter().map(|event| (event.u64 as usize, event.events as i32)))
    }
}

/// A process's CPU time so far, user and system, of all threads, also those that have ended. It is utime + stime of
/// /proc/PID/stat, but in nanoseconds instead of ticks of 10 ms.
pub fn cpu_time(pid: i32) -> io::Result<Duration> {
    let mut clock = 0;
    // SAFETY: the call writes `clock`, and returns an error number.
    let error = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes `time`.
    check(unsafe { libc::clock_gettime(clock, &raw mut time) })?;
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// The CPU time so far of a process's main thread. No clock shows other processes' threads, but the scheduler
/// reports their time in nanoseconds. Without that report only utime and stime are left, in ticks.
pub fn main_thread_time(pid: i32) -> io::Result<Duration> {
    if let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/schedstat"))
        && let Some(nanoseconds) = text.split(' ').next().and_then(|word| word.parse().ok())
    {
        return Ok(Duration::from_nanos(nanoseconds));
    }
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/stat"))?;
    // The fields from the third on, after the name, which may contain blanks and brackets.
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|word| word.parse::<u64>().ok()).sum();
    // SAFETY: sysconf takes a number and no pointer.
    let each_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
    Ok(Duration::from_secs_f64(ticks as f64 / each_second))
}

/// A process's own resident memory in bytes. Pages of files do not count, since code that runs for the first time is no connection's memory.
pub fn resident(pid: i32) -> io::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let mut words = text.split(' ').skip(1).map(|word| word.parse().unwrap_or(0));
    let (resident, of_files): (u64, u64) = (words.next().unwrap_or(0), words.next().unwrap_or(0));
    let pages = resident.saturating_sub(of_files);
    // SAFETY: sysconf takes a number and no pointer.
    Ok(pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64)
}

/// How many datagrams the system has dropped because the UDP socket on this IPv4 port was full.
pub fn dropped(port: u16) -> io::Result<u64> {
    let table = std::fs::read_to_string("/proc/net/udp")?;
    let wanted = format!(":{port:04X}");
    let drops = table.lines().skip(1).find_map(|line| {
        let mut words = line.split_whitespace();
        words.nth(1).filter(|local| local.ends_with(&wanted))?;
        words.next_back()?.parse().ok()
    });
    drops.ok_or_else(|| io::Error::other(format!("no UDP socket has port {port}")))
}

/// Requests receive and send buffers of this size, beyond the system's limit if that is permitted.
pub fn enlarge_buffers(socket: &UdpSocket, bytes: i32) {
    for option in [libc::SO_RCVBUF, libc::SO_RCVBUFFORCE, libc::SO_SNDBUF, libc::SO_SNDBUFFORCE] {
        // SAFETY: the option's value is an int. If the call fails, the buffer stays smaller, and the report's figures show it.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const bytes).cast(),
                size_of_val(&bytes) as libc::socklen_t,
            );
        }
    }
}

/// Makes sleeps end on time, not up to 50 us later.
pub fn sleep_exactly() {
    // SAFETY: the call sets the calling thread's timer slack, in nanoseconds.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64) };
}
