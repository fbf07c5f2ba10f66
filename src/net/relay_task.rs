//! relay() of two plain connections on Linux, in a task of the shared runtime: their bytes reach neither JavaScript nor its
//! thread. In bulk they don't even enter the process: the kernel moves them through a pipe (splice(2)).

mod direction;

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use self::direction::{Direction, Loss, Pumped};
use super::inbox::Inbox;
use super::panics::{caught, panic_message};
use super::send_queue::SendQueue;
use super::syscall::Syscall;
use super::{Id, SocketError, hooks, runtime};

/// What a socket gives to the task.
pub struct RelayedStream {
    /// The connection. It belongs to no poll set any more.
    pub stream: std::net::TcpStream,
    /// What was sent before relay() and is not the system's yet: it leaves first.
    pub first: SendQueue,
    /// The socket, to be notified of the end.
    pub id: Id,
    /// Its peer, for errors.
    pub remote: std::net::SocketAddr,
}

/// How the task ended for one of the two sockets.
pub enum TaskEnd {
    /// Both peers have ended.
    Ended,
    /// This connection is lost.
    Lost(SocketError),
    /// The other connection is lost.
    OtherLost,
    /// The task was stopped: the connection, and what is still to be written to it.
    Stopped(std::net::TcpStream, Vec<u8>),
}

/// What the sockets and the task know of each other.
struct SharedRelay {
    state: Mutex<RelayState>,
    /// Bytes that went out to each and came from the other.
    passed: [AtomicU64; 2],
    /// Bytes of what was sent before that are the system's, since the last look.
    first_written: [AtomicU64; 2],
    /// Held while bytes are moved and counted: with it, every byte that was moved is counted.
    moving: Mutex<()>,
    /// Wakes the task for a command.
    commanded: Notify,
}

struct RelayState {
    /// How it ended for each, until its socket takes that.
    ends: [Option<TaskEnd>; 2],
    command: Command,
    /// The connections, to be reset from outside. `None` once the task has given them back.
    streams: Option<[Arc<TcpStream>; 2]>,
    /// Connections that are given back from now on are reset: no socket takes them.
    is_reset: bool,
}

impl RelayState {
    fn reset_stopped(&self) {
        for end in self.ends.iter().flatten() {
            if let TaskEnd::Stopped(stream, _) = end {
                reset_when_dropped(stream);
            }
        }
    }
}

/// What the sockets want of the task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    GoOn,
    /// Give the connections back.
    Stop,
    /// Drop the connections.
    Drop,
}

impl SharedRelay {
    /// A panic under the lock leaves the state as it was: every step in it is whole.
    fn state(&self) -> MutexGuard<'_, RelayState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self, command: Command) {
        self.state().command = command;
        self.commanded.notify_one();
    }
}

/// One socket's handle on the task. Dropped, it makes the task drop both connections.
pub struct TaskHandle {
    shared: Arc<SharedRelay>,
    /// Which of the two sockets: 0 or 1.
    side: usize,
}

impl TaskHandle {
    /// Takes how the task ended, once it has.
    pub fn take_end(&self) -> Option<TaskEnd> {
        self.shared.state().ends[self.side].take()
    }

    /// Bytes that went out to this socket's peer and came from the other socket.
    pub fn passed(&self) -> u64 {
        self.shared.passed[self.side].load(Ordering::Relaxed)
    }

    /// Bytes of what was sent before that have become the system's since the last look.
    pub fn take_first_written(&self) -> u64 {
        self.shared.first_written[self.side].swap(0, Ordering::Relaxed)
    }

    /// Makes the task give the connections back.
    pub fn stop(&self) {
        self.shared.command(Command::Stop);
    }

    /// Makes the task drop the connections, and both end with RST. No byte passes any more.
    pub fn reset(&self) {
        // This waits for one move of bytes, less than a millisecond.
        let _nothing_moves = self.shared.moving.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.command(Command::Drop);
        let mut state = self.shared.state();
        state.is_reset = true;
        if let Some(streams) = &state.streams {
            streams.iter().for_each(|stream| reset_when_dropped(&**stream));
        }
        // The task may have been about to give them back.
        state.reset_stopped();
    }
}

impl Drop for TaskHandle {
    fn drop(&mut self) {
        self.shared.command(Command::Drop);
    }
}

/// Starts the task. Where that fails, the connections are lost.
pub fn start(lent: [RelayedStream; 2], inbox: &Arc<Inbox>) -> Result<[TaskHandle; 2], SocketError> {
    let failed = |error| SocketError::system(Syscall::Watch, error);
    let runtime = runtime()?;
    let _guard = runtime.enter();
    let [a, b] = lent;
    let remotes = [a.remote, b.remote];
    let ids = [a.id, b.id];
    let firsts = [a.first, b.first];
    let streams = [
        Arc::new(TcpStream::from_std(a.stream).map_err(failed)?),
        Arc::new(TcpStream::from_std(b.stream).map_err(failed)?),
    ];
    let shared = Arc::new(SharedRelay {
        state: Mutex::new(RelayState {
            ends: [None, None],
            command: Command::GoOn,
            streams: Some(streams.clone()),
            is_reset: false,
        }),
        passed: Default::default(),
        first_written: Default::default(),
        moving: Mutex::default(),
        commanded: Notify::new(),
    });
    let [to_a, to_b] = firsts;
    let directions = [Direction::new(0, 1, to_b), Direction::new(1, 0, to_a)];
    let task = Task {
        shared: Arc::clone(&shared),
        streams: streams.into(),
        directions,
        remotes,
        ids,
        inbox: Arc::clone(inbox),
        is_over: false,
    };
    runtime.spawn(task.run());
    Ok([TaskHandle { shared: Arc::clone(&shared), side: 0 }, TaskHandle { shared, side: 1 }])
}

