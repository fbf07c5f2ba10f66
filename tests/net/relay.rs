//! relay() without JavaScript (R-relay): in turns and by the task, over real connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use tcp_udp_sockets::net::{Id, Net};
use tcp_udp_sockets::proto::ReadyState;

use crate::driver::{Pattern, Told, World, ignore, reset, send};
use crate::tls;

/// An open socket without listeners, and its peer.
fn connected(world: &mut World) -> (Id, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let id = world.connected(listener.local_addr().unwrap());
    world.net.listen(id, false, false);
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    (id, peer)
}

/// A Blob that is still to be sent keeps a relay in turns; it is empty by the time anything is relayed.
fn keep_in_turns(world: &mut World, id: Id) {
    world.net.stream(id, |stream, context| stream.send_blob(1, id, context)).unwrap().unwrap();
}

fn give_blob(world: &mut World, id: Id) {
    world.until_told(id, &Told::Blob);
    world.net.stream(id, |stream, context| stream.blob_piece(b"!", id, context)).unwrap();
}

fn read_to_end(mut peer: TcpStream) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        peer.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

fn both_ways(in_turns: bool) {
    let mut world = World::new();
    let ((a, peer_a), (b, peer_b)) = (connected(&mut world), connected(&mut world));
    let pattern = Pattern::new();
    const BYTES: usize = 20_000_000;
    if in_turns {
        keep_in_turns(&mut world, a);
    }
    send(&mut world.net, b, b"sent before, ");
    world.net.relay(a, b).unwrap();
    if in_turns {
        give_blob(&mut world, a);
    }
    let writers: Vec<_> = [&peer_a, &peer_b]
        .into_iter()
        .map(|peer| {
            let (mut peer, bytes) = (peer.try_clone().unwrap(), pattern.at(0, 100_000).repeat(BYTES / 100_000));
            std::thread::spawn(move || {
                peer.write_all(&bytes).unwrap();
                peer.shutdown(Shutdown::Write).unwrap();
            })
        })
        .collect();
    let readers = [read_to_end(peer_a), read_to_end(peer_b)];
    world.until(&mut ignore, |world| world.has_closed(a) && world.has_closed(b));
    for writer in writers {
        writer.join().unwrap();
    }
    let [at_a, at_b] = readers.map(|reader| reader.join().unwrap());
    let whole = pattern.at(0, 100_000).repeat(BYTES / 100_000);
    let before_a: &[u8] = if in_turns { b"!" } else { b"" };
    assert!(at_a.starts_with(before_a) && at_a[before_a.len()..] == whole);
    assert!(at_b.starts_with(b"sent before, ") && at_b[13..] == whole);
    for id in [a, b] {
        let story: Vec<Told> =
            world.story(id).into_iter().filter(|told| !matches!(told, Told::Open(_) | Told::Blob)).collect();
        assert_eq!(story, [Told::Relayed(BYTES as u64), Told::Close(0)]);
    }
}

#[test]
fn bytes_flow_both_ways_and_nothing_is_told_of_them() {
    both_ways(false);
}

#[test]
fn in_turns_too() {
    both_ways(true);
}

