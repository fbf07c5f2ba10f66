use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use napi::sys;
use slab::Slab;

use super::host::{Host, dereference};
use super::values::{Raw, Value, array_buffer, blank_array_buffer, hold, ok, place_of, string};
use super::wake::{self, Source, Wake};
use crate::net::{Block, Event, EventKind, Id, Net, Next, Place, SocketError, keep_heap, panic_message};

/// What a large read goes straight into. Matches `net`'s read size, so that a full read is handed over as it is.
const BLOCK: usize = 64 * 1024;

/// How often in a turn JavaScript may fail to get an event, for a bug of ours, before that is dropped.
const EXCUSES: usize = 4;

/// Everything of one napi environment: the main thread's, or a worker's.
///
/// No borrow of `net` is held while JavaScript runs: handlers call back into these functions.
pub struct Environment {
    raw: Raw,
    net: RefCell<Option<Net>>,
    hosts: RefCell<Vec<Host>>,
    source: Cell<Option<Source>>,
    /// Whose call starts the wake source: alive while that goes on, which an earlier host need not be.
    starter: Cell<u32>,
    wake: OnceCell<Box<dyn Wake>>,
    /// The ArrayBuffers whose memory `net` has been lent, by the numbers of the blocks.
    blocks: RefCell<Slab<sys::napi_ref>>,
    in_turn: Cell<bool>,
    /// The next event of this turn.
    pending: RefCell<Option<Event>>,
    /// How many events this turn has told of.
    told: Cell<usize>,
    /// JavaScript has asked for an event and got none, though there is one.
    asked_in_vain: Cell<bool>,
    /// Whose socket has had its last event.
    ended: Cell<Option<u32>>,
    /// JavaScript was broken off in a turn: its environment is ending.
    over: Cell<bool>,
    /// Node's name for what a turn runs in, where nothing else is below it.
    async_context: OnceCell<sys::napi_async_context>,
}

impl Environment {
    /// Nothing open, nothing watched.
    pub fn new(raw: Raw) -> Self {
        Self {
            raw,
            net: RefCell::new(None),
            hosts: RefCell::new(Vec::new()),
            source: Cell::new(None),
            starter: Cell::new(0),
            wake: OnceCell::new(),
            blocks: RefCell::new(Slab::new()),
            in_turn: Cell::new(false),
            pending: RefCell::new(None),
            told: Cell::new(0),
            asked_in_vain: Cell::new(false),
            ended: Cell::new(None),
            over: Cell::new(false),
            async_context: OnceCell::new(),
        }
    }

    /// The raw environment.
    pub fn raw(&self) -> Raw {
        self.raw
    }

    /// Whether JavaScript was broken off in a turn, so that none may run any more.
    pub fn is_over(&self) -> bool {
        self.over.get()
    }

    // --- hosts ---

    /// A copy of the package introduces itself. The first one decides the wake source.
    pub fn attach(&self, host: Host, source: Source) -> u32 {
        if self.source.get().is_none() {
            self.source.set(Some(source));
        }
        let mut hosts = self.hosts.borrow_mut();
        hosts.push(host);
        (hosts.len() - 1) as u32
    }

    /// Runs `f` on a host.
    pub fn host<T>(&self, number: u32, f: impl FnOnce(&Host) -> T) -> Option<T> {
        self.hosts.borrow().get(number as usize).map(f)
    }

    /// Holds the owner's JavaScript while it has open sockets.
    fn settle_owner(&self, owner: u32) {
        let open = self.net(|net| net.open_sockets(owner)).unwrap_or(0);
        if let Some(host) = self.hosts.borrow_mut().get_mut(owner as usize) {
            host.hold(open > 0);
        }
    }

    // --- calls ---

    /// Runs `f` on the sockets, where there are any.
    pub fn net<T>(&self, f: impl FnOnce(&mut Net) -> T) -> Option<T> {
        self.net.borrow_mut().as_mut().map(f)
    }

    /// Opens a socket for a host. The first one starts the wake source.
    pub fn open(&self, owner: u32, open: impl FnOnce(&mut Net) -> Result<Id, SocketError>) -> Result<Id, SocketError> {
        if owner as usize >= self.hosts.borrow().len() {
            return Err(SocketError::BadOption { reason: format!("attach() has given no host {owner}") });
        }
        self.start(owner)?;
        let id = self.net(open).unwrap_or_else(|| Err(ended()))?;
        self.settle_owner(owner);
        self.after_call();
        Ok(id)
    }

