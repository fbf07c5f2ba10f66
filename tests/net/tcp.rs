//! TCP: bytes both ways, back-pressure, who listens.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tcp_udp_sockets::net::{Id, Net};
use tcp_udp_sockets::proto::{ReadyState, Sent};

use crate::driver::{
    Pattern, Told, World, half_close, ignore, reset, send, server_options, stream_options, tcp_options,
};

/// Sends back what comes, as far as the socket is there.
fn echo(net: &mut Net, id: Id, told: &Told) {
    match told {
        Told::Connect { accepted, .. } => net.listen(*accepted, true, false),
        Told::Message(bytes) => {
            send(net, id, bytes);
        }
        _ => {}
    }
}

#[test]
fn an_echo_server_answers_a_foreign_client() {
    let mut world = World::new();
    let (server, address) = world.server();
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut answers = Vec::new();
        for word in ["one", "two", "three"] {
            stream.write_all(word.as_bytes()).unwrap();
            let mut answer = vec![0; word.len()];
            stream.read_exact(&mut answer).unwrap();
            answers.push(String::from_utf8(answer).unwrap());
        }
        answers
    });
    world.until(&mut echo, |_| client.is_finished());
    assert_eq!(client.join().unwrap(), ["one", "two", "three"]);
    // R-tcp-fin: nobody listens for `halfclose`, so the peer's end closes the socket.
    let accepted = world.accepted_by(server)[0];
    world.until_told(accepted, &Told::Close(0));
    assert_eq!(world.story(accepted), [Told::Close(0)]);
    // R-srv-close: close() leaves nothing.
    assert!(world.net.close(server));
    assert!(!world.net.keeps_alive());
}

/// R-tcp-send: bufferedAmount rises at once and falls only in a later task, though the bytes are written at once.
#[test]
fn buffered_amount_falls_only_after_the_turn() {
    let mut world = World::new();
    let (client, peer) = world.pair();
    for size in [1, 5000, 40_000] {
        assert!(send(&mut world.net, client, &vec![7; size]));
        assert_eq!(world.net.buffered_amount(client), size as u32);
        world.turn(&mut ignore);
        assert_eq!(world.net.buffered_amount(client), 0);
    }
    world.until(&mut ignore, |world| world.received_by(peer).len() == 45_001);
}

/// R-tcp-send: an empty payload is true and sends nothing.
#[test]
fn an_empty_send_is_nothing() {
    let mut world = World::new();
    let (client, peer) = world.pair();
    assert!(send(&mut world.net, client, b""));
    world.rest();
    send(&mut world.net, client, b"x");
    world.until(&mut ignore, |world| !world.received_by(peer).is_empty());
    assert_eq!(world.received_by(peer), b"x");
}

/// R-tcp-order: sends of all sizes, small ones merged, large ones written directly, in one turn and over several.
#[test]
fn bytes_leave_in_the_order_of_the_calls() {
    let mut world = World::new();
    let (client, peer) = world.pair();
    let pattern = Pattern::new();
    let mut sent = 0;
    for round in 0..20 {
        for len in [1, 100, 16_383, 16_384, 3, 70_000, 16_385, 100_000, 0, 5] {
            send(&mut world.net, client, pattern.at(sent, len));
            sent += len;
        }
        if round % 3 == 0 {
            world.turn(&mut ignore);
        }
    }
    world.until(&mut ignore, |world| world.received_by(peer).len() >= sent);
    let received = world.received_by(peer);
    assert_eq!(received.len(), sent);
    for (n, chunk) in received.chunks(50_000).enumerate() {
        assert!(chunk == pattern.at(n * 50_000, chunk.len()), "in the {n}th 50,000 bytes");
    }
}

/// Large reads go where the engine lends memory; where it has none they come all the same.
#[test]
fn large_reads_come_without_a_lent_block_too() {
    for refuse in [false, true] {
        let mut world = World::new();
        world.refuse_blocks = refuse;
        let (client, peer) = world.pair();
        let bytes: Vec<u8> = (0..2_000_000u32).map(|n| (n % 251) as u8).collect();
        send(&mut world.net, client, &bytes);
        world.until(&mut ignore, |world| world.received_by(peer).len() >= bytes.len());
        assert!(world.received_by(peer) == bytes);
    }
}

