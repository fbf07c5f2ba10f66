mod calls;
mod relay;

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Waker};
use slab::Slab;

use super::any_socket::AnySocket;
use super::blocks::Block;
use super::context::{BATCH, Context, STRIDE, WAKER};
use super::event::{Event, EventKind, Place};
use super::options::{ServerOptions, TcpOptions, UdpOptions};
use super::panics::panic_message;
use super::seats::Seat;
use super::syscall::Syscall;
use super::tcp_server_socket::TcpServerSocket;
use super::tcp_socket::TcpSocket;
use super::tls::Arrival;
use super::udp_socket::UdpSocket;
use super::{Id, SocketError, hooks, memory, runtime};

/// Readiness reports taken from the poll set at once; what is left is reported in the next turn.
const EVENTS: usize = 1024;
/// How long the process's end waits for tasks that still write, and how often it looks.
const LAST_MOMENT: Duration = Duration::from_millis(100);
const GLANCE: Duration = Duration::from_millis(1);

/// One environment's sockets: its poll set, and the turns that serve it.
///
/// A turn is [`Net::begin`], then [`Net::next`] until it has no more, then [`Net::finish`]. Each socket gets one
/// round of reads a turn; what is left waits for the next, so that timers and other I/O have theirs between.
pub struct Net {
    /// Lent to a waiting thread while nothing is to be done (the wake source "thread").
    poll: Option<(Poll, Events)>,
    waker: Arc<Waker>,
    sockets: Slab<Entry>,
    /// How often each slot has been used: the ids' generations.
    generations: Vec<u32>,
    /// What is still to be stepped in this turn.
    round: VecDeque<Id>,
    /// Open sockets of each owner.
    owners: Vec<u32>,
    /// Sockets that keep the process alive.
    references: usize,
    context: Context,
}

struct Entry {
    id: Id,
    owner: u32,
    /// Keeps the process alive (ref(), unref()).
    referenced: bool,
    socket: AnySocket,
}

/// What stepping a socket gave.
pub enum Step {
    /// An event; the flag says that it is the socket's last. There may be more.
    Event(EventKind, bool),
    /// An event made of one read: the socket's share of this turn.
    Read(EventKind),
    /// A connection was accepted; the server may have more.
    Accepted(mio::net::TcpStream, SocketAddr, Seat),
    /// A read for the other socket of a relay: this one's share of the turn.
    Relayed(Place, Id),
    /// A client has come through the TLS handshake; the server may have more.
    Arrived(Box<Arrival>),
    /// A large read is due: lend so many blocks.
    NeedsBlocks(usize),
    /// Nothing now.
    Idle,
}

/// What [`Net::next`] gives.
pub enum Next {
    /// Tell this.
    Event(Event),
    /// Lend so many blocks ([`Net::lend_block`]), look at all that are free ([`Net::check_blocks`]), and ask again.
    NeedsBlocks(usize),
    /// The round is over.
    Done,
}