    /// close(): whether the socket is gone.
    pub fn close(&self, id: Id) -> bool {
        let owner = self.net(|net| net.owner(id)).flatten();
        let gone = self.net(|net| net.close(id)).unwrap_or(true);
        if gone && let Some(owner) = owner {
            self.settle_owner(owner);
        }
        gone
    }

    /// After every call: what it left to do gets its turn, and the process stays alive as long as it should.
    pub fn after_call(&self) {
        if self.in_turn.get() {
            return;
        }
        let Some(wake) = self.wake.get() else { return };
        let Some((work, stays)) = self.net(|net| (net.has_work(), net.keeps_alive())) else { return };
        wake.keep_alive(stays);
        if work {
            wake.need_turn();
        }
    }

    fn start(&self, starter: u32) -> Result<(), SocketError> {
        if self.wake.get().is_some() {
            return Ok(());
        }
        self.starter.set(starter);
        keep_heap();
        let net = Net::new()?;
        let source = self.source.get().unwrap_or(Source::Tokio);
        *self.net.borrow_mut() = Some(net);
        match wake::start(source, self) {
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

    // --- turns ---

    /// One turn: events to JavaScript, then what it sent to the system. `ask`: the poll set may have news.
    /// Returns whether anything was told.
    pub fn turn(&self, ask: bool) -> bool {
        let outer = self.in_turn.replace(true);
        // Called from C: a panic must not get there, nor keep what follows it from being done. (One of a socket has become its error
        // in `net`.) What it leaves undone is looked for again in the next turn.
        let begun = guarded(|| self.net(|net| if ask { net.begin() } else { net.begin_known() }));
        self.told.set(0);
        // What was not told yet is, all the same.
        let served = guarded(|| self.serve_all()).or_else(|| guarded(|| self.serve_all()));
        let ended = guarded(|| self.end_turn());
        self.in_turn.set(outer);
        guarded(|| self.after_turn());
        self.told.get() > 0 || begun.is_none() || served.is_none() || ended.is_none()
    }

    fn serve_all(&self) {
        let mut excuses = EXCUSES;
        while let Some(owner) = self.advance() {
            let before = self.told.get();
            if !self.serve(owner) {
                self.over.set(true);
                break;
            }
            let is_excused = self.asked_in_vain.take() && excuses > 0;
            if is_excused {
                excuses -= 1;
            } else if self.told.get() == before {
                // Its JavaScript is gone: nobody is to be told.
                self.take_event(owner);
            }
        }
    }

    fn end_turn(&self) {
        self.settle_last();
        self.net(Net::finish);
        while let Some(block) = self.net(Net::surplus_block).flatten() {
            self.forget_block(block.number());
        }
    }

    /// Whose the next event of this turn is.
    fn advance(&self) -> Option<u32> {
        if let Some(event) = &*self.pending.borrow() {
            return Some(event.owner);
        }
        loop {
            match self.net(Net::next)? {
                Next::Event(event) => {
                    let owner = event.owner;
                    self.pending.replace(Some(event));
                    return Some(owner);
                }
                Next::NeedsBlocks(count) => self.lend_blocks(count),
                Next::Done => return None,
            }
        }
    }

    /// The next event of this turn, if it is this owner's.
    pub fn take_event(&self, owner: u32) -> Option<Event> {
        self.settle_last();
        if !self.in_turn.get() {
            return None;
        }
        let next = self.advance();
        if next.is_none() {
            // What was sent leaves before all that ends a turn on the way back: it is on its way meanwhile.
            self.net(Net::finish);
        }
        if next != Some(owner) {
            return None;
        }
        let event = self.pending.take()?;
        self.told.set(self.told.get() + 1);
        if event.last {
            self.ended.set(Some(owner));
        }
        Some(event)
    }

    /// `next()` has panicked before it took an event: it is there to be asked for again.
    pub fn excuse(&self) {
        self.asked_in_vain.set(true);
    }

    /// An event that was taken could not be told: it is told that its socket has broken down. Returns what is to be told now, where no
    /// later event can say so.
    pub fn break_event(&self, event: Event, panic: &(dyn Any + Send)) -> Option<Event> {
        match &event.kind {
            // Nobody else will hand these back.
            EventKind::Message(Place::Block { number, .. }) => self.forget_block(*number),
            EventKind::Connect { accepted, .. } => {
                self.net(|net| net.forget(*accepted));
            }
            _ => {}
        }
        if !event.last {
            self.net(|net| net.break_down(event.id, panic));
            return None;
        }
        let error = SocketError::Panic { message: panic_message(panic) };
        let kind = match event.kind {
            EventKind::Error(_) => EventKind::Error(error),
            EventKind::UdpError(_) => EventKind::UdpError(error),
            EventKind::ServerError(_) => EventKind::ServerError(error),
            EventKind::Lookup(_) => EventKind::Lookup(Err(error)),
            kind => kind,
        };
        Some(Event { kind, ..event })
    }

    /// After a socket's last event has been handled.
    fn settle_last(&self) {
        if let Some(owner) = self.ended.take() {
            self.settle_owner(owner);
        }
    }

    fn after_turn(&self) {
        let Some(wake) = self.wake.get() else { return };
        if let Some(stays) = self.net(|net| net.keeps_alive()) {
            wake.keep_alive(stays);
        }
    }

    /// Has the owner's JavaScript take its events. Returns whether JavaScript can go on.
    fn serve(&self, owner: u32) -> bool {
        let Some(_scope) = Scope::open(self.raw) else { return false };
        let serve = self.host(owner, Host::serve).unwrap_or_default();
        if serve.is_null() {
            return true;
        }
        // Closed last: Node's account of async ids is cleared by the report of an exception, and checked when the scope closes.
        let _callback = self.wake.get().is_some_and(|wake| wake.is_at_bottom()).then(|| self.callback_scope());
        let mut result = ptr::null_mut();
        // SAFETY: the function is a live handle of this environment, on its thread; no borrow is held.
        let status = unsafe { sys::napi_call_function(self.raw, serve, serve, 0, ptr::null(), &raw mut result) };
        ok(status) || self.report_exception()
    }

    /// What the wake source is made of: a member of the options of the host whose call starts it.
    pub fn starting_option(&self, name: &CStr) -> Value {
        self.host(self.starter.get(), |host| host.option(name)).unwrap_or_default()
    }

    /// What Node has around every callback from its event loop: calls from below it don't run microtasks, its end does.
    fn callback_scope(&self) -> Option<CallbackScope> {
        let context = *self.async_context.get_or_init(|| {
            let mut context = ptr::null_mut();
            // SAFETY: live values of this environment, in an open handle scope.
            unsafe {
                sys::napi_async_init(self.raw, ptr::null_mut(), string(self.raw, "SOCKETTURN"), &raw mut context)
            };
            context
        });
        CallbackScope::open(self.raw, context)
    }

    /// A handler's exception that came through is reported as an uncaught one, never swallowed (R-handler). Returns
    /// false where there is none: then JavaScript is being ended.
    fn report_exception(&self) -> bool {
        let (mut is_pending, mut exception) = (false, ptr::null_mut());
        // SAFETY: on the environment's thread, in an open handle scope.
        unsafe {
            ok(sys::napi_is_exception_pending(self.raw, &raw mut is_pending))
                && is_pending
                && ok(sys::napi_get_and_clear_last_exception(self.raw, &raw mut exception))
                && !exception.is_null()
                && ok(sys::napi_fatal_exception(self.raw, exception))
        }
    }

    // --- received bytes ---

    /// The ArrayBuffer of an event's bytes (R-data: exactly the received ones).
    pub fn data(&self, place: Place) -> Value {
        if let Place::Block { number, len } = place {
            return self.block_data(number, len);
        }
        self.net(|net| array_buffer(self.raw, net.received(place))).unwrap_or_default()
    }

    /// A full block is handed over as it is; of a shorter one the bytes are copied and the block is used again.
    fn block_data(&self, number: u32, len: usize) -> Value {
        let block = dereference(self.raw, self.blocks.borrow()[number as usize]);
        if len == BLOCK {
            self.forget_block(number);
            return block;
        }
        let Some((start, BLOCK)) = place_of(self.raw, block) else {
            // Somebody has got hold of it and has taken its memory away: the bytes are gone.
            self.forget_block(number);
            return array_buffer(self.raw, &[]);
        };
        // SAFETY: the engine says that BLOCK bytes, of which `len` are some, lie at `start` now. They are copied before JavaScript
        // runs, and the block is read into again only later.
        let data = array_buffer(self.raw, unsafe { std::slice::from_raw_parts(start, len) });
        // SAFETY: the reference keeps the ArrayBuffer. `Net` asks whether its memory is still there before it reads into it after
        // JavaScript has run (`check_blocks`).
        let block = unsafe { Block::new(start, BLOCK, number) };
        self.net(|net| net.lend_block(Some(block)));
        data
    }

    /// Allocates memory for large reads, and looks at what was allocated before.
    fn lend_blocks(&self, count: usize) {
        let scope = Scope::open(self.raw);
        for _ in 0..count {
            let block = scope.as_ref().and_then(|_| self.allocate_block());
            let got = block.is_some();
            self.net(|net| net.lend_block(block));
            if !got {
                break;
            }
        }
        self.net(|net| {
            net.check_blocks(|block| {
                let is_in_place = scope.is_some() && self.is_in_place(block);
                if !is_in_place {
                    self.forget_block(block.number());
                }
                is_in_place
            });
        });
    }

    /// Whether a block's ArrayBuffer still has the memory. No JavaScript knows of one that has not been handed over, but a
    /// debugger finds all objects there are.
    fn is_in_place(&self, block: &Block) -> bool {
        let buffer = dereference(self.raw, self.blocks.borrow()[block.number() as usize]);
        place_of(self.raw, buffer) == Some(block.place())
    }

    fn allocate_block(&self) -> Option<Block> {
        let (buffer, start) = blank_array_buffer(self.raw, BLOCK)?;
        let reference = hold(self.raw, buffer)?;
        let number = self.blocks.borrow_mut().insert(reference) as u32;
        // SAFETY: the engine gave BLOCK bytes at `start`, for writing. The ArrayBuffer is known to nobody else until `block_data`
        // hands it over, and held until then; `Net` has it looked at again after JavaScript has run (`check_blocks`).
        Some(unsafe { Block::new(start, BLOCK, number) })
    }

    fn forget_block(&self, number: u32) {
        let Some(reference) = self.blocks.borrow_mut().try_remove(number as usize) else { return };
        // SAFETY: made in `allocate_block`, deleted once.
        unsafe { sys::napi_delete_reference(self.raw, reference) };
    }

    /// The environment ends: its sockets end with it (R-end-of-life).
    pub fn end(&self) {
        // A turn may be on the stack (process.exit() in a handler): then its borrow is not held either.
        // Called from C: a panic must not get there.
        guarded(|| {
            if let Some(mut net) = self.net.borrow_mut().take() {
                net.end();
            }
        });
    }
}

/// Runs one part of a turn; `None` where it panicked.
fn guarded<T>(part: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(part)).ok()
}

/// There are no sockets any more: the environment is ending.
fn ended() -> SocketError {
    SocketError::system("socket", std::io::Error::other("the environment is ending"))
}

/// A callback scope, closed when dropped.
struct CallbackScope {
    env: Raw,
    scope: sys::napi_callback_scope,
}

impl CallbackScope {
    fn open(env: Raw, context: sys::napi_async_context) -> Option<Self> {
        let mut scope = ptr::null_mut();
        // SAFETY: `env` is live, this is its thread, and the context is of `napi_async_init`.
        let opened = unsafe { sys::napi_open_callback_scope(env, ptr::null_mut(), context, &raw mut scope) };
        ok(opened).then_some(Self { env, scope })
    }
}

impl Drop for CallbackScope {
    fn drop(&mut self) {
        // SAFETY: opened in `open`, closed once, innermost first.
        unsafe { sys::napi_close_callback_scope(self.env, self.scope) };
    }
}

/// A handle scope, closed when dropped.
pub struct Scope {
    env: Raw,
    scope: sys::napi_handle_scope,
}

impl Scope {
    /// Opens one; `None` where the environment is ending.
    pub fn open(env: Raw) -> Option<Self> {
        let mut scope = ptr::null_mut();
        // SAFETY: `env` is live and this is its thread.
        ok(unsafe { sys::napi_open_handle_scope(env, &raw mut scope) }).then_some(Self { env, scope })
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // SAFETY: opened in `open`, closed once, innermost first.
        unsafe { sys::napi_close_handle_scope(self.env, self.scope) };
    }
}