/// A write stops at its share of the turn while the system would take more: it goes on by itself in the next.
#[test]
fn a_write_that_stops_at_its_share_of_the_turn_goes_on() {
    const TOTAL: usize = 24 * 1024 * 1024;
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = world.connected(listener.local_addr().unwrap());
    let (mut peer, _) = listener.accept().unwrap();
    let block = vec![0; 8 * 1024];
    // The first time makes the system's buffers grow to several times that share.
    for _ in 0..2 {
        for _ in 0..TOTAL / block.len() {
            send(&mut world.net, client, &block);
        }
        // All that the system holds is taken while we do nothing, so that the next write finds room.
        peer.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut received = 0;
        let mut buffer = vec![0; 1024 * 1024];
        while let Ok(len) = peer.read(&mut buffer) {
            received += len;
        }
        assert!(received > 0 && received < TOTAL);
        let reader = thread::spawn(move || {
            peer.set_read_timeout(None).unwrap();
            while received < TOTAL {
                received += peer.read(&mut buffer).unwrap();
            }
            peer
        });
        world.until(&mut ignore, |_| reader.is_finished());
        peer = reader.join().unwrap();
        world.rest();
        assert_eq!(world.net.buffered_amount(client), 0);
    }
}

/// A transfer both ways: how far each side is, and who has suspended.
struct Transfer {
    pattern: Pattern,
    total: usize,
    suspend_every: usize,
    sides: HashMap<Id, Side>,
    suspended: Vec<Id>,
}

#[derive(Default)]
struct Side {
    sent: usize,
    received: usize,
    suspensions: usize,
}

impl Transfer {
    /// Sends until send() returns false, or all is sent.
    fn pump(&mut self, net: &mut Net, id: Id) {
        const PIECE: usize = 48 * 1024;
        let side = self.sides.get_mut(&id).unwrap();
        while side.sent < self.total {
            let len = PIECE.min(self.total - side.sent);
            let go_on = send(net, id, self.pattern.at(side.sent, len));
            side.sent += len;
            assert!(net.buffered_amount(id) <= (64 * 1024 + PIECE) as u32, "more is buffered than send() said to");
            if !go_on {
                return;
            }
        }
    }

    fn on_event(&mut self, net: &mut Net, id: Id, told: &Told) {
        match told {
            Told::Message(bytes) => {
                assert!(!self.suspended.contains(&id), "a message while suspended");
                let side = self.sides.get_mut(&id).unwrap();
                assert!(bytes == self.pattern.at(side.received, bytes.len()), "after byte {}", side.received);
                side.received += bytes.len();
                if side.received / self.suspend_every > side.suspensions {
                    side.suspensions += 1;
                    net.suspend(id);
                    self.suspended.push(id);
                }
            }
            Told::Drain => self.pump(net, id),
            other => panic!("{other:?}"),
        }
    }

    fn is_done(&self) -> bool {
        self.sides.values().all(|side| side.sent == self.total && side.received == self.total)
    }
}

/// R-tcp-drain, R-tcp-suspend: 64 MiB each way at once, both receivers suspending again and again; nothing is lost, the
/// order is kept, and no more is buffered than send() allowed.
#[test]
fn sixty_four_mebibytes_each_way_with_receivers_that_suspend() {
    let mut world = World::new();
    world.forget_bytes();
    let (left, right) = world.pair();
    let mut transfer = Transfer {
        pattern: Pattern::new(),
        total: 64 * 1024 * 1024,
        suspend_every: 8 * 1024 * 1024,
        sides: HashMap::from([(left, Side::default()), (right, Side::default())]),
        suspended: Vec::new(),
    };
    transfer.pump(&mut world.net, left);
    transfer.pump(&mut world.net, right);
    while !transfer.is_done() {
        let busy = world.turn(&mut |net: &mut Net, id, told: &Told| transfer.on_event(net, id, told));
        if !busy {
            // All that the system holds is full: back-pressure. Now it goes on.
            for id in transfer.suspended.drain(..) {
                world.net.resume(id);
            }
        }
    }
    assert!(transfer.sides.values().all(|side| side.suspensions == 8));
    world.rest();
}

