//! Everything of one Node-API environment: its sockets, the package instances that own the sockets, and its wake source.

mod ahead;
mod blocks;
mod turn;
mod young;

use std::cell::{Cell, OnceCell, RefCell};

use napi::sys;
use slab::Slab;

use self::ahead::Ahead;
use super::env::{Env, Raw};
use super::guard::guarded;
use super::package_instance::PackageInstance;
use super::reference::Reference;
use super::wake::{self, Source, Wake};
use crate::net::{Event, Id, Net, SocketError, Syscall, TlsPlace, keep_heap};

/// Everything of one Node-API environment: the main thread's, or a worker's.
///
/// `net` is never borrowed while JavaScript runs, because handlers call functions of this addon, and these borrow `net` again.
pub struct Environment {
    /// The raw environment. It is live for as long as this struct is used (see [`Self::new`]).
    #[cfg_attr(not(unix), allow(dead_code, reason = "only turn_in_scope() uses it"))]
    raw: Raw,
    /// The sockets. `None` before the first one, and after the environment's end.
    net: RefCell<Option<Net>>,
    /// The package instances that have called `attach()`. The index is the instance's number.
    instances: RefCell<Vec<PackageInstance>>,
    /// The wake source that the first `attach()` has asked for. `None` before the first `attach()`.
    source: Cell<Option<Source>>,
    /// Where the first `attach()` has asked to drive TLS connections.
    tls_place: Cell<TlsPlace>,
    /// The wake source. Empty until the first socket has started it.
    wake: OnceCell<Box<dyn Wake>>,
    /// The ArrayBuffers whose memory is lent to `net`. The key is the number of the block.
    blocks: RefCell<Slab<Reference>>,
    /// How many bytes of blocks were made since the engine was last made to collect young objects. `None`: it needs no help.
    new_block_bytes: Cell<Option<usize>>,
    /// True while a turn runs, also while it calls JavaScript.
    in_turn: Cell<bool>,
    /// The next event of this turn. `None` if the turn has not looked for it yet, or JavaScript has taken it.
    pending: RefCell<Option<Event>>,
    /// The datagrams that JavaScript has and takes one by one. `None`: it has none.
    ahead: Cell<Option<Ahead>>,
    /// Whether JavaScript can take several datagrams before `serve()` returns.
    takes_several: Cell<bool>,
    /// How many events of this turn were taken, by JavaScript or to be dropped.
    events_taken: Cell<usize>,
    /// True after `next()` has panicked and has left its event pending. `serve_all` sets it back to false.
    has_missed_event: Cell<bool>,
    /// The package instance whose socket has just had its last event. `None` if the instance was updated since, or no socket has ended.
    ended_owner: Cell<Option<u32>>,
    /// True once JavaScript was terminated in a turn. No JavaScript may run after that.
    is_terminated: Cell<bool>,
    /// Node's async context, in which a turn calls JavaScript if no other JavaScript is on the stack. Empty before the first such call.
    async_context: OnceCell<sys::napi_async_context>,
}

impl Environment {
    /// An environment with no sockets, no package instances and no wake source.
    ///
    /// # Safety
    /// `raw` must be live for as long as the result is used, and the caller must be on its thread.
    pub unsafe fn new(raw: Raw) -> Self {
        Self {
            raw,
            net: RefCell::new(None),
            instances: RefCell::new(Vec::new()),
            source: Cell::new(None),
            tls_place: Cell::new(TlsPlace::Both),
            wake: OnceCell::new(),
            blocks: RefCell::new(Slab::new()),
            new_block_bytes: Cell::new(None),
            in_turn: Cell::new(false),
            pending: RefCell::new(None),
            ahead: Cell::new(None),
            takes_several: Cell::new(false),
            events_taken: Cell::new(0),
            has_missed_event: Cell::new(false),
            ended_owner: Cell::new(None),
            is_terminated: Cell::new(false),
            async_context: OnceCell::new(),
        }
    }

    // --- package instances ---

    /// Adds a package instance and returns its number. The first instance decides the wake source, and where TLS connections are driven.
    pub fn attach(&self, instance: PackageInstance, source: Source, place: TlsPlace) -> u32 {
        if self.source.get().is_none() {
            self.source.set(Some(source));
            self.tls_place.set(place);
        }
        let mut instances = self.instances.borrow_mut();
        instances.push(instance);
        (instances.len() - 1) as u32
    }

    /// Runs `f` on the package instance with this number. Returns `None` if there is no such instance.
    pub fn instance<T>(&self, number: u32, f: impl FnOnce(&PackageInstance) -> T) -> Option<T> {
        self.instances.borrow().get(number as usize).map(f)
    }

    /// Keeps the JavaScript of the package instance `owner` alive while the instance has open sockets. Otherwise the JavaScript may be
    /// garbage collected.
    fn update_hold(&self, env: Env<'_>, owner: u32) {
        let open = self.net(|net| net.open_sockets(owner)).unwrap_or(0);
        if let Some(instance) = self.instances.borrow_mut().get_mut(owner as usize) {
            instance.hold(env, open > 0);
        }
    }

    // --- calls ---

    /// Runs `f` on the sockets. Returns `None` before the first socket, and after the environment's end.
    pub fn net<T>(&self, f: impl FnOnce(&mut Net) -> T) -> Option<T> {
        self.net.borrow_mut().as_mut().map(f)
    }

    /// Opens a socket for the package instance `owner`. The first socket starts the wake source.
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

    /// `close(id)` and `shutdown(id)`, by the function of `Net`. Returns true if the socket is gone, false if an event will report its end.
    pub fn close(&self, env: Env<'_>, id: Id, close: fn(&mut Net, Id) -> bool) -> bool {
        let owner = self.net(|net| net.owner(id)).flatten();
        let gone = self.net(|net| close(net, id)).unwrap_or(true);
        if gone && let Some(owner) = owner {
            self.update_hold(env, owner);
        }
        gone
    }

    /// Runs after every call from JavaScript. Asks for a turn if the call left work for one. Sets whether the sockets keep the process
    /// alive.
    pub fn after_call(&self, env: Env<'_>) {
        if self.in_turn.get() {
            self.check_ahead(env);
            return;
        }
        let Some(wake) = self.wake.get() else { return };
        let Some((work, stays)) = self.net(|net| (net.has_work(), net.keeps_alive())) else { return };
        wake.keep_alive(env, stays);
        if work {
            wake.need_turn(env);
        }
    }

    /// Makes `net` and starts the wake source, if that has not been done. `owner` is the calling package instance. The wake source uses the
    /// options of this instance, because those of an earlier instance may have been garbage collected.
    fn start(&self, env: Env<'_>, owner: u32) -> Result<(), SocketError> {
        if self.wake.get().is_some() {
            return Ok(());
        }
        let options = self.instance(owner, |instance| instance.options(env)).ok_or_else(ending)?;
        keep_heap();
        let mut net = Net::new()?;
        net.set_tls_place(self.tls_place.get());
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

    /// Ends all sockets, because the environment ends (R-end-of-life).
    fn end_sockets(&self) {
        // A turn may be on the stack, if a handler has called process.exit(). That turn does not borrow `net` while JavaScript runs. C code
        // calls this function, so no panic may leave it.
        let _ = guarded(|| {
            if let Some(mut net) = self.net.borrow_mut().take() {
                net.end();
            }
        });
    }
}

/// The error of a call that finds no sockets, because the environment is ending.
fn ending() -> SocketError {
    SocketError::system(Syscall::Socket, std::io::Error::other("the environment is ending"))
}
