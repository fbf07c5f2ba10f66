//! Runs turns as the binding does, and waits on the poll set as a wake source does: a wake-up that gets lost is a test
//! that hangs until its time limit.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tcp_udp_sockets::net::{
    Block, BufferSizes, Destination, EventKind, Id, ListenOptions, Net, NetworkOptions, Next, Payload, ServerOptions,
    SocketError, StreamOptions, TcpOptions, UdpChanges, UdpOptions, UdpSent,
};
use tcp_udp_sockets::proto::{ReadyState, Sent};

/// The binding's block size.
pub const BLOCK: usize = 64 * 1024;
/// What a block is full of when it is lent.
pub const UNTOUCHED: u8 = 0x5a;
/// The most messages that a socket emits in a turn: 1 MiB in large ones.
const READ_MESSAGES: usize = 16;
/// How long a test waits for what must come. Long, since the machine may be busy; nothing sleeps that long.
const LIMIT: Duration = Duration::from_secs(30);
/// The longest single wait: peers on threads of their own are looked at again after it.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Turns without a pause in which a socket that has nothing to do must come to rest.
const RESTLESS: usize = 200;

/// The only owner.
const OWNER: u32 = 0;

/// An event with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    End,
    Open(SocketAddr),
    /// A connection to a path; whether the server's credentials are known.
    UnixOpen(bool),
    /// A server at a path has a new connection.
    UnixConnect {
        accepted: Id,
        remote: Option<String>,
        has_credentials: bool,
    },
    Message(Vec<u8>),
    HalfClose,
    Readable,
    Ended,
    Drain,
    /// The error's code.
    Error(String),
    Close(u32),
    Finish,
    Relayed(u64),
    Blob,
    Secured,
    Datagram(Vec<u8>, SocketAddr),
    UdpDrain,
    UdpError(String),
    UdpBlob,
    Connect {
        accepted: Id,
        remote: SocketAddr,
        local: SocketAddr,
    },
    ServerError(String),
    /// The name for which `certificateFor` is asked, and the number of the question.
    Certificate(String, u32),
    /// The addresses found, or the error's code.
    Lookup(Result<Vec<SocketAddr>, String>),
    Timer,
}

/// One environment: its sockets, and all that they told.
pub struct World {
    pub net: Net,
    /// What was told, message bytes left out where [`World::forget_bytes`] was called.
    pub log: Vec<(Id, Told)>,
    /// All bytes that each TCP socket received, in order.
    pub bytes: HashMap<Id, Vec<u8>>,
    ended: Vec<Id>,
    /// What is lent, by number.
    blocks: HashMap<u32, *mut u8>,
    next_block: u32,
    /// Which blocks are detached before they are used again, and those that were.
    pub loses_blocks: fn(u32) -> bool,
    pub lost_blocks: HashMap<u32, *mut u8>,
    keep_bytes: bool,
    /// The engine has no memory for large reads.
    pub refuse_blocks: bool,
}

/// What a test does on an event.
pub type Handler<'a> = &'a mut dyn FnMut(&mut Net, Id, &Told);

/// Does nothing.
pub fn ignore(_: &mut Net, _: Id, _: &Told) {}

impl World {
    pub fn new() -> Self {
        Self {
            net: Net::new().unwrap(),
            log: Vec::new(),
            bytes: HashMap::new(),
            ended: Vec::new(),
            blocks: HashMap::new(),
            next_block: 0,
            loses_blocks: |_| false,
            lost_blocks: HashMap::new(),
            keep_bytes: true,
            refuse_blocks: false,
        }
    }

    /// For tests that receive more than they want to keep.
    pub fn forget_bytes(&mut self) {
        self.keep_bytes = false;
    }

    // --- turns ---

    /// One turn. Returns whether anything was told, or is left to be done.
    pub fn turn(&mut self, handler: Handler<'_>) -> bool {
        self.net.begin();
        let mut told = false;
        // Each socket has one read a turn.
        let mut readers: HashMap<Id, usize> = HashMap::new();
        loop {
            match self.net.next() {
                Next::Event(event) => {
                    told = true;
                    if matches!(event.kind, EventKind::Open(_) | EventKind::UnixOpen(_)) {
                        self.net.deliver_open(event.id);
                    }
                    let heard = self.hear(event.id, event.kind);
                    assert!(!self.ended.contains(&event.id), "{:?}: {heard:?} after its last event", event.id);
                    if let Told::Message(_) = heard {
                        *readers.entry(event.id).or_default() += 1;
                        assert!(
                            readers[&event.id] <= READ_MESSAGES,
                            "{:?} had more than its share of one turn",
                            event.id
                        );
                    }
                    if event.last {
                        self.ended.push(event.id);
                    }
                    handler(&mut self.net, event.id, &heard);
                    self.remember(event.id, heard);
                }
                Next::NeedsBlocks(_) if self.refuse_blocks => self.net.lend_block(None),
                Next::NeedsBlocks(count) => {
                    (0..count).for_each(|_| self.lend_block());
                    self.check_blocks();
                }
                Next::Done => break,
            }
        }
        self.net.finish() || told
    }