/// R-tcp-suspend: a receiver suspended for good holds the sender back; nothing grows and nothing spins.
#[test]
fn a_receiver_suspended_for_good_holds_the_sender_back() {
    let mut world = World::new();
    let (client, peer) = world.pair();
    world.net.suspend(peer);
    let block = vec![1; 32 * 1024];
    while send(&mut world.net, client, &block) {}
    let mut quiet = 0;
    while quiet < 20 {
        let busy = world.turn(&mut |net: &mut Net, id, told: &Told| {
            assert_eq!((id, told), (client, &Told::Drain));
            while send(net, client, &block) {}
        });
        quiet = if busy { 0 } else { quiet + 1 };
    }
    world.rest();
    let held = world.net.buffered_amount(client) as usize;
    assert!(held > 0 && held <= 64 * 1024 + block.len(), "{held} bytes are buffered");
    assert_eq!(world.received_by(peer), b"");
    let drains = world.story(client).len();
    world.net.resume(peer);
    world.until(&mut ignore, |world| world.story(client).len() > drains);
    assert_eq!(world.story(client).last(), Some(&Told::Drain));
}

/// R-tcp-full: a sender that ignores false: "closed" at once, ENOBUFS, `close`; the peer sees a reset.
#[test]
fn a_sender_that_ignores_false_is_closed_when_the_buffer_is_full() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = {
        let mut options = stream_options();
        options.max_buffered_amount = 1024 * 1024;
        options
    };
    let client = world.connected_with(listener.local_addr().unwrap(), options);
    let (mut peer, _) = listener.accept().unwrap();
    let block = vec![1; 300_000];
    let last = loop {
        match world.net.stream(client, |stream, context| stream.send(&block, client, context)).unwrap().unwrap() {
            Sent::Accepted(_) => {}
            other => break other,
        }
    };
    assert_eq!(last, Sent::Full);
    assert_eq!(world.net.ready_state(client), ReadyState::Closed);
    let buffered = world.net.buffered_amount(client);
    assert!(buffered <= 1024 * 1024 && buffered > 700_000);
    world.rest();
    let story = world.story(client);
    assert_eq!(story[1..], [Told::Error("ENOBUFS".to_owned()), Told::Close(buffered)]);
    let mut received = Vec::new();
    assert!(peer.read_to_end(&mut received).is_err(), "a reset, not an end");
}

/// R-listen: without a listener bytes wait; a listener that comes and goes between reads loses nothing.
#[test]
fn a_listener_that_goes_away_between_reads_loses_nothing() {
    const TOTAL: usize = 3 * 1024 * 1024;
    let mut world = World::new();
    let (client, peer) = world.pair();
    world.net.listen(peer, false, false);
    let pattern = Pattern::new();
    let mut sent = 0;
    while sent < TOTAL {
        let len = 30_000.min(TOTAL - sent);
        send(&mut world.net, client, pattern.at(sent, len));
        sent += len;
    }
    half_close(&mut world.net, client);
    world.rest();
    assert_eq!(world.received_by(peer), b"", "nobody listens");
    let mut asked = 0;
    while !world.has_closed(peer) {
        let before = world.received_by(peer).len();
        world.net.listen(peer, true, false);
        asked += 1;
        // As a `{ once: true }` listener does.
        let mut once = |net: &mut Net, id, told: &Told| {
            if let Told::Message(_) = told {
                net.listen(id, false, false);
            }
        };
        world.until(&mut once, |world| world.received_by(peer).len() > before || world.has_closed(peer));
        world.rest();
    }
    assert!(asked > 10);
    let received = world.received_by(peer);
    assert_eq!(received.len(), TOTAL);
    for (n, chunk) in received.chunks(60_000).enumerate() {
        assert!(chunk == pattern.at(n * 60_000, chunk.len()), "in the {n}th 60,000 bytes");
    }
}

/// R-tcp-suspend: what was queued comes after resume(), in order; suspend() in the handler takes effect at once.
#[test]
fn no_message_fires_while_suspended() {
    let mut world = World::new();
    let (client, peer) = world.pair();
    let word = vec![9; 150_000];
    send(&mut world.net, client, &word);
    let mut pauses = 0;
    while world.received_by(peer).len() < word.len() {
        let before = world.received_by(peer).len();
        world.net.resume(peer);
        let mut suspend = |net: &mut Net, id, told: &Told| {
            if let Told::Message(_) = told {
                net.suspend(id);
            }
        };
        world.until(&mut suspend, |world| world.received_by(peer).len() > before);
        let after = world.received_by(peer).len();
        world.rest();
        assert_eq!(world.received_by(peer).len(), after, "a message while suspended");
        pauses += 1;
    }
    assert!(pauses >= 3, "64 KiB a read at most");
    assert_eq!(world.received_by(peer), word);
}

