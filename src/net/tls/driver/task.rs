//! The driver in a task of the shared tokio runtime, beside the JavaScript thread.

use std::future::{Future, pending, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::Interest;
use tokio::time::{sleep_until, timeout};

use super::{Direct, Driver, Outcome, Wire};
use crate::net::hooks;
use crate::net::panics::{caught, panic_message};
use crate::net::runtime::runtime;
use crate::net::stream_handle::{TaskStream, shut_down};
use crate::net::syscall::Syscall;
use crate::net::tls::shared_session::notify;

/// How long a failed connection waits after it has sent an alert, so that the peer can read the alert. If the connection were closed
/// earlier, the alert might be lost.
const ALERT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the driver goes on writing sent bytes after the environment has ended.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// The system's socket, as a task sees it.
struct TaskWire<'a>(&'a TaskStream);

impl Wire for TaskWire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn shut_down(&mut self) {
        shut_down(self.0);
    }
}

/// A driver in a task.
pub struct InTask {
    /// The state of the connection.
    pub(super) driver: Box<Driver>,
    /// The system's socket. The session has it, too.
    pub(super) stream: Arc<TaskStream>,
    /// True: tokio has reported an error of the socket, but the system had none. The driver does not wait for such reports any more.
    ignores_errors: bool,
}

/// Where a task begins.
enum Beginning {
    /// The handshake begins.
    Handshake,
    /// The driver goes on where it was.
    GoOn,
}

impl InTask {
    pub fn new(driver: Box<Driver>, stream: Arc<TaskStream>) -> Self {
        Self { driver, stream, ignores_errors: false }
    }

    /// Runs until both directions have ended, the socket releases the connection, or the JavaScript thread is to take the driver. Begins the
    /// handshake. A panic becomes the socket's error.
    pub async fn run(self) {
        self.guarded(Beginning::Handshake).await;
    }

    /// Goes on with a connection that was driven on the JavaScript thread.
    pub async fn go_on(self) {
        self.guarded(Beginning::GoOn).await;
    }

    /// Goes on in a new task, after the driver was given back and before the JavaScript thread has taken it.
    pub fn resume(self) {
        // There is a runtime, since the task has run in it.
        if let Ok(runtime) = runtime() {
            runtime.spawn(self.go_on());
        }
    }

    async fn guarded(self, beginning: Beginning) {
        let shared = Arc::clone(&self.driver.shared);
        if let Err(panic) = caught(self.work(beginning)).await {
            shared.break_down(panic_message(&*panic));
        }
    }

    async fn work(mut self, beginning: Beginning) {
        let mut outcome = match beginning {
            Beginning::Handshake => {
                let mut wire = TaskWire(&self.stream);
                self.driver.with_scratch(|driver, scratch| driver.greet(&mut wire, scratch))
            }
            Beginning::GoOn => self.pump(),
        };
        loop {
            match outcome {
                Outcome::Wait => {
                    self.driver.rest();
                    if self.driver.suits_turn() {
                        let Some(back) = self.give_back() else { return };
                        self = back;
                    } else if self.wait().await {
                        self.driver.on_deadline();
                    }
                }
                Outcome::Yield => tokio::task::yield_now().await,
                Outcome::Linger => return self.linger().await,
                Outcome::Done => return,
            }
            outcome = self.pump();
        }
    }

    fn pump(&mut self) -> Outcome {
        let mut wire = TaskWire(&self.stream);
        let outcome = self.driver.with_scratch(|driver, scratch| driver.pump(&mut wire, scratch, &mut Direct::none()));
        self.driver.load.count();
        outcome
    }

    /// Gives the driver to the session, and so to the JavaScript thread. Returns it if the session has released the connection meanwhile.
    fn give_back(self) -> Option<Self> {
        let shared = Arc::clone(&self.driver.shared);
        let mut state = shared.state();
        if state.released {
            return Some(self);
        }
        state.returned = Some(Box::new(self));
        notify(state);
        None
    }

    /// Waits until the system's socket is ready, the session wakes the task or a time limit is over. Returns true for the time limit.
    async fn wait(&mut self) -> bool {
        hooks::pass("tls wait");
        let shared = Arc::clone(&self.driver.shared);
        let stream = Arc::clone(&self.stream);
        let mut interest: Option<Interest> = None;
        let mut add = |more: Interest| interest = Some(interest.map_or(more, |interest| interest | more));
        if !self.driver.ends.input && !shared.room.is_full() && self.driver.released.is_none() {
            add(Interest::READABLE);
        }
        if !self.driver.unwritten.is_empty() {
            add(Interest::WRITABLE);
        }
        if !self.driver.lost && !self.ignores_errors {
            add(Interest::ERROR);
        }
        let deadline = match self.driver.released {
            Some(since) => Some(since + EXIT_TIMEOUT),
            None => self.driver.limit.map(|limit| limit.at.into()),
        };
        let mut notified = pin!(shared.wake.notified());
        let mut ready = pin!(async {
            match interest {
                // If the socket is readable too, the read finds the error itself.
                Some(interest) => stream
                    .ready(interest)
                    .await
                    .is_ok_and(|ready| ready.is_error() && !ready.is_readable() && !ready.is_read_closed()),
                None => pending().await,
            }
        });
        let mut late = pin!(async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => pending().await,
            }
        });
        let (is_late, is_error) = poll_fn(|context| {
            let is_notified = notified.as_mut().poll(context).is_ready();
            match ready.as_mut().poll(context) {
                Poll::Ready(is_error) => Poll::Ready((false, is_error)),
                Poll::Pending if is_notified => Poll::Ready((false, false)),
                Poll::Pending => late.as_mut().poll(context).map(|()| (true, false)),
            }
        })
        .await;
        // If the task does not wait for bytes (the session has no room, or the peer has ended), only this report shows that the connection
        // is lost. tokio repeats the report until the task stops waiting for it.
        if is_error {
            match stream.take_error() {
                Ok(Some(error)) => self.driver.break_off(Syscall::Read, error),
                _ => self.ignores_errors = true,
            }
        }
        is_late
    }

    /// Waits, after the alert was written, until the peer ends or [`ALERT_TIMEOUT`] is over, and drops received bytes. If the connection
    /// were closed with unread bytes, the system would send RST and the peer might lose the alert.
    async fn linger(self) {
        shut_down(&*self.stream);
        let stream = Arc::clone(&self.stream);
        drop(self);
        let drain = async {
            let mut bytes = [0; 1024];
            loop {
                match stream.try_read(&mut bytes) {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        if stream.readable().await.is_err() {
                            return;
                        }
                    }
                    Err(_) => return,
                }
            }
        };
        // After the timeout the connection ends, even if the peer has not read the alert.
        let _ = timeout(ALERT_TIMEOUT, drain).await;
    }
}
