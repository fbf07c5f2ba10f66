//! The turns of one environment: ask which sockets are ready, emit one event after another, then write what was sent.
//!
//! - this file: removing sockets, begin_known, next, finish, the end.
//! - `open.rs`: opening sockets.
//! - `poll.rs`: asking the poll set.
//! - `calls.rs`: the calls that JavaScript makes on one socket.
//! - `deadlines.rs`: what each deadline does.
//! - `exchange.rs`: what kind of turn the last one was.
//! - `relay.rs`: relay().
//! - `upcoming.rs`: datagrams that JavaScript gets before it takes them.

mod calls;
mod deadlines;
mod exchange;
mod open;
mod poll;
mod relay;
mod upcoming;

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Waker};
use slab::Slab;

use super::any_socket::AnySocket;
use super::blocks::Block;
use super::context::Context;
use super::event::{Event, EventKind, Payload};
use super::figures::Figures;
use super::id::WAKER;
use super::panics::panic_message;
use super::poll_set::PollSet;
use super::runtime::runtime;
use super::sizes::{DATAGRAM_BATCH, DATAGRAM_STRIDE};
use super::step::Step;
use super::syscall::Syscall;
use super::tls::Place;
use super::{Id, SocketError, hooks, memory};
use exchange::Exchange;
pub use exchange::TurnKind;

/// The most readiness reports that are taken from the poll set at once. Their sockets are served, and what their handlers sent is written,
/// before the next ones are taken: a socket's data is then still in the processor's cache when its answer is written.
const BATCH: usize = 32;
/// The most batches of one turn. The next turn takes what is left.
const BATCHES: usize = 8;
/// The longest time that the end of the process waits for tasks that still write.
const EXIT_FLUSH_TIMEOUT: Duration = Duration::from_millis(100);
/// The interval at which the end of the process checks whether the tasks are done.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// The sockets of one environment, its poll set, and the turns that serve them.
///
/// A turn is [`Net::begin`], then [`Net::next`] until it returns [`Next::Done`], then [`Net::finish`]. Each socket reads once in a batch, or
/// a few times if its reads are large. The rest waits for the next turn, so that timers and other I/O run in between.
pub struct Net {
    /// The poll set. `None` while the thread of the wake source "thread" has it: that thread waits on the set while there is nothing to do.
    poll: Option<PollSet>,
    /// Makes the poll set ready, from any thread.
    waker: Arc<Waker>,
    /// The open sockets. The index of a slot is part of the [`Id`].
    sockets: Slab<OpenSocket>,
    /// How often each slot of `sockets` has been used. An [`Id`] carries this number as its generation.
    generations: Vec<u32>,
    /// The sockets that are still to be stepped in this turn.
    ready_queue: VecDeque<Id>,
    /// How many sockets each owner has open.
    owners: Vec<u32>,
    /// How many sockets keep the process alive.
    references: usize,
    /// The last UDP socket that was removed. `None`: none was.
    removed: Option<RemovedUdp>,
    /// Whether a deadline had passed when this turn began. The end of the turn serves it.
    is_deadline_due: bool,
    /// How many batches this turn may still ask for. 0: the poll set has no more reports.
    batches_left: usize,
    /// What this turn has brought and sent, or the last one.
    exchange: Exchange,
    /// The state that all sockets share.
    context: Context,
}

/// What is left of a UDP socket. JavaScript asks for it at once, because attributes keep their last values.
#[derive(Clone, Copy)]
struct RemovedUdp {
    /// The socket.
    id: Id,
    /// What it has moved.
    figures: Figures,
    /// How many datagrams the system has dropped for it.
    dropped: u64,
}

/// An open socket, and what the environment knows about it.
struct OpenSocket {
    /// Its id.
    id: Id,
    /// The owner that the binding gave when the socket was opened.
    owner: u32,
    /// True: the socket keeps the process alive (ref(), unref()).
    referenced: bool,
    /// The socket itself.
    socket: AnySocket,
}

/// What [`Net::next`] returns.
pub enum Next {
    /// Emit this event.
    Event(Event),
    /// Lend this many blocks ([`Net::lend_block`]), check all free blocks ([`Net::check_blocks`]), and call `next` again.
    NeedsBlocks(usize),
    /// No socket has anything more to do in this turn.
    Done,
}