struct Task {
    shared: Arc<SharedRelay>,
    /// Both connections; empty once they are given back.
    streams: Vec<Arc<TcpStream>>,
    directions: [Direction; 2],
    remotes: [std::net::SocketAddr; 2],
    ids: [Id; 2],
    inbox: Arc<Inbox>,
    /// The end has been reported, or nobody waits for it.
    is_over: bool,
}

impl Task {
    /// A panic becomes the first socket's error, and the other one is lost with it.
    async fn run(mut self) {
        if let Err(panic) = caught(self.work()).await
            && !self.is_over
        {
            self.streams.iter().for_each(|stream| reset_when_dropped(&**stream));
            let message = panic_message(&*panic);
            self.report([TaskEnd::Lost(SocketError::Panic { message }), TaskEnd::OtherLost]);
        }
    }

    async fn work(&mut self) {
        // Streams on which an error was reported that turned out to be none.
        let mut quiet = [false; 2];
        loop {
            let command = self.shared.state().command;
            match command {
                Command::GoOn => {}
                Command::Stop => return self.give_back(),
                Command::Drop => return self.is_over = true,
            }
            match self.pump() {
                Err(loss) => return self.lose(loss),
                Ok(true) => {
                    tokio::task::yield_now().await;
                    continue;
                }
                Ok(false) => {}
            }
            if self.directions.iter().all(Direction::is_done) {
                return self.report([TaskEnd::Ended, TaskEnd::Ended]);
            }
            if let Some(side) = self.wait(quiet).await {
                match self.streams[side].take_error() {
                    Ok(Some(error)) => return self.lose(Loss { side, syscall: Syscall::Read, error }),
                    _ => quiet[side] = true,
                }
            }
        }
    }

    /// Moves what can be moved. Returns whether there is more at once.
    fn pump(&mut self) -> Result<bool, Loss> {
        let Self { shared, directions, streams, inbox, ids, .. } = self;
        let _moving = shared.moving.lock().unwrap_or_else(PoisonError::into_inner);
        hooks::pass("relay");
        if shared.state().command != Command::GoOn {
            return Ok(true);
        }
        let mut more = false;
        for direction in directions {
            let (to, before) = (direction.to, direction.first_left());
            let pumped = direction.pump(streams, &shared.passed[to]);
            let written = before - direction.first_left();
            if written > 0 {
                shared.first_written[to].fetch_add(written, Ordering::Relaxed);
                if direction.first_left() == 0 {
                    inbox.post(ids[to]);
                }
            }
            more |= pumped? == Pumped::More;
        }
        Ok(more)
    }

    /// Waits until something can be moved, or a command has come. Returns the side of a reported error.
    async fn wait(&self, quiet: [bool; 2]) -> Option<usize> {
        let reads = |side: usize| self.directions[side].awaits_bytes();
        // Where nothing is read, only this shows a loss.
        let watch = |side: usize| {
            let stream = (!quiet[side] && !reads(side)).then(|| &self.streams[side]);
            async move {
                match stream {
                    Some(stream) => drop(stream.ready(Interest::ERROR).await),
                    None => pending().await,
                }
            }
        };
        let (mut error_a, mut error_b) = (pin!(watch(0)), pin!(watch(1)));
        let mut commanded = pin!(self.shared.commanded.notified());
        poll_fn(|context| {
            if commanded.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            for direction in &self.directions {
                let ready = if direction.awaits_bytes() {
                    self.streams[direction.from].poll_read_ready(context).is_ready()
                } else if direction.awaits_room() {
                    self.streams[direction.to].poll_write_ready(context).is_ready()
                } else {
                    false
                };
                if ready {
                    return Poll::Ready(None);
                }
            }
            if error_a.as_mut().poll(context).is_ready() {
                return Poll::Ready(Some(0));
            }
            error_b.as_mut().poll(context).map(|()| Some(1))
        })
        .await
    }

    /// A connection is lost: the other one is reset.
    fn lose(&mut self, Loss { side, syscall, error }: Loss) {
        reset_when_dropped(&*self.streams[1 - side]);
        let lost = TaskEnd::Lost(SocketError::system_at(syscall, self.remotes[side], error));
        self.report(if side == 0 { [lost, TaskEnd::OtherLost] } else { [TaskEnd::OtherLost, lost] });
    }

    fn give_back(&mut self) {
        // Nobody else holds them from now on.
        drop(self.shared.state().streams.take());
        // The second direction has what goes to A.
        let left = [1, 0].map(|direction: usize| self.directions[direction].take_left());
        let mut streams = std::mem::take(&mut self.streams).into_iter();
        let mut end = |left| match streams.next().and_then(Arc::into_inner).map(TcpStream::into_std) {
            Some(Ok(stream)) => match left {
                Ok(left) => TaskEnd::Stopped(stream, left),
                Err(no_memory) => TaskEnd::Lost(SocketError::NoMemory(no_memory)),
            },
            Some(Err(error)) => TaskEnd::Lost(SocketError::system(Syscall::Watch, error)),
            None => TaskEnd::OtherLost,
        };
        let [left_a, left_b] = left;
        let ends = [end(left_a), end(left_b)];
        self.report(ends);
    }

    fn report(&mut self, [a, b]: [TaskEnd; 2]) {
        self.is_over = true;
        let mut state = self.shared.state();
        state.ends = [Some(a), Some(b)];
        state.streams = None;
        if state.is_reset {
            state.reset_stopped();
        }
        drop(state);
        for id in self.ids {
            self.inbox.post(id);
        }
    }
}

fn reset_when_dropped<'a, Stream>(stream: &'a Stream)
where
    SockRef<'a>: From<&'a Stream>,
{
    // Failing that, the peer sees FIN: the connection ends all the same.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
