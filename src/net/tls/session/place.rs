//! Where a session's driver is, and how it moves from one place to the other.

use std::io;
use std::sync::Arc;

use mio::Registry;
use socket2::SockRef;

use super::Session;
use crate::net::stream_handle::TaskStream;
use crate::net::syscall::Syscall;
use crate::net::tls::driver::{Direct, InTask, InTurn, NextPlace};
use crate::net::tls::place::DrivenIn;
use crate::net::tls::shared_session::Target;
use crate::net::{Id, SocketError, hooks};

/// Where the driver is, with the system's socket.
pub(super) enum DriverPlace {
    /// In a task, or in `SessionState::returned`. The session only sets options of the socket and asks for its state.
    Task(Arc<TaskStream>),
    /// On the JavaScript thread. The socket has the id.
    Turn(InTurn, Id),
    /// There is none: the system's socket could not be moved from one place to the other, so the connection is lost.
    Gone,
}

impl Session {
    /// Takes over the driver if its task has given it back. From now on the poll set reports the system's socket as `id`.
    pub(super) fn take_over(&mut self, id: Id, registry: &Arc<Registry>) {
        let Some(task) = self.take_returned() else { return };
        hooks::pass("tls to turn");
        self.batcher.remove_connection();
        // The handle of the session goes first, since the socket can be moved only by its one owner.
        self.driver = DriverPlace::Gone;
        let target = match InTurn::take_over(*task, id, registry) {
            Ok(driver) => {
                self.driver = DriverPlace::Turn(driver, id);
                self.note_move(DrivenIn::Turn);
                Target::Turn
            }
            Err(error) => {
                self.lose(error);
                Target::None
            }
        };
        self.shared.state().target = target;
    }

    /// From now on [`Session::next_move`] reports where the driver goes. Returns where it is. `None`: there is no driver any more.
    pub fn watch_moves(&mut self) -> Option<DrivenIn> {
        self.moves.get_or_insert_default();
        match &self.driver {
            DriverPlace::Task(_) => Some(DrivenIn::Task),
            DriverPlace::Turn(..) => Some(DrivenIn::Turn),
            DriverPlace::Gone => None,
        }
    }

    /// Where the driver has gone next. `None`: it has not moved, or nobody watches.
    pub fn next_move(&mut self) -> Option<DrivenIn> {
        self.moves.as_mut()?.pop_front()
    }

    fn note_move(&mut self, to: DrivenIn) {
        if let Some(moves) = &mut self.moves {
            moves.push_back(to);
        }
    }

    /// The driver that has been given back. `None`: it is in its task, or was taken before. Then a driver that is given back later notifies
    /// the session, also if an earlier notification is only now being looked at.
    pub(super) fn take_returned(&self) -> Option<Box<InTask>> {
        let mut state = self.shared.state();
        state.is_notified = false;
        let returned = state.returned.take()?;
        drop(state);
        returned.downcast().ok()
    }

    /// Moves the driver to a task.
    pub(super) fn move_to_task(&mut self) {
        match std::mem::replace(&mut self.driver, DriverPlace::Gone) {
            DriverPlace::Turn(driver, id) => {
                hooks::pass("tls to task");
                self.batcher.add_connection();
                let mut state = self.shared.state();
                state.target = Target::Socket(id, Arc::clone(&self.batcher));
                let is_notified = state.is_notified;
                drop(state);
                if is_notified {
                    // Nobody looks at `is_notified` from now on, so the inbox gets this news, too.
                    self.batcher.post(id);
                }
                match driver.move_to_task() {
                    Ok(stream) => {
                        self.driver = DriverPlace::Task(stream);
                        self.note_move(DrivenIn::Task);
                    }
                    Err(error) => {
                        self.batcher.remove_connection();
                        self.lose(error);
                    }
                }
            }
            place => self.driver = place,
        }
    }

    /// The system's socket could not be moved, so the connection is lost.
    fn lose(&self, error: io::Error) {
        self.shared.lose(SocketError::system(Syscall::Watch, error));
    }