impl Net {
    /// An environment without sockets.
    pub fn new() -> Result<Self, SocketError> {
        // The runtime starts now, while the system still has descriptors and threads for it. Timers must work even when it has none left
        // (R-srv-error).
        runtime()?;
        let failed = |error| SocketError::system(Syscall::CreatePollSet, error);
        memory::check(DATAGRAM_BATCH * DATAGRAM_STRIDE)?;
        let poll = Poll::new().map_err(failed)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(failed)?);
        let registry = poll.registry().try_clone().map_err(failed)?;
        let context = Context::new(registry, Arc::clone(&waker));
        Ok(Self {
            poll: Some(PollSet { poll, events: Events::with_capacity(BATCH) }),
            waker,
            sockets: Slab::new(),
            generations: Vec::new(),
            ready_queue: VecDeque::new(),
            owners: Vec::new(),
            removed: None,
            is_deadline_due: false,
            batches_left: 0,
            exchange: Exchange::default(),
            references: 0,
            context,
        })
    }

    /// Sets where TLS connections that are made from now on are driven. Before that it is [`Place::Both`].
    pub fn set_tls_place(&mut self, place: Place) {
        self.context.tls_place = place;
    }

    // --- the sockets ---

    /// Closes a socket that JavaScript does not know. No event is emitted.
    pub fn forget(&mut self, id: Id) {
        if self.owner(id).is_some() {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: Id) {
        let entry = self.sockets.remove(id.index());
        if let AnySocket::Udp(udp) = &entry.socket {
            self.removed = Some(RemovedUdp { id, figures: udp.figures(), dropped: udp.dropped() });
        }
        self.context.timers.clear_all(id);
        self.references -= usize::from(entry.referenced);
        self.owners[entry.owner as usize] -= 1;
    }

    /// How many sockets an owner has open.
    pub fn open_sockets(&self, owner: u32) -> u32 {
        self.owners.get(owner as usize).copied().unwrap_or(0)
    }

    /// How many deadlines are set.
    pub fn deadlines(&self) -> usize {
        self.context.timers.len()
    }

    /// The owner of a socket.
    pub fn owner(&self, id: Id) -> Option<u32> {
        self.sockets.get(id.index()).filter(|entry| entry.id == id).map(|entry| entry.owner)
    }

    /// ref() and unref().
    pub fn set_referenced(&mut self, id: Id, referenced: bool) {
        let Some(entry) = self.sockets.get_mut(id.index()).filter(|entry| entry.id == id) else { return };
        self.references -= usize::from(entry.referenced);
        self.references += usize::from(referenced);
        entry.referenced = referenced;
    }

    /// Whether the process is to stay alive: because of an open socket, or because of bytes that were sent and not yet flushed (R-keep).
    pub fn keeps_alive(&self) -> bool {
        self.references > 0 || !self.context.dirty.is_empty()
    }

    /// Runs `f` on a socket. If `f` panics, the socket is closed with an error that carries the panic's message. The process never ends.
    fn with<T>(&mut self, id: Id, f: impl FnOnce(&mut AnySocket, Id, &mut Context) -> T) -> Option<T> {
        let entry = self.sockets.get_mut(id.index()).filter(|entry| entry.id == id)?;
        let done = catch_unwind(AssertUnwindSafe(|| f(&mut entry.socket, id, &mut self.context)));
        done.map_err(|panic| self.break_down(id, &*panic)).ok()
    }

    // --- turns ---

    /// Whether a turn would have something to do without asking the poll set.
    pub fn has_work(&self) -> bool {
        !self.context.ready.is_empty() || !self.context.dirty.is_empty() || !self.ready_queue.is_empty()
    }

    /// Starts a turn that serves only the sockets that are known to be ready. It does not ask the poll set.
    pub fn begin_known(&mut self) {
        self.exchange = Exchange::default();
        self.batches_left = 0;
        self.serve_inbox();
        self.ready_queue.extend(self.context.ready.drain(..));
        let were_blocks_used_up = self.context.blocks.begin_turn();
        if (self.context.direct_budget.renew() || were_blocks_used_up) && !self.ready_queue.is_empty() {
            // Another socket is the first one.
            self.ready_queue.rotate_left(1);
        }
    }

    /// Serves the sockets for which other threads have news.
    fn serve_inbox(&mut self) {
        for id in self.context.inbox.take() {
            self.with(id, |socket, id, context| match socket {
                AnySocket::Stream(stream) => stream.on_news(id, context),
                AnySocket::Server(server) => server.on_news(id, context),
                _ => socket.schedule(id, context),
            });
        }
    }

    /// The next event of this turn. After `NeedsBlocks`, the caller calls [`Net::lend_block`] and [`Net::check_blocks`], then `next` again.
    /// A panic becomes an error of the socket that is being stepped, and the other sockets are still served.
    #[allow(clippy::should_implement_trait, reason = "no iterator: its item is valid only until the next call")]
    pub fn next(&mut self) -> Next {
        loop {
            let mut stepped = None;
            match catch_unwind(AssertUnwindSafe(|| self.step_next(&mut stepped))) {
                Ok(Next::Done) if self.begin_batch() => {}
                Ok(next) => {
                    if !matches!(next, Next::NeedsBlocks(_)) {
                        self.context.blocks.require_check();
                    }
                    if let Next::Event(event) = &next {
                        self.exchange.note_event(&event.kind);
                    }
                    return next;
                }
                Err(panic) => {
                    // The socket's error is emitted in the next turn. So the socket leaves this turn's queue.
                    if self.ready_queue.front().copied() == stepped {
                        self.ready_queue.pop_front();
                    }
                    if let Some(id) = stepped {
                        self.break_down(id, &*panic);
                    }
                }
            }
        }
    }

    /// JavaScript has received the `open` event of a stream socket.
    pub fn deliver_open(&mut self, id: Id) {
        self.with(id, |socket, _, _| {
            if let AnySocket::Stream(stream) = socket {
                stream.open_delivered = true;
            }
        });
    }

    /// Closes a socket whose code panicked. Its events report the panic as a lost connection would be reported.
    pub fn break_down(&mut self, id: Id, panic: &(dyn Any + Send)) {
        if let Some(entry) = self.sockets.get_mut(id.index()).filter(|entry| entry.id == id) {
            entry.socket.break_down(panic_message(panic), id, &mut self.context);
            self.context.ready.push(id);
        }
    }

    /// Steps sockets until there is an event. `stepped` is set to the socket whose code is running.
    fn step_next(&mut self, stepped: &mut Option<Id>) -> Next {
        while let Some(&id) = self.ready_queue.front() {
            let Some(entry) = self.sockets.get_mut(id.index()).filter(|entry| entry.id == id) else {
                self.ready_queue.pop_front();
                continue;
            };
            let owner = entry.owner;
            *stepped = Some(id);
            hooks::pass("step");
            let step = entry.socket.step(id, &mut self.context);
            if !matches!(step, Step::Event(EventKind::Error(_)) | Step::LastEvent(_)) {
                // Nothing that follows can panic for these, and a panic here would be the second one of this socket.
                hooks::pass("stepped");
            }
            match step {
                Step::Event(kind) => {
                    self.deliver_relay_signals();
                    return Next::Event(Event { id, owner, kind, last: false });
                }
                Step::LastEvent(kind) => {
                    self.ready_queue.pop_front();
                    self.remove(id);
                    self.deliver_relay_signals();
                    return Next::Event(Event { id, owner, kind, last: true });
                }
                Step::Read(kind) => {
                    self.ready_queue.pop_front();
                    entry.socket.unschedule();
                    if entry.socket.has_more() {
                        entry.socket.schedule(id, &mut self.context);
                    }
                    return Next::Event(Event { id, owner, kind, last: false });
                }
                Step::Accepted(connection) => {
                    if let Some(kind) = self.open_accepted(id, owner, connection) {
                        return Next::Event(Event { id, owner, kind, last: false });
                    }
                }
                Step::Relayed(payload, to) => {
                    let has_room = self.pass_on(payload, to);
                    self.end_share(id, !has_room);
                }
                Step::NeedsBlocks(count) => return Next::NeedsBlocks(count),
                Step::AcceptedTls(accepted) => {
                    if let Some(kind) = self.open_accepted_tls(id, owner, *accepted) {
                        return Next::Event(Event { id, owner, kind, last: false });
                    }
                }
                Step::Idle => {
                    self.end_share(id, false);
                    self.deliver_relay_signals();
                }
            }
        }
        Next::Done
    }

    /// Ends a socket's part in this turn. `held_up`: the other socket of its relay has no room.
    fn end_share(&mut self, id: Id, held_up: bool) {
        self.ready_queue.pop_front();
        self.with(id, |socket, id, context| {
            socket.unschedule();
            if held_up && let AnySocket::Stream(stream) = socket {
                stream.hold_up();
            }
            if socket.has_more() {
                socket.schedule(id, context);
            }
        });
    }

    /// Ends a turn: writes what was sent in it. Returns whether another turn is needed without waiting for the poll set.
    pub fn finish(&mut self) -> bool {
        self.flush();
        if std::mem::take(&mut self.is_deadline_due) {
            self.serve_deadlines();
        }
        self.deliver_relay_signals();
        self.context.wake_tasks();
        self.has_work()
    }

    /// Writes what was sent since this was last called.
    fn flush(&mut self) {
        self.exchange.note_senders(self.context.dirty.len());
        for id in std::mem::take(&mut self.context.dirty) {
            self.with(id, |socket, id, context| {
                hooks::pass("flush");
                match socket {
                    AnySocket::Stream(stream) => stream.flush(id, context),
                    AnySocket::Udp(udp) => udp.flush_turn(id, context),
                    AnySocket::Server(_) | AnySocket::Operation(_) | AnySocket::Broken(_) => {}
                }
            });
        }
    }

    /// The process ends, and no turn follows. Writes what was sent, removes the files of servers that listen at a path, and waits for the TLS
    /// drivers, `EXIT_FLUSH_TIMEOUT` at most.
    pub fn flush_on_exit(&mut self) {
        self.finish();
        for (_, entry) in &mut self.sockets {
            match &mut entry.socket {
                AnySocket::Server(server) => server.remove_file(),
                AnySocket::Stream(stream) => stream.write_in_task(),
                AnySocket::Udp(_) | AnySocket::Operation(_) | AnySocket::Broken(_) => {}
            }
        }
        let start = Instant::now();
        while start.elapsed() < EXIT_FLUSH_TIMEOUT && self.sockets.iter().any(|(_, entry)| entry.socket.is_writing()) {
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Takes a block of the engine's memory for a large read. None: the engine has none, and this turn goes on without blocks.
    pub fn lend_block(&mut self, block: Option<Block>) {
        self.context.blocks.lend(block);
    }

    /// Called after lending. Keeps the free blocks for which `is_in_place` is true: their memory has not moved.
    pub fn check_blocks(&mut self, is_in_place: impl FnMut(&Block) -> bool) {
        self.context.blocks.check(is_in_place);
    }

    /// Returns a block that is not needed any more, for the caller to take back.
    pub fn surplus_block(&mut self) -> Option<Block> {
        self.context.blocks.surplus()
    }

    /// The bytes of the last event. Empty if they are in a block: the caller has that memory.
    pub fn received(&self, payload: Payload) -> &[u8] {
        match payload {
            Payload::ReadBuffer { start, len } => &self.context.buffer[start..start + len],
            Payload::Held => &self.context.held,
            Payload::Block { .. } => &[],
        }
    }

    /// The environment ends: every socket is closed, and the bytes that wait are written once as far as possible (R-end-of-life).
    pub fn end(&mut self) {
        for mut entry in self.sockets.drain() {
            let context = &mut self.context;
            // A panic cannot be reported any more, and the other sockets must still be flushed.
            let _ = catch_unwind(AssertUnwindSafe(move || {
                hooks::pass("end");
                match &mut entry.socket {
                    AnySocket::Stream(stream) => stream.abandon(entry.id, context),
                    AnySocket::Udp(udp) => udp.abandon(entry.id, context),
                    AnySocket::Server(_) | AnySocket::Operation(_) | AnySocket::Broken(_) => {}
                }
            }));
        }
        self.context.wake_tasks();
    }
}