    fn lend_block(&mut self) {
        self.next_block += 1;
        let memory = Box::leak(vec![UNTOUCHED; BLOCK].into_boxed_slice()).as_mut_ptr();
        self.blocks.insert(self.next_block, memory);
        // SAFETY: leaked, and read only in `received`, once the event that tells of its bytes has come.
        self.net.lend_block(Some(unsafe { Block::new(memory, BLOCK, self.next_block) }));
    }

    /// Some blocks have gone elsewhere, as an ArrayBuffer's memory does that is detached: `net` must write to none of them.
    fn check_blocks(&mut self) {
        let Self { net, blocks, lost_blocks, loses_blocks, .. } = self;
        net.check_blocks(|block| {
            let is_lost = loses_blocks(block.number());
            if is_lost {
                lost_blocks.extend(blocks.remove(&block.number()).map(|memory| (block.number(), memory)));
            }
            !is_lost
        });
    }

    /// Turns until `done`, waiting on the poll set where there is nothing to do.
    pub fn until(&mut self, handler: Handler<'_>, mut done: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < LIMIT, "it took too long; the last events: {:?}", self.last());
            if !self.turn(handler) {
                self.wait(POLL_INTERVAL);
            }
        }
    }

    /// Turns until `id` told `wanted`.
    pub fn until_told(&mut self, id: Id, wanted: &Told) {
        self.until(&mut ignore, |world| world.has_told(id, wanted));
    }

    /// Turns until nothing is left to do, and asserts that this comes soon: a net that spins never rests.
    pub fn rest(&mut self) {
        for _ in 0..RESTLESS {
            if !self.turn(&mut ignore) && !self.is_ready() {
                return;
            }
        }
        panic!("it spins; the last events: {:?}", self.last());
    }

    /// Waits until the poll set has something, as the wake source "thread" does.
    pub fn wait(&mut self, limit: Duration) {
        let mut set = self.net.lend_poll().unwrap();
        let _ = set.wait(Some(limit));
        self.net.return_poll(set);
    }

    /// Whether the poll set has something now.
    fn is_ready(&mut self) -> bool {
        self.wait(Duration::ZERO);
        self.net.has_work()
    }

    fn hear(&mut self, id: Id, kind: EventKind) -> Told {
        let code = |error: SocketError| error.code().map_or_else(|| error.to_string(), Into::into);
        match kind {
            EventKind::Gone => Told::End,
            EventKind::Open(local) => Told::Open(local),
            EventKind::UnixOpen(credentials) => Told::UnixOpen(credentials.is_some()),
            EventKind::Message(place) => Told::Message(self.received(place)),
            EventKind::HalfClose => Told::HalfClose,
            EventKind::Readable => Told::Readable,
            EventKind::Ended => Told::Ended,
            EventKind::Drain => Told::Drain,
            EventKind::Error(error) => Told::Error(code(error)),
            EventKind::Close(buffered, _) => Told::Close(buffered),
            EventKind::Finish => Told::Finish,
            EventKind::Blob => Told::Blob,
            EventKind::Relayed(bytes) => Told::Relayed(bytes),
            EventKind::Secured => Told::Secured,
            EventKind::TlsMoved(_) => panic!("no test asks where TLS is driven"),
            EventKind::Datagram(place, from, _) => Told::Datagram(self.received(place), from),
            EventKind::UdpDrain => Told::UdpDrain,
            EventKind::UdpError(error) => Told::UdpError(code(error)),
            EventKind::UdpBlob => Told::UdpBlob,
            EventKind::Connect { accepted, remote, local } => {
                assert_ne!(accepted, id);
                Told::Connect { accepted, remote, local }
            }
            EventKind::UnixConnect { accepted, remote, credentials } => {
                assert_ne!(accepted, id);
                Told::UnixConnect { accepted, remote: remote.address_text(), has_credentials: credentials.is_some() }
            }
            EventKind::ServerError(error) => Told::ServerError(code(error)),
            EventKind::Certificate(name, number) | EventKind::ServerCertificate(name, number) => {
                Told::Certificate(name, number)
            }
            EventKind::Lookup(answer) => Told::Lookup(answer.map_err(code)),
            EventKind::Timer => Told::Timer,
        }
    }

    fn received(&mut self, place: Payload) -> Vec<u8> {
        let Payload::Block { number, len } = place else { return self.net.received(place).to_vec() };
        let memory = self.blocks.remove(&number).expect("a block that was lent");
        // SAFETY: `net` has written `len` bytes there, and the block is no longer its.
        let block = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(memory, BLOCK)) };
        block[..len].to_vec()
    }

    fn remember(&mut self, id: Id, told: Told) {
        match told {
            Told::Message(bytes) if self.keep_bytes => {
                self.bytes.entry(id).or_default().extend_from_slice(&bytes);
                self.log.push((id, Told::Message(bytes)));
            }
            Told::Message(_) => self.log.push((id, Told::Message(Vec::new()))),
            told => self.log.push((id, told)),
        }
    }

    // --- what was told ---

    /// What one socket told, without its messages.
    pub fn story(&self, id: Id) -> Vec<Told> {
        let of_id = self.log.iter().filter(|(of, _)| *of == id);
        of_id.map(|(_, told)| told.clone()).filter(|told| !matches!(told, Told::Message(_))).collect()
    }

    pub fn has_told(&self, id: Id, wanted: &Told) -> bool {
        self.log.iter().any(|(of, told)| *of == id && told == wanted)
    }

    pub fn has_closed(&self, id: Id) -> bool {
        self.log.iter().any(|(of, told)| *of == id && matches!(told, Told::Close(_)))
    }

    pub fn received_by(&self, id: Id) -> &[u8] {
        self.bytes.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The connections that a server told of.
    pub fn accepted_by(&self, server: Id) -> Vec<Id> {
        let of_server = self.log.iter().filter(|(of, _)| *of == server);
        of_server
            .filter_map(|(_, told)| match told {
                Told::Connect { accepted, .. } => Some(*accepted),
                _ => None,
            })
            .collect()
    }

    /// The payloads of a UDP socket's datagrams, in order.
    pub fn datagrams(&self, id: Id) -> Vec<Vec<u8>> {
        let of_id = self.log.iter().filter(|(of, _)| *of == id);
        of_id
            .filter_map(|(_, told)| match told {
                Told::Datagram(bytes, _) => Some(bytes.clone()),
                _ => None,
            })
            .collect()
    }

    fn last(&self) -> &[(Id, Told)] {
        &self.log[self.log.len().saturating_sub(5)..]
    }

    // --- sockets ---

    /// A server on a free port of 127.0.0.1, with somebody listening.
    pub fn server(&mut self) -> (Id, SocketAddr) {
        self.server_with(stream_options())
    }

    pub fn server_with(&mut self, stream: StreamOptions) -> (Id, SocketAddr) {
        let id = self.net.open_server(OWNER, &server_options(stream)).unwrap();
        self.net.listen(id, true, false);
        let local = self.net.server(id, |server, _| server.local.inet()).flatten().unwrap();
        (id, local)
    }

    /// A client of `remote`, with somebody listening for messages.
    pub fn client(&mut self, remote: SocketAddr) -> Id {
        self.client_with(remote, stream_options())
    }

    pub fn client_with(&mut self, remote: SocketAddr, stream: StreamOptions) -> Id {
        let id = self.net.open_tcp(OWNER, &tcp_options(remote, stream)).unwrap();
        self.net.listen(id, true, false);
        id
    }

    /// A client that is open.
    pub fn connected(&mut self, remote: SocketAddr) -> Id {
        self.connected_with(remote, stream_options())
    }

    pub fn connected_with(&mut self, remote: SocketAddr, stream: StreamOptions) -> Id {
        let id = self.client_with(remote, stream);
        self.until(&mut ignore, |world| world.net.ready_state(id) == ReadyState::Open);
        id
    }

    /// Both ends of a connection, each of them ours, with listeners for messages.
    pub fn pair(&mut self) -> (Id, Id) {
        self.pair_with(stream_options())
    }

    pub fn pair_with(&mut self, stream: StreamOptions) -> (Id, Id) {
        let (server, address) = self.server_with(stream.clone());
        let client = self.connected_with(address, stream);
        self.until(&mut ignore, |world| !world.accepted_by(server).is_empty());
        let accepted = self.accepted_by(server)[0];
        self.net.listen(accepted, true, false);
        self.net.close(server);
        (client, accepted)
    }

    /// A UDP socket on a free port of 127.0.0.1, with somebody listening.
    pub fn udp(&mut self) -> (Id, SocketAddr) {
        let id = self.net.open_udp(OWNER, &udp_options()).unwrap();
        self.net.listen(id, true, false);
        let local = self.net.udp(id, |udp, _| udp.local).unwrap();
        (id, local)
    }
}