    /// Takes a report of the poll set. Returns whether there may be bytes to read, or the peer's end.
    pub fn on_ready(&mut self, event: &mio::event::Event) -> bool {
        if let DriverPlace::Turn(driver, _) = &mut self.driver {
            driver.on_ready(event);
        }
        self.can_read()
    }

    /// Whether [`Session::read`] may decrypt bytes itself.
    pub fn can_read(&self) -> bool {
        matches!(&self.driver, DriverPlace::Turn(driver, _) if driver.can_read())
    }

    /// Whether the session's news is to be taken, because of what has happened on this thread. `is_reading`: the socket calls
    /// [`Session::read`] anyway.
    pub fn has_news(&self, is_reading: bool) -> bool {
        if self.moves.as_ref().is_some_and(|moves| !moves.is_empty()) {
            return true;
        }
        match &self.driver {
            DriverPlace::Turn(driver, _) => {
                driver.has_more() || (!is_reading && driver.can_read()) || self.shared.state().is_notified
            }
            DriverPlace::Task(_) | DriverPlace::Gone => false,
        }
    }

    /// Lets the driver work, if it is on this thread. `reads`: into the session, as far as there is room.
    pub(super) fn work(&mut self, reads: bool) {
        if let DriverPlace::Turn(driver, _) = &self.driver
            && (driver.has_more() || (reads && driver.can_read()))
        {
            self.go(&mut Direct::none());
        }
    }

    /// Lets the driver work, if it is on this thread.
    pub(super) fn go(&mut self, direct: &mut Direct<'_, '_>) {
        if let DriverPlace::Turn(driver, _) = &mut self.driver
            && driver.go(direct) == NextPlace::ToTask
        {
            self.move_to_task();
        }
    }

    /// The process ends, and no turn follows: a driver that still has something to write goes to a task.
    pub fn write_in_task(&mut self) {
        if let Some(task) = self.take_returned() {
            task.resume();
        } else if self.is_busy() {
            self.move_to_task();
        }
    }

    /// Runs `f` on the system's socket. `None`: the connection is lost, and there is none.
    pub fn with_socket<T>(&self, f: impl FnOnce(SockRef<'_>) -> T) -> Option<T> {
        match &self.driver {
            DriverPlace::Task(stream) => Some(f(SockRef::from(&**stream))),
            DriverPlace::Turn(driver, _) => Some(f(driver.socket())),
            DriverPlace::Gone => None,
        }
    }

    /// How many bytes of decrypted data wait.
    pub(super) fn queued(&self) -> usize {
        self.shared.room.queued()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;

    use mio::{Poll, Waker};

    use super::{Session, Target};
    use crate::net::Id;
    use crate::net::id::WAKER;
    use crate::net::inbox::Inbox;
    use crate::net::runtime::runtime;
    use crate::net::stream_handle::TaskStream;
    use crate::net::tls::place::Place;
    use crate::net::tls::shared_session::notify;
    use crate::net::tls::wake_batcher::WakeBatcher;

    /// The session looks for a driver that was given back, and then for other news. A driver that comes in between is not forgotten.
    #[test]
    fn a_driver_that_is_given_back_while_the_session_looks_at_its_news_is_posted_again() {
        let runtime = runtime().unwrap();
        let _inside = runtime.enter();
        let poll = Poll::new().unwrap();
        let inbox = Arc::new(Inbox::new(Arc::new(Waker::new(poll.registry(), WAKER).unwrap())));
        let batcher = WakeBatcher::start(runtime, &inbox, Place::Both);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = TaskStream::from_std(stream).unwrap();
        let id = Id::from_number(7);
        let (session, shared, _stream) = Session::new(stream, Target::Socket(id, Arc::clone(&batcher)), batcher);

        notify(shared.state());
        assert_eq!(inbox.take(), [id]);
        assert!(session.take_returned().is_none());
        let mut state = shared.state();
        state.returned = Some(Box::new(()));
        notify(state);
        assert_eq!(inbox.take(), [id]);
    }
}
