//! relay() for two plain connections on Linux. A task of the shared runtime moves the bytes, so they reach neither JavaScript nor its
//! thread. Large amounts do not even enter the process: the kernel moves them through a pipe (splice(2)).

mod direction;

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Instant;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::sync::Notify;

use self::direction::{Direction, Loss, Pumped};
use super::activity::Activity;
use super::endpoint::Endpoint;
use super::figures::Figures;
use super::inbox::Inbox;
use super::panics::{caught, panic_message};
use super::send_queue::SendQueue;
use super::stream_handle::{StdStream, TaskStream, reset_at_end};
use super::syscall::Syscall;
use super::{Id, SocketError, hooks, runtime};

/// What a socket gives to the task.
pub struct RelayedStream {
    /// The connection. No poll set watches it any more.
    pub stream: StdStream,
    /// Bytes that were sent before relay() and that the system has not taken. They are written first.
    pub first: SendQueue,
    /// The socket's id, to report the end to it.
    pub id: Id,
    /// The peer's address, for errors.
    pub remote: Endpoint,
}

/// How the task ended for one of the two sockets.
pub enum TaskEnd {
    /// Both peers have ended.
    Ended,
    /// This connection is lost.
    Lost(SocketError),
    /// The other connection is lost.
    OtherLost,
    /// The task was stopped. The values are the connection, and the bytes that are still to be written to it.
    Stopped(StdStream, Vec<u8>),
}

/// The state that the sockets and the task share.
struct SharedRelay {
    /// The state that changes under a lock.
    state: Mutex<RelayState>,
    /// For each side: how many bytes from the other side were written to it.
    passed: [AtomicU64; 2],
    /// For each side: how many bytes that were sent before relay() the system has taken, since the last report.
    first_written: [AtomicU64; 2],
    /// For each side: when bytes last came from its peer or went to it.
    active: [Activity; 2],
    /// Locked while bytes are moved and counted. Whoever has this lock sees a count without missing bytes.
    moving: Mutex<()>,
    /// Wakes the task when there is a new command.
    commanded: Notify,
}

/// The state that is under the lock.
struct RelayState {
    /// For each side: how the task ended. `None`: it has not ended, or the socket has taken the value.
    ends: [Option<TaskEnd>; 2],
    /// The command that the task obeys next.
    command: Command,
    /// The connections, so that a socket can reset them. `None` once the task has given them back.
    streams: Option<[Arc<TaskStream>; 2]>,
    /// True once reset() was called. Connections that the task returns after that are reset, since no socket takes them.
    is_reset: bool,
}

impl RelayState {
    fn reset_stopped(&self) {
        for end in self.ends.iter().flatten() {
            if let TaskEnd::Stopped(stream, _) = end {
                reset_at_end(stream);
            }
        }
    }
}

/// The commands that sockets give to the task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    /// Move bytes.
    GoOn,
    /// Give the connections back.
    Stop,
    /// Drop the connections.
    Drop,
}

impl SharedRelay {
    /// Locks the state. A panic while the lock is held leaves the state usable, since each change is complete.
    fn state(&self) -> MutexGuard<'_, RelayState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self, command: Command) {
        self.state().command = command;
        self.commanded.notify_one();
    }
}

/// One socket's handle on the task. If it is dropped, the task drops both connections.
pub struct TaskHandle {
    /// The state that the handle shares with the task.
    shared: Arc<SharedRelay>,
    /// Which of the two sockets: 0 or 1.
    side: usize,
}

impl TaskHandle {
    /// Takes the way in which the task ended. `None`: it has not ended, or the value was taken before.
    pub fn take_end(&self) -> Option<TaskEnd> {
        self.shared.state().ends[self.side].take()
    }

    /// What the task has moved so far for this socket: from its peer to the other socket's, and to its peer.
    pub fn passed(&self) -> Figures {
        let written = |side: usize| self.shared.passed[side].load(Ordering::Relaxed);
        Figures { read: written(1 - self.side), written: written(self.side) }
    }

    /// When bytes last came from this socket's peer or went to it.
    pub fn last_activity(&self) -> Instant {
        self.shared.active[self.side].last()
    }

