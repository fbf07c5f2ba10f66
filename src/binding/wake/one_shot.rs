//! The wake source "tokio": a tokio task waits for an epoll descriptor (AsyncFd), and this descriptor watches the poll set. The watch
//! reports once, and then it has to be armed again. It is armed only while JavaScript has nothing to do, so it reports nothing while
//! JavaScript works.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::AbortHandle;

use super::gate::Gate;
use super::interrupt::Watch;
use crate::net::{Net, hooks, restarted, runtime};

/// An epoll descriptor whose only member is the poll set. The descriptor reports once for each [`Watch::arm`].
pub struct OneShot {
    /// The epoll descriptor. The task owns it.
    outer: RawFd,
    /// The poll set's descriptor. `Net` owns it.
    set: RawFd,
    /// The task that waits for `outer`. Aborting the task closes `outer`.
    task: AbortHandle,
}

impl OneShot {
    /// Makes the watch. It is not armed yet, and interrupts JavaScript through `gate`.
    pub fn new(net: &Net, gate: Gate) -> io::Result<Self> {
        let set = net.descriptor().ok_or_else(|| io::Error::other("the environment is ending"))?;
        // SAFETY: the call takes a flag and no pointer.
        let outer = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if outer < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: epoll_create1 has just given this descriptor, and nothing else owns it.
        let owned = unsafe { OwnedFd::from_raw_fd(outer) };
        control(outer, set, libc::EPOLL_CTL_ADD, 0)?;
        // `Net::new` has made the runtime already.
        let runtime = runtime().map_err(io::Error::other)?;
        let _inside = runtime.enter();
        // SAFETY: the AsyncFd owns `owned`. An OwnedFd keeps one descriptor open and never changes it, so the descriptor is valid until
        // the AsyncFd drops `owned`.
        let watched = unsafe { AsyncFd::register_with_interest(owned, Interest::READABLE) }?;
        let watched = Arc::new(watched);
        let task = runtime.spawn(restarted(move || watch(Arc::clone(&watched), gate.clone())));
        Ok(Self { outer, set, task: task.abort_handle() })
    }
}

/// Interrupts JavaScript each time that the watch reports.
async fn watch(watched: Arc<AsyncFd<OwnedFd>>, gate: Gate) {
    while let Ok(mut ready) = watched.readable().await {
        hooks::pass("watch");
        take_report(watched.as_raw_fd());
        ready.clear_ready();
        gate.interrupt();
    }
}

impl Watch for OneShot {
    fn arm(&self, _net: &mut Net) {
        // Arming checks the present state of the set. So a socket that became ready since the last report is reported. Arming fails only if
        // a descriptor is not open, and both are open until stop().
        let _ = control(self.outer, self.set, libc::EPOLL_CTL_MOD, (libc::EPOLLIN | libc::EPOLLONESHOT) as u32);
    }

    fn collect(&self, _net: &mut Net) {}

    fn stop(&self, _net: &mut Net) {
        self.task.abort();
    }
}

/// Calls epoll_ctl for `set`, the only member of `outer`.
fn control(outer: RawFd, set: RawFd, operation: i32, events: u32) -> io::Result<()> {
    let mut event = libc::epoll_event { events, u64: 0 };
    // SAFETY: `event` outlives the call, which copies it; the descriptors are numbers, which the system checks.
    let result = unsafe { libc::epoll_ctl(outer, operation, set, &raw mut event) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes the one report from `outer`. That disarms the watch.
fn take_report(outer: RawFd) {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: `event` has room for the one event that the call may write, and outlives the call.
    unsafe { libc::epoll_wait(outer, &raw mut event, 1, 0) };
}