pub fn stream_options() -> StreamOptions {
    StreamOptions {
        network: NetworkOptions { no_delay: Some(true), ..NetworkOptions::default() },
        idle_timeout: 0,
        allow_half_open: None,
        close_timeout: 30_000,
        high_water_mark: 64 * 1024,
        max_buffered_amount: 256 * 1024 * 1024,
        framing: None,
    }
}

pub fn tcp_options(remote: SocketAddr, stream: StreamOptions) -> TcpOptions {
    TcpOptions {
        is_attempt: false,
        remote_address: remote.ip().to_string(),
        remote_port: remote.port(),
        local_address: None,
        local_port: None,
        shares_local_port: false,
        ipv6_only: None,
        buffers: BufferSizes::default(),
        connect_timeout: None,
        secure: None,
        stream,
    }
}

pub fn server_options(stream: StreamOptions) -> ServerOptions {
    ServerOptions {
        local_address: Some("127.0.0.1".to_owned()),
        local_port: None,
        ipv6_only: None,
        reuse_port: false,
        listening: ListenOptions {
            backlog: 511,
            max_connections: None,
            handshake_timeout: 10_000,
            secure: None,
            stream,
        },
    }
}

pub fn udp_options() -> UdpOptions {
    UdpOptions {
        local_address: Some("127.0.0.1".to_owned()),
        local_port: None,
        remote_address: None,
        remote_port: None,
        connected: false,
        packet_info: false,
        network_interface: None,
        address_reuse: None,
        reuse_port: false,
        ipv6_only: None,
        live: UdpChanges {
            high_water_mark: Some(64 * 1024),
            max_buffered_amount: Some(1024 * 1024),
            ..UdpChanges::default()
        },
    }
}