    /// Runs `f` on the system's socket. `None`: the task has given the connection back.
    pub fn with_socket<T>(&self, f: impl FnOnce(SockRef<'_>) -> T) -> Option<T> {
        // Hold the lock while `f` runs. Then the task cannot take the streams out of the state and return the connection.
        let state = self.shared.state();
        state.streams.as_ref().map(|streams| f(SockRef::from(&*streams[self.side])))
    }

    /// How many bytes that were sent before relay() the system has taken since the last call.
    pub fn take_first_written(&self) -> u64 {
        self.shared.first_written[self.side].swap(0, Ordering::Relaxed)
    }

    /// Makes the task give the connections back.
    pub fn stop(&self) {
        self.shared.command(Command::Stop);
    }

    /// Makes the task drop both connections, which then end with RST. After this call no byte is passed on any more.
    pub fn reset(&self) {
        // The lock is free after the current move of bytes, in less than a millisecond.
        let _nothing_moves = self.shared.moving.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.command(Command::Drop);
        let mut state = self.shared.state();
        state.is_reset = true;
        if let Some(streams) = &state.streams {
            streams.iter().for_each(|stream| reset_at_end(&**stream));
        }
        // The task may have given the connections back just before: then they are in `ends`.
        state.reset_stopped();
    }
}

impl Drop for TaskHandle {
    fn drop(&mut self) {
        self.shared.command(Command::Drop);
    }
}

/// Starts the task. If that fails, the connections are lost.
pub fn start(lent: [RelayedStream; 2], inbox: &Arc<Inbox>) -> Result<[TaskHandle; 2], SocketError> {
    let failed = |error| SocketError::system(Syscall::Watch, error);
    let runtime = runtime()?;
    let _guard = runtime.enter();
    let [a, b] = lent;
    let remotes = [a.remote, b.remote];
    let ids = [a.id, b.id];
    let firsts = [a.first, b.first];
    let streams = [
        Arc::new(TaskStream::from_std(a.stream).map_err(failed)?),
        Arc::new(TaskStream::from_std(b.stream).map_err(failed)?),
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
        active: [Activity::new(), Activity::new()],
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

/// The task.
struct Task {
    /// The state that the task shares with the sockets.
    shared: Arc<SharedRelay>,
    /// Both connections. Empty once they were given back.
    streams: Vec<Arc<TaskStream>>,
    /// The direction from side 0 to side 1, then the opposite one.
    directions: [Direction; 2],
    /// The peers' addresses, for errors.
    remotes: [Endpoint; 2],
    /// The ids of the sockets.
    ids: [Id; 2],
    /// Takes the news for the sockets.
    inbox: Arc<Inbox>,
    /// True once the end was reported, or once the task got the command to drop the connections. Then it reports nothing more.
    is_over: bool,
}

impl Task {
    /// Runs the task. A panic becomes the first socket's error, and the other socket's connection is lost with it.
    async fn run(mut self) {
        if let Err(panic) = caught(self.work()).await
            && !self.is_over
        {
            self.streams.iter().for_each(|stream| reset_at_end(&**stream));
            let message = panic_message(&*panic);
            self.report([TaskEnd::Lost(SocketError::Panic { message }), TaskEnd::OtherLost]);
        }
    }

    async fn work(&mut self) {
        // For each side: true once its stream reported an error although it had none. Such a stream is not watched for errors again.
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

    /// Moves the bytes that can be moved. Returns whether there is more to move at once.
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
            let moved = (direction.taken(), shared.passed[to].load(Ordering::Relaxed));
            let pumped = direction.pump(streams, &shared.passed[to]);
            let written = before - direction.first_left();
            if direction.taken() != moved.0 {
                shared.active[direction.from].note();
            }
            if written > 0 || shared.passed[to].load(Ordering::Relaxed) != moved.1 {
                shared.active[to].note();
            }
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

    /// Waits until bytes can be moved, or a command has come. If a stream reports an error, returns its side.
    async fn wait(&self, quiet: [bool; 2]) -> Option<usize> {
        let reads = |side: usize| self.directions[side].awaits_bytes();
        // While nothing is read from a stream, only this watch shows that its connection is lost.
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

    /// Ends the relay because one connection is lost. The other one is reset.
    fn lose(&mut self, Loss { side, syscall, error }: Loss) {
        reset_at_end(&*self.streams[1 - side]);
        let lost = TaskEnd::Lost(SocketError::system_at(syscall, self.remotes[side].clone(), error));
        self.report(if side == 0 { [lost, TaskEnd::OtherLost] } else { [TaskEnd::OtherLost, lost] });
    }

    /// Gives the connections back, each with the bytes that are still to be written to it.
    fn give_back(&mut self) {
        // After this, only `self.streams` holds the connections, so they can be taken out of their `Arc`s.
        drop(self.shared.state().streams.take());
        // The bytes for side 0 are those of the second direction.
        let left = [1, 0].map(|direction: usize| self.directions[direction].take_left());
        let mut streams = std::mem::take(&mut self.streams).into_iter();
        let mut end = |left| match streams.next().and_then(Arc::into_inner).map(TaskStream::into_std) {
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

    /// Reports the end to both sockets.
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
