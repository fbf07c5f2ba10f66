//! The driver on the JavaScript thread: it works when the poll set reports the system's socket, and when the socket reads or writes. For small
//! records this is cheaper than a task, since no thread is woken.

use std::io::{self, ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mio::{Interest, Registry};
use socket2::SockRef;

use super::{Direct, Driver, InTask, Outcome, Wire};
use crate::net::panics::panic_message;
use crate::net::runtime::runtime;
use crate::net::stream_handle::{PolledStream, StdStream, TaskStream, shut_down};
use crate::net::syscall::Syscall;
use crate::net::{Id, hooks, sys};

/// The system's socket, as the JavaScript thread sees it: with what is known without a system call.
struct TurnWire {
    /// The socket. The poll set watches it.
    stream: PolledStream,
    /// True while there may be bytes to read, or the peer's end.
    readable: bool,
    /// True while the system may have room for more bytes.
    writable: bool,
    /// True if the peer's end was reported. It may follow unread bytes.
    peer_end: bool,
    /// True if an error was reported, and was not looked for since.
    error: bool,
    /// True if a short read shows that the system has no more bytes. False if a read can be short for another reason: an urgent byte, or
    /// on a Unix socket passed descriptors.
    empties: bool,
}

impl Wire for TurnWire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.readable {
            return Err(ErrorKind::WouldBlock.into());
        }
        let read = self.stream.read(buffer);
        match &read {
            Ok(0) => self.readable = false,
            Ok(length) => self.readable = *length == buffer.len() || self.peer_end || self.error || !self.empties,
            Err(error) => self.readable = error.kind() == ErrorKind::Interrupted,
        }
        read
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.writable {
            return Err(ErrorKind::WouldBlock.into());
        }
        let written = self.stream.write(bytes);
        match &written {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Bytes that came before the loss can still be read.
            Err(_) => self.readable = true,
        }
        written
    }

    fn shut_down(&mut self) {
        shut_down(&self.stream);
    }
}

/// A driver on the JavaScript thread.
pub struct InTurn {
    /// The state of the connection.
    driver: Box<Driver>,
    /// The system's socket.
    wire: TurnWire,
    /// The poll set that watches the socket.
    registry: Arc<Registry>,
    /// True: there may be something to do, whatever the poll set reports.
    goes_on: bool,
    /// True once the driver has nothing more to do.
    is_over: bool,
}

/// What becomes of a driver after a go on the JavaScript thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum NextPlace {
    /// It stays on the JavaScript thread.
    Stay,
    /// It is to go on in a task: the connection moves much, or an alert was sent and the peer has to get it.
    ToTask,
}

impl InTurn {
    /// Takes over the driver of a task, which has ended. The poll set reports the socket as `id`. On failure returns the system's error; the
    /// connection is lost.
    pub fn take_over(task: InTask, id: Id, registry: &Arc<Registry>) -> io::Result<Self> {
        let InTask { driver, stream, .. } = task;
        // The session has dropped its handle, so this is the last one.
        let stream = Arc::into_inner(stream).ok_or(ErrorKind::Other)?;
        let mut stream = PolledStream::from_std(stream.into_std()?);
        registry.register(&mut stream, id.token(), sys::READS | Interest::WRITABLE)?;
        let empties = driver.remote.inet().is_some() && !sys::REARMS_ON_WOULD_BLOCK;
        // The poll set reports bytes that are there already, and an end.
        let wire = TurnWire { stream, readable: false, writable: true, peer_end: false, error: false, empties };
        // The session may have asked for something that the task has not seen.
        Ok(Self { driver, wire, registry: Arc::clone(registry), goes_on: true, is_over: false })
    }

    /// Takes a report of the poll set.
    pub fn on_ready(&mut self, event: &mio::event::Event) {
        let wire = &mut self.wire;
        wire.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        wire.writable |= event.is_writable();
        wire.peer_end |= event.is_read_closed();
        wire.error |= event.is_error();
        wire.empties &= !event.is_priority();
    }

    /// Whether there may be bytes to decrypt now, and they may be read.
    pub fn can_read(&self) -> bool {
        self.wire.readable && !self.is_over && !self.driver.ends.input && !self.driver.shared.room.is_full()
    }

    /// Whether there is something to do now other than reading.
    pub fn has_more(&self) -> bool {
        !self.is_over && (self.goes_on || self.wire.error || self.wire.writable && !self.driver.unwritten.is_empty())
    }

    /// Works, as [`Driver::pump`] says. A panic becomes the socket's error.
    pub fn go(&mut self, direct: &mut Direct<'_, '_>) -> NextPlace {
        if self.is_over {
            return NextPlace::Stay;
        }
        let worked = catch_unwind(AssertUnwindSafe(|| self.work(direct)));
        match worked {
            Ok(Outcome::Linger) => NextPlace::ToTask,
            Ok(outcome) => {
                self.goes_on = outcome == Outcome::Yield;
                self.is_over = outcome == Outcome::Done;
                if outcome == Outcome::Wait && self.driver.suits_task() { NextPlace::ToTask } else { NextPlace::Stay }
            }
            Err(panic) => {
                self.is_over = true;
                self.driver.shared.break_down(panic_message(&*panic));
                NextPlace::Stay
            }
        }
    }

    fn work(&mut self, direct: &mut Direct<'_, '_>) -> Outcome {
        let Self { driver, wire, .. } = self;
        let outcome = driver.with_scratch(|driver, scratch| driver.pump(wire, scratch, direct));
        driver.load.count();
        if outcome != Outcome::Wait {
            return outcome;
        }
        if self.wire.error && !self.can_read() {
            // The driver reads nothing now, so only the report shows that the connection is lost.
            self.wire.error = false;
            if let Ok(Some(error)) = self.wire.stream.take_error() {
                self.driver.break_off(Syscall::Read, error);
                self.wire.readable = true;
                return Outcome::Yield;
            }
        }
        hooks::pass("tls wait");
        self.driver.rest();
        outcome
    }

    /// The session is dropped. The driver does what is still to be done, if need be in a task.
    pub fn release(mut self) {
        let next = self.go(&mut Direct::none());
        if !self.is_over || next == NextPlace::ToTask {
            // If the runtime does not take the connection, it ends here.
            let _ = self.move_to_task();
        }
    }

    /// Moves the driver to a task. Returns the socket, for the session. On failure returns the system's error; the connection is lost.
    pub fn move_to_task(self) -> io::Result<Arc<TaskStream>> {
        let Self { driver, wire: TurnWire { mut stream, .. }, registry, .. } = self;
        // If the poll set does not know the stream, there is nothing to remove.
        let _ = registry.deregister(&mut stream);
        let runtime = runtime().map_err(io::Error::other)?;
        let _inside = runtime.enter();
        let stream = Arc::new(TaskStream::from_std(StdStream::from(stream))?);
        runtime.spawn(InTask::new(driver, Arc::clone(&stream)).go_on());
        Ok(stream)
    }

    /// The system's socket.
    pub fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.wire.stream)
    }
}