impl Net {
    /// No sockets yet.
    pub fn new() -> Result<Self, SocketError> {
        // Made now, while there are descriptors and threads for it: timers must work when there are none left (R-srv-error).
        runtime()?;
        let failed = |error| SocketError::system(Syscall::CreatePollSet, error);
        memory::check(BATCH * STRIDE)?;
        let poll = Poll::new().map_err(failed)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(failed)?);
        let registry = poll.registry().try_clone().map_err(failed)?;
        let context = Context::new(registry, Arc::clone(&waker));
        Ok(Self {
            poll: Some((poll, Events::with_capacity(EVENTS))),
            waker,
            sockets: Slab::new(),
            generations: Vec::new(),
            round: VecDeque::new(),
            owners: Vec::new(),
            references: 0,
            context,
        })
    }

    /// The poll set's descriptor, for a wake source to watch.
    #[cfg(unix)]
    pub fn descriptor(&self) -> Option<std::os::fd::RawFd> {
        use std::os::fd::AsRawFd;
        self.poll.as_ref().map(|(poll, _)| poll.as_raw_fd())
    }

    /// Makes the poll set ready, from any thread.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Lends the poll set to a waiting thread. Until it is back, a turn serves only what is known already.
    pub fn lend_poll(&mut self) -> Option<(Poll, Events)> {
        self.poll.take()
    }

    /// Takes the poll set back, with the reports of its last wait.
    pub fn return_poll(&mut self, (poll, events): (Poll, Events)) {
        // Without it nothing would be heard any more: it is put back whatever happens. (A panic of a socket has become its error.)
        let _ = catch_unwind(AssertUnwindSafe(|| self.note(&events)));
        self.poll = Some((poll, events));
    }

    // --- opening ---

    /// new TCPSocket().
    pub fn open_tcp(&mut self, owner: u32, options: &TcpOptions) -> Result<Id, SocketError> {
        self.open(owner, |id, context| Ok(AnySocket::Tcp(Box::new(TcpSocket::connect(options, id, context)?))))
    }

    /// new UDPSocket().
    pub fn open_udp(&mut self, owner: u32, options: &UdpOptions) -> Result<Id, SocketError> {
        self.open(owner, |id, context| Ok(AnySocket::Udp(Box::new(UdpSocket::bind(options, id, context)?))))
    }

    /// new TCPServerSocket().
    pub fn open_server(&mut self, owner: u32, options: &ServerOptions) -> Result<Id, SocketError> {
        self.open(owner, |id, context| Ok(AnySocket::Server(Box::new(TcpServerSocket::listen(options, id, context)?))))
    }

    pub(super) fn open(
        &mut self,
        owner: u32,
        make: impl FnOnce(Id, &mut Context) -> Result<AnySocket, SocketError>,
    ) -> Result<Id, SocketError> {
        let vacant = self.sockets.vacant_entry();
        let index = vacant.key();
        if self.generations.len() <= index {
            self.generations.resize(index + 1, 0);
        }
        self.generations[index] = self.generations[index].wrapping_add(1);
        let id = Id::new(index, self.generations[index])
            .ok_or_else(|| SocketError::system(Syscall::Socket, io::Error::from(io::ErrorKind::OutOfMemory)))?;
        let socket = make(id, &mut self.context)?;
        vacant.insert(Entry { id, owner, referenced: true, socket });
        self.references += 1;
        let index = owner as usize;
        if self.owners.len() <= index {
            self.owners.resize(index + 1, 0);
        }
        self.owners[index] += 1;
        Ok(id)
    }

    /// Closes, without a word, a socket that nobody will hear of.
    pub fn forget(&mut self, id: Id) {
        if self.owner(id).is_some() {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: Id) {
        let mut entry = self.sockets.remove(id.index());
        entry.socket.clear_deadlines(&mut self.context.timers);
        self.references -= usize::from(entry.referenced);
        self.owners[entry.owner as usize] -= 1;
    }

    /// How many sockets an owner has open.
    pub fn open_sockets(&self, owner: u32) -> u32 {
        self.owners.get(owner as usize).copied().unwrap_or(0)
    }

    /// How many deadlines sockets have set.
    pub fn deadlines(&self) -> usize {
        self.context.timers.len()
    }

    /// Whose a socket is.
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

    /// Whether the process is to stay alive: for an open socket, or for what was sent and not yet flushed (R-keep).
    pub fn keeps_alive(&self) -> bool {
        self.references > 0 || !self.context.dirty.is_empty()
    }

    /// Runs `f` on a socket. A panic in it closes the socket, and what happened is told as an error: never the
    /// process's end.
    fn with<T>(&mut self, id: Id, f: impl FnOnce(&mut AnySocket, Id, &mut Context) -> T) -> Option<T> {
        let entry = self.sockets.get_mut(id.index()).filter(|entry| entry.id == id)?;
        let done = catch_unwind(AssertUnwindSafe(|| f(&mut entry.socket, id, &mut self.context)));
        done.map_err(|panic| self.break_down(id, &*panic)).ok()
    }

    // --- turns ---

    /// Whether a turn would find something to do without asking the poll set.
    pub fn has_work(&self) -> bool {
        !self.context.ready.is_empty() || !self.context.dirty.is_empty() || !self.round.is_empty()
    }

    /// Starts a turn: asks the poll set what is ready.
    pub fn begin(&mut self) {
        if let Some((mut poll, mut events)) = self.poll.take() {
            // An interrupted call is asked again in the next turn; nothing else can go wrong with a valid set.
            if poll.poll(&mut events, Some(Duration::ZERO)).is_ok() {
                self.return_poll((poll, events));
            } else {
                self.poll = Some((poll, events));
            }
        }
        hooks::pass("begin");
        self.begin_known();
    }

    /// Starts a turn that serves only what is known already: no system call.
    pub fn begin_known(&mut self) {
        while let Some(id) = self.context.timers.pop_due() {
            self.with(id, |socket, id, context| {
                hooks::pass("deadline");
                match socket {
                    AnySocket::Tcp(tcp) => tcp.on_deadline(id, context),
                    AnySocket::Udp(udp) => udp.on_deadline(id, context),
                    AnySocket::Server(server) => server.on_deadline(),
                    AnySocket::Errand(errand) => errand.on_deadline(),
                    AnySocket::Broken(_) => {}
                }
                socket.schedule(id, context);
            });
        }
        self.hear_tasks();
        self.round.extend(self.context.ready.drain(..));
        self.context.blocks.begin_turn(self.round.len());
    }

    /// What other threads have told of since the last turn.
    fn hear_tasks(&mut self) {
        for id in self.context.inbox.take() {
            self.with(id, |socket, id, context| match socket {
                AnySocket::Tcp(tcp) => {
                    tcp.on_news(id, context);
                    // A relay's task has news for a socket without TLS.
                    tcp.schedule(id, context);
                }
                AnySocket::Server(server) => server.on_news(id, context),
                _ => socket.schedule(id, context),
            });
        }
    }

    fn note(&mut self, events: &Events) {
        for event in events {
            let Ok(number) = u32::try_from(event.token().0) else { continue };
            self.with(Id::from_number(number), |socket, id, context| {
                hooks::pass("ready");
                match socket {
                    AnySocket::Tcp(tcp) => tcp.on_ready(event, id, context),
                    AnySocket::Udp(udp) => udp.on_ready(event, id, context),
                    AnySocket::Server(server) => server.readable = true,
                    AnySocket::Errand(_) | AnySocket::Broken(_) => {}
                }
                socket.schedule(id, context);
            });
        }
    }

    /// The next event of this turn. `NeedsBlocks` is answered with [`Net::lend_block`] and [`Net::check_blocks`]. A panic becomes an error of the socket that is
    /// being stepped, and the others have their turn.
    #[allow(clippy::should_implement_trait, reason = "no iterator: what it gives is good only until the next call")]
    pub fn next(&mut self) -> Next {
        loop {
            let mut stepped = None;
            match catch_unwind(AssertUnwindSafe(|| self.step_round(&mut stepped))) {
                Ok(next) => {
                    if !matches!(next, Next::NeedsBlocks(_)) {
                        self.context.blocks.distrust();
                    }
                    return next;
                }
                Err(panic) => {
                    // Its error is told in the next turn, so that this round ends.
                    if self.round.front().copied() == stepped {
                        self.round.pop_front();
                    }
                    if let Some(id) = stepped {
                        self.break_down(id, &*panic);
                    }
                }
            }
        }
    }

    /// A socket whose code panicked is closed, which is told like a loss.
    pub fn break_down(&mut self, id: Id, panic: &(dyn Any + Send)) {
        if let Some(entry) = self.sockets.get_mut(id.index()).filter(|entry| entry.id == id) {
            entry.socket.break_down(panic_message(panic), &mut self.context);
            self.context.ready.push(id);
        }
    }

    /// `stepped` tells whose code runs.
    fn step_round(&mut self, stepped: &mut Option<Id>) -> Next {
        while let Some(&id) = self.round.front() {
            let Some(entry) = self.sockets.get_mut(id.index()).filter(|entry| entry.id == id) else {
                self.round.pop_front();
                continue;
            };
            let owner = entry.owner;
            *stepped = Some(id);
            hooks::pass("step");
            let step = entry.socket.step(id, &mut self.context);
            hooks::pass("stepped");
            match step {
                Step::Event(kind, last) => {
                    if last {
                        self.round.pop_front();
                        self.remove(id);
                    }
                    self.pass_notes();
                    return Next::Event(Event { id, owner, kind, last });
                }
                Step::Read(kind) => {
                    self.round.pop_front();
                    entry.socket.unschedule();
                    if entry.socket.has_more() {
                        entry.socket.schedule(id, &mut self.context);
                    }
                    return Next::Event(Event { id, owner, kind, last: false });
                }
                Step::Accepted(stream, remote, seat) => {
                    if let Some(kind) = self.accept(id, owner, stream, remote, seat) {
                        return Next::Event(Event { id, owner, kind, last: false });
                    }
                }
                Step::Relayed(place, to) => {
                    let room = self.pass_on(place, to);
                    self.end_round(id, !room);
                }
                Step::NeedsBlocks(count) => return Next::NeedsBlocks(count),
                Step::Arrived(arrival) => {
                    if let Some(kind) = self.arrive(id, owner, *arrival) {
                        return Next::Event(Event { id, owner, kind, last: false });
                    }
                }
                Step::Idle => {
                    self.end_round(id, false);
                    self.pass_notes();
                }
            }
        }
        Next::Done
    }

    /// A socket has had its share of the turn. `held_up`: the other socket of its relay has no room.
    fn end_round(&mut self, id: Id, held_up: bool) {
        self.round.pop_front();
        self.with(id, |socket, id, context| {
            socket.unschedule();
            if held_up && let AnySocket::Tcp(tcp) = socket {
                tcp.hold_up();
            }
            if socket.has_more() {
                socket.schedule(id, context);
            }
        });
    }

    /// Makes a socket of a connection that server `id` accepted.
    fn accept(
        &mut self,
        id: Id,
        owner: u32,
        stream: mio::net::TcpStream,
        remote: SocketAddr,
        seat: Seat,
    ) -> Option<EventKind> {
        let (options, local) = self.server(id, |server, _| (server.stream_options, server.local_of(&stream)))?;
        let opened = self.open(owner, |accepted, context| {
            TcpSocket::accepted(stream, remote, local, &options, seat, accepted, context)
                .map(|socket| AnySocket::Tcp(Box::new(socket)))
                .map_err(|error| SocketError::system_at(Syscall::Accept, remote, error))
        });
        Some(match opened {
            Ok(accepted) => EventKind::Connect { accepted, remote, local },
            Err(error) => EventKind::ServerError(error),
        })
    }

    /// Makes a socket of a connection whose handshake server `id` has made.
    fn arrive(&mut self, id: Id, owner: u32, arrival: Arrival) -> Option<EventKind> {
        let options = self.server(id, |server, _| server.stream_options)?;
        let (remote, local) = (arrival.remote, arrival.local);
        let opened = self.open(owner, |accepted, context| {
            Ok(AnySocket::Tcp(Box::new(TcpSocket::arrived(arrival, &options, accepted, context))))
        });
        Some(match opened {
            Ok(accepted) => EventKind::Connect { accepted, remote, local },
            Err(error) => EventKind::ServerError(error),
        })
    }

    /// Ends a turn: writes what was sent in it. Returns whether another turn is needed before the next report.
    pub fn finish(&mut self) -> bool {
        for id in std::mem::take(&mut self.context.dirty) {
            self.with(id, |socket, id, context| {
                hooks::pass("flush");
                match socket {
                    AnySocket::Tcp(tcp) => tcp.flush(id, context),
                    AnySocket::Udp(udp) => udp.flush_turn(id, context),
                    AnySocket::Server(_) | AnySocket::Errand(_) | AnySocket::Broken(_) => {}
                }
            });
        }
        self.pass_notes();
        self.context.kick();
        self.has_work()
    }

    /// The process ends, and no turn follows: what was sent is written, and what tasks encrypt gets a moment to leave.
    pub fn flush_at_end(&mut self) {
        self.finish();
        let start = Instant::now();
        while start.elapsed() < LAST_MOMENT && self.sockets.iter().any(|(_, entry)| entry.socket.is_busy()) {
            std::thread::sleep(GLANCE);
        }
    }

    /// Memory of the engine's for a large read. None: the engine has none, and the turn does without.
    pub fn lend_block(&mut self, block: Option<Block>) {
        self.context.blocks.lend(block);
    }

    /// After lending: keeps the free blocks that are where they were.
    pub fn check_blocks(&mut self, is_in_place: impl FnMut(&Block) -> bool) {
        self.context.blocks.check(is_in_place);
    }

    /// A block that is not needed any more.
    pub fn surplus_block(&mut self) -> Option<Block> {
        self.context.blocks.surplus()
    }

    /// The bytes of the last event. Those in a block are the caller's own.
    pub fn received(&self, place: Place) -> &[u8] {
        match place {
            Place::Shared { start, len } => &self.context.buffer[start..start + len],
            Place::Held => &self.context.held,
            Place::Block { .. } => &[],
        }
    }

    /// The environment ends: every socket is closed, what waits gets one chance to leave (R-end-of-life).
    pub fn end(&mut self) {
        for mut entry in self.sockets.drain() {
            let context = &mut self.context;
            // Nobody is left to hear of a panic, and the others are to have their chance.
            let _ = catch_unwind(AssertUnwindSafe(move || {
                hooks::pass("end");
                match &mut entry.socket {
                    AnySocket::Tcp(tcp) => tcp.abandon(entry.id, context),
                    AnySocket::Udp(udp) => udp.abandon(entry.id, context),
                    AnySocket::Server(_) | AnySocket::Errand(_) | AnySocket::Broken(_) => {}
                }
            }));
        }
        self.context.kick();
    }
}
