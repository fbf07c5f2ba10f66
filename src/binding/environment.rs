//! Everything of one Node-API environment: its sockets, the copies of the package that use them, and its wake source.

mod blocks;
mod turn;

use std::cell::{Cell, OnceCell, RefCell};

use napi::sys;
use slab::Slab;

use super::env::{Env, Raw};
use super::guard::guarded;
use super::package_instance::PackageInstance;
use super::reference::Reference;
use super::wake::{self, Source, Wake};
use crate::net::{Event, Id, Net, SocketError, Syscall, keep_heap};

/// Everything of one Node-API environment: the main thread's, or a worker's.
///
/// `net` is never borrowed while JavaScript runs: handlers call back into these functions.
pub struct Environment {
    /// The environment's pointer. The environment is live for as long as this struct (see [`Self::new`]).
    #[cfg_attr(not(unix), allow(dead_code, reason = "only turn_in_scope() uses it"))]
    raw: Raw,
    /// The sockets. `None` before the first one, and after the environment's end.
    net: RefCell<Option<Net>>,
    /// The copies of the package that have called `attach()`, by their numbers.
    instances: RefCell<Vec<PackageInstance>>,
    /// Which wake source the first `attach()` has asked for; `None` before it.
    source: Cell<Option<Source>>,
    /// The wake source, once the first socket has started it.
    wake: OnceCell<Box<dyn Wake>>,
    /// The ArrayBuffers whose memory is lent to `net`, by the numbers of the blocks.
    blocks: RefCell<Slab<Reference>>,
    /// Whether a turn is on the stack.
    in_turn: Cell<bool>,
    /// The next event of this turn, not yet taken by JavaScript.
    pending: RefCell<Option<Event>>,
    /// How many events JavaScript has taken in this turn.
    events_taken: Cell<usize>,
    /// `next()` has panicked before it took an event.
    has_missed_event: Cell<bool>,
    /// The package instance whose socket has just had its last event.
    ended_owner: Cell<Option<u32>>,
    /// JavaScript was terminated in a turn, so that none may run any more.
    is_terminated: Cell<bool>,
    /// Node's async context. A turn calls JavaScript in it where no other JavaScript is on the stack.
    async_context: OnceCell<sys::napi_async_context>,
}

impl Environment {
    /// An environment with no sockets, and nothing to watch.
    ///
    /// # Safety
    /// `raw` must be live for as long as the result is used, and this its thread.
    pub unsafe fn new(raw: Raw) -> Self {
        Self {
            raw,
            net: RefCell::new(None),
            instances: RefCell::new(Vec::new()),
            source: Cell::new(None),
            wake: OnceCell::new(),
            blocks: RefCell::new(Slab::new()),
            in_turn: Cell::new(false),
            pending: RefCell::new(None),
            events_taken: Cell::new(0),
            has_missed_event: Cell::new(false),
            ended_owner: Cell::new(None),
            is_terminated: Cell::new(false),
            async_context: OnceCell::new(),
        }
    }

    // --- package instances ---

    /// Adds a copy of the package and returns its number. The first one decides the wake source.
    pub fn attach(&self, instance: PackageInstance, source: Source) -> u32 {
        if self.source.get().is_none() {
            self.source.set(Some(source));
        }
        let mut instances = self.instances.borrow_mut();
        instances.push(instance);
        (instances.len() - 1) as u32
    }

    /// Runs `f` on the package instance of this number; `None` where there is none.
    pub fn instance<T>(&self, number: u32, f: impl FnOnce(&PackageInstance) -> T) -> Option<T> {
        self.instances.borrow().get(number as usize).map(f)
    }

    /// Keeps the JavaScript of an instance alive if it has open sockets, and lets it be collected otherwise.
    fn update_hold(&self, env: Env<'_>, owner: u32) {
        let open = self.net(|net| net.open_sockets(owner)).unwrap_or(0);
        if let Some(instance) = self.instances.borrow_mut().get_mut(owner as usize) {
            instance.hold(env, open > 0);
        }
    }

    // --- calls ---

    /// Runs `f` on the sockets; `None` before the first socket, and after the environment's end.
    pub fn net<T>(&self, f: impl FnOnce(&mut Net) -> T) -> Option<T> {
        self.net.borrow_mut().as_mut().map(f)
    }

    /// Opens a socket for a package instance. The first one starts the wake source.
    pub fn open(
        &self,
        env: Env<'_>,
        owner: u32,
        open: impl FnOnce(&mut Net) -> Result<Id, SocketError>,
    ) -> Result<Id, SocketError> {
        if owner as usize >= self.instances.borrow().len() {
            return Err(SocketError::BadOption {
                reason: format!("{owner} is no number that attach() has returned as instance"),
            });
        }
        self.start(env, owner)?;
        let id = self.net(open).unwrap_or_else(|| Err(ending()))?;
        self.update_hold(env, owner);
        self.after_call(env);
        Ok(id)
    }

    /// close(): returns whether the socket is gone.
    pub fn close(&self, env: Env<'_>, id: Id) -> bool {
        let owner = self.net(|net| net.owner(id)).flatten();
        let gone = self.net(|net| net.close(id)).unwrap_or(true);
        if gone && let Some(owner) = owner {
            self.update_hold(env, owner);
        }
        gone
    }

    /// Runs after every call: asks for a turn if the call left something to do, and keeps the process alive as long as it should be.
    pub fn after_call(&self, env: Env<'_>) {
        if self.in_turn.get() {
            return;
        }
        let Some(wake) = self.wake.get() else { return };
        let Some((work, stays)) = self.net(|net| (net.has_work(), net.keeps_alive())) else { return };
        wake.keep_alive(env, stays);
        if work {
            wake.need_turn(env);
        }
    }

    /// Makes `net` and starts the wake source, if that has not been done. `owner`: the instance that calls. Its options have what the
    /// wake source needs: those of an earlier instance may have been collected.
    fn start(&self, env: Env<'_>, owner: u32) -> Result<(), SocketError> {
        if self.wake.get().is_some() {
            return Ok(());
        }
        let options = self.instance(owner, |instance| instance.options(env)).ok_or_else(ending)?;
        keep_heap();
        let net = Net::new()?;
        let source = self.source.get().unwrap_or(Source::Tokio);
        *self.net.borrow_mut() = Some(net);
        match wake::start(source, self, env, options) {
            Ok(wake) => {
                let _ = self.wake.set(wake);
                Ok(())
            }
            Err(error) => {
                *self.net.borrow_mut() = None;
                Err(error)
            }
        }
    }

    /// Ends the sockets, since the environment ends (R-end-of-life).
    fn end_sockets(&self) {
        // A turn may be on the stack (process.exit() in a handler). It does not borrow `net` while JavaScript runs. This is called
        // from C, which a panic must not reach.
        let _ = guarded(|| {
            if let Some(mut net) = self.net.borrow_mut().take() {
                net.end();
            }
        });
    }
}

/// There are no sockets any more: the environment is ending.
fn ending() -> SocketError {
    SocketError::system(Syscall::Socket, std::io::Error::other("the environment is ending"))
}