/// send() on an open TCP socket. Returns what it returns.
pub fn send(net: &mut Net, id: Id, bytes: &[u8]) -> bool {
    match net.stream(id, |stream, context| stream.send(bytes, id, context)) {
        Some(Ok(Sent::Accepted(go_on))) => go_on,
        other => panic!("send() on {id:?}: {other:?}"),
    }
}

pub fn half_close(net: &mut Net, id: Id) {
    net.stream(id, |stream, context| stream.half_close(id, context)).unwrap();
}

pub fn reset(net: &mut Net, id: Id) {
    net.stream(id, |stream, context| stream.reset(id, context)).unwrap();
}

/// send() on an open UDP socket. Returns what it returns.
pub fn send_to(net: &mut Net, id: Id, bytes: &[u8], to: SocketAddr) -> bool {
    let text = to.ip().to_string();
    match net.udp(id, |udp, context| udp.send(bytes, Destination::To(&text, to.port()), None, id, context)) {
        Some(Ok(UdpSent::Accepted(go_on))) => go_on,
        Some(Ok(UdpSent::Ended)) => false,
        Some(Ok(UdpSent::NotOpen)) | None => panic!("send() on {id:?}, which is closed"),
        Some(Err(error)) => panic!("send() to {to}: {error}"),
    }
}

/// Bytes that tell where in a stream they belong: cut out of a sequence that does not repeat at any round number.
pub struct Pattern(Vec<u8>);

const PERIOD: usize = 65_521;

impl Pattern {
    pub fn new() -> Self {
        let mut state = 1u32;
        let mut bytes: Vec<u8> = (0..PERIOD)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        bytes.extend_from_within(..);
        bytes.extend_from_within(..);
        Self(bytes)
    }

    /// `len` bytes of the stream from `offset` on; at most 128 KiB.
    pub fn at(&self, offset: usize, len: usize) -> &[u8] {
        let start = offset % PERIOD;
        &self.0[start..start + len]
    }
}