#[test]
fn a_loss_resets_the_other() {
    for in_turns in [false, true] {
        let mut world = World::new();
        let ((a, peer_a), (b, mut peer_b)) = (connected(&mut world), connected(&mut world));
        if in_turns {
            keep_in_turns(&mut world, b);
        }
        world.net.relay(a, b).unwrap();
        socket2::SockRef::from(&peer_a).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer_a);
        world.until(&mut ignore, |world| world.has_closed(a) && world.has_closed(b));
        assert!(world.has_told(a, &Told::Error("ECONNRESET".to_owned())));
        assert!(!world.story(b).iter().any(|told| matches!(told, Told::Error(_))));
        assert_eq!(peer_b.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn reset_of_one_closes_both_at_once() {
    let mut world = World::new();
    let ((a, mut peer_a), (b, mut peer_b)) = (connected(&mut world), connected(&mut world));
    world.net.relay(a, b).unwrap();
    reset(&mut world.net, b);
    assert_eq!((world.net.ready_state(a), world.net.ready_state(b)), (ReadyState::Closed, ReadyState::Closed));
    world.until(&mut ignore, |world| world.has_closed(a) && world.has_closed(b));
    for peer in [&mut peer_a, &mut peer_b] {
        assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

/// A proxy to `to`. On a word it ends the direction to the client with a FIN, as no TLS peer would.
fn truncating_proxy(to: SocketAddr) -> (SocketAddr, mpsc::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (truncate, awaits_truncate) = mpsc::channel();
    std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let server = TcpStream::connect(to).unwrap();
        for (mut from, mut to) in
            [(&client, &server), (&server, &client)].map(|(a, b)| (a.try_clone().unwrap(), b.try_clone().unwrap()))
        {
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
        awaits_truncate.recv().unwrap();
        client.shutdown(Shutdown::Write).unwrap();
    });
    (address, truncate)
}

/// The fault of the other one is known to its task, and nobody has looked.
#[test]
fn reset_of_one_resets_the_other_also_where_that_has_a_fault_which_was_not_reported() {
    let mut world = World::new();
    let (server_side, client_side) = tls::options();
    let (server, address) = tls::listen(&mut world, server_side, 10_000);
    let (address, truncate) = truncating_proxy(address);
    let b = tls::connect(&mut world, address, client_side);
    let (a, mut peer_a) = connected(&mut world);
    world.until(&mut ignore, |world| {
        world.net.ready_state(b) == ReadyState::Open && !world.accepted_by(server).is_empty()
    });
    world.net.relay(a, b).unwrap();
    world.rest();
    truncate.send(()).unwrap();
    world.wait(Duration::from_secs(20));
    reset(&mut world.net, a);
    assert_eq!((world.net.ready_state(a), world.net.ready_state(b)), (ReadyState::Closed, ReadyState::Closed));
    world.until(&mut ignore, |world| world.has_closed(a) && world.has_closed(b));
    assert!(!world.story(b).iter().any(|told| matches!(told, Told::Error(_))), "{:?}", world.story(b));
    assert_eq!(peer_a.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// R-tcp-send: bufferedAmount falls only in a later task.
#[test]
fn reset_of_one_leaves_the_others_buffered_amount_in_the_same_task() {
    let mut world = World::new();
    let ((a, mut peer_a), (b, _peer_b)) = (connected(&mut world), connected(&mut world));
    let (other, mut peer_of_other) = connected(&mut world);
    world.net.listen(other, true, false);
    keep_in_turns(&mut world, b);
    world.net.relay(a, b).unwrap();
    give_blob(&mut world, b);
    world.rest();
    // Both wait when the turn begins, the relay's first. So many bytes are written at once.
    peer_a.write_all(&[1; 60_000]).unwrap();
    peer_of_other.write_all(b"now").unwrap();
    let mut amounts = Vec::new();
    let mut handler = |net: &mut Net, id: Id, told: &Told| {
        if id == other && matches!(told, Told::Message(_)) {
            amounts.push(net.buffered_amount(b));
            reset(net, a);
            amounts.push(net.buffered_amount(b));
        }
    };
    world.until(&mut handler, |world| world.has_closed(a) && world.has_closed(b));
    assert!(amounts[0] > 0 && amounts[0] == amounts[1], "{amounts:?}");
}

#[test]
fn close_of_one_flushes_what_was_taken_and_ends_both() {
    let mut world = World::new();
    let ((a, mut peer_a), (b, peer_b)) = (connected(&mut world), connected(&mut world));
    world.net.relay(a, b).unwrap();
    // More than the systems' buffers hold: the task is stopped in the middle of it.
    let bytes = Pattern::new().at(0, 100_000).repeat(100);
    let writer = std::thread::spawn({
        let bytes = bytes.clone();
        move || {
            let written = peer_a.write(&bytes).unwrap();
            let _ = peer_a.shutdown(Shutdown::Write);
            (peer_a, written)
        }
    });
    std::thread::sleep(Duration::from_millis(50));
    world.net.close(a);
    assert_eq!((world.net.ready_state(a), world.net.ready_state(b)), (ReadyState::Closing, ReadyState::Closing));
    let reader = read_to_end(peer_b.try_clone().unwrap());
    world.until(&mut ignore, |_| reader.is_finished());
    let got = reader.join().unwrap();
    assert!(bytes.starts_with(&got));
    peer_b.shutdown(Shutdown::Write).unwrap();
    world.until(&mut ignore, |world| world.has_closed(a) && world.has_closed(b));
    assert!(world.has_told(b, &Told::Relayed(got.len() as u64)));
    writer.join().unwrap();
}

#[test]
fn only_two_open_sockets_are_taken() {
    let mut world = World::new();
    let ((a, _peer_a), (b, _peer_b)) = (connected(&mut world), connected(&mut world));
    assert!(world.net.relay(a, a).is_err());
    world.net.relay(a, b).unwrap();
    assert!(world.net.relay(a, b).is_err());
    let (c, _peer_c) = connected(&mut world);
    assert!(world.net.relay(c, a).is_err());
    world.net.close(c);
    let (d, _peer_d) = connected(&mut world);
    assert!(world.net.relay(c, d).is_err());
    // What is refused stays as it was.
    assert!(send(&mut world.net, d, b"x"));
}

#[test]
fn an_idle_relay_rests() {
    let mut world = World::new();
    let ((a, mut peer_a), (b, mut peer_b)) = (connected(&mut world), connected(&mut world));
    world.net.relay(a, b).unwrap();
    peer_a.write_all(b"x").unwrap();
    peer_b.read_exact(&mut [0]).unwrap();
    peer_a.shutdown(Shutdown::Write).unwrap();
    assert_eq!(peer_b.read(&mut [0]).unwrap(), 0);
    world.rest();
}

#[test]
fn reset_after_close_resets_both() {
    for in_turns in [false, true] {
        let mut world = World::new();
        let ((a, mut peer_a), (b, mut peer_b)) = (connected(&mut world), connected(&mut world));
        if in_turns {
            keep_in_turns(&mut world, a);
        }
        world.net.relay(a, b).unwrap();
        world.net.close(a);
        reset(&mut world.net, b);
        assert_eq!((world.net.ready_state(a), world.net.ready_state(b)), (ReadyState::Closed, ReadyState::Closed));
        world.until(&mut ignore, |world| world.has_closed(a) && world.has_closed(b));
        for peer in [&mut peer_a, &mut peer_b] {
            assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
    }
}