/// Many connections at once, each echoing: none is forgotten, none is served twice in a turn.
#[test]
fn a_thousand_connections_echo() {
    #[cfg(unix)]
    crate::shortage::allow_descriptors(4096);
    const CONNECTIONS: usize = 1000;
    const ROUNDS: usize = 5;
    let mut world = World::new();
    world.forget_bytes();
    let mut options = server_options(stream_options());
    options.listening.backlog = 4096;
    let server = world.net.open_server(0, &options).unwrap();
    world.net.listen(server, true, false);
    let address = world.net.server(server, |server, _| server.local.inet()).flatten().unwrap();
    let clients: Vec<Id> = (0..CONNECTIONS).map(|_| world.client(address)).collect();
    let mut rounds: HashMap<Id, usize> = clients.iter().map(|id| (*id, 0)).collect();
    let mut accepted = 0;
    world.until(
        &mut |net: &mut Net, id, told: &Told| match (told, rounds.get_mut(&id)) {
            (Told::Connect { accepted: connection, .. }, _) => {
                accepted += 1;
                net.listen(*connection, true, false);
            }
            (Told::Open(_), Some(_)) => {
                send(net, id, &id.number().to_be_bytes());
            }
            (Told::Message(bytes), Some(round)) => {
                assert_eq!(bytes[..], id.number().to_be_bytes());
                *round += 1;
                if *round < ROUNDS {
                    send(net, id, bytes);
                } else {
                    net.close(id);
                }
            }
            (Told::Message(bytes), None) => {
                send(net, id, bytes);
            }
            (Told::Close(0), _) => {}
            other => panic!("{other:?}"),
        },
        |world| world.net.open_sockets(0) == 1,
    );
    assert_eq!(accepted, CONNECTIONS);
    assert!(rounds.values().all(|round| *round == ROUNDS));
}

/// One socket that floods does not hold up the others: each has one read a turn (the driver checks it).
#[test]
fn a_flood_does_not_starve_a_trickle() {
    let mut world = World::new();
    world.forget_bytes();
    let (server, address) = world.server();
    let flood = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let block = vec![0; 256 * 1024];
        while stream.write_all(&block).is_ok() {}
    });
    let mut trickle = None;
    let (pongs, flooded) = (Cell::new(0), Cell::new(0));
    let mut reads_between = 0;
    world.until(
        &mut |net: &mut Net, id, told: &Told| match told {
            Told::Connect { accepted, .. } => {
                net.listen(*accepted, true, false);
                if trickle.is_none() {
                    let local = net.server(id, |server, _| server.local.inet()).flatten().unwrap();
                    let client = net.open_tcp(0, &tcp_options(local, stream_options())).unwrap();
                    net.listen(client, true, false);
                    trickle = Some(client);
                }
            }
            Told::Open(_) => {
                send(net, id, b"ping");
            }
            Told::Message(bytes) if Some(id) == trickle => {
                assert_eq!(bytes, b"ping");
                pongs.set(pongs.get() + 1);
                reads_between = 0;
                send(net, id, b"ping");
            }
            Told::Message(bytes) if bytes == b"ping" => {
                send(net, id, b"ping");
            }
            Told::Message(bytes) => {
                flooded.set(flooded.get() + bytes.len());
                reads_between += 1;
                assert!(reads_between < 100, "the flood holds up the trickle");
            }
            _ => {}
        },
        |_| pongs.get() >= 50 && flooded.get() > 16 * 1024 * 1024,
    );
    for id in world.accepted_by(server) {
        if world.net.ready_state(id) == ReadyState::Open {
            reset(&mut world.net, id);
        }
    }
    world.until(&mut ignore, |_| flood.is_finished());
    flood.join().unwrap();
}

/// R-end-of-life: the end of an environment is the end for the peers; what was sent gets out.
#[test]
fn the_end_of_an_environment_is_seen_by_peers() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = world.connected(listener.local_addr().unwrap());
    let (mut peer, _) = listener.accept().unwrap();
    send(&mut world.net, client, b"last words");
    world.net.end();
    let mut received = Vec::new();
    peer.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"last words");
    let _ = peer.shutdown(Shutdown::Both);
}
