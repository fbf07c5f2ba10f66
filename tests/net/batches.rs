//! A turn takes the reports of the poll set in batches: each batch is served, and what its handlers sent is written, before the next one.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use tcp_udp_sockets::net::Id;

use crate::driver::{Told, World, ignore, send};

/// The most reports of one batch.
const BATCH: usize = 32;
/// The most batches of one turn.
const BATCHES: usize = 8;

/// A world with `count` open sockets, and their peers.
fn connected(count: usize) -> (World, Vec<(Id, TcpStream)>) {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let pairs = (0..count)
        .map(|_| {
            let socket = world.connected(listener.local_addr().unwrap());
            world.net.listen(socket, true, true);
            (socket, listener.accept().unwrap().0)
        })
        .collect();
    world.rest();
    (world, pairs)
}

/// Each peer sends one byte.
fn send_from_peers(pairs: &mut [(Id, TcpStream)]) {
    for (_, peer) in pairs {
        peer.set_nodelay(true).unwrap();
        peer.write_all(b"?").unwrap();
    }
}

/// How many peers have their answer.
fn answered(pairs: &mut [(Id, TcpStream)]) -> usize {
    let has_answer = |peer: &mut TcpStream| {
        peer.set_nonblocking(true).unwrap();
        match peer.peek(&mut [0]) {
            Ok(count) => count > 0,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    };
    pairs.iter_mut().filter(|(_, peer)| has_answer(&mut peer.try_clone().unwrap())).count()
}

#[test]
fn the_answers_of_a_batch_are_written_before_the_next_one_is_served() {
    let (mut world, mut pairs) = connected(3 * BATCH + 1);
    send_from_peers(&mut pairs);
    let mut answers = Vec::new();
    world.turn(&mut |net, id, told| {
        if *told == Told::Message(b"?".to_vec()) {
            answers.push(answered(&mut pairs));
            send(net, id, b"!");
        }
    });
    let expected: Vec<usize> = (0..=3 * BATCH).map(|served| served / BATCH * BATCH).collect();
    assert_eq!(answers, expected, "how many peers had their answer, when each message came");
    for (_, peer) in &mut pairs {
        let mut answer = [0; 1];
        peer.set_nonblocking(false).unwrap();
        peer.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"!");
    }
}

/// Timers and other I/O must have their part.
#[test]
fn a_turn_ends_after_some_batches_and_the_next_one_serves_the_rest() {
    let more = 10;
    let (mut world, mut pairs) = connected(BATCHES * BATCH + more);
    send_from_peers(&mut pairs);
    let mut turns = Vec::new();
    for _ in 0..2 {
        let before = world.log.len();
        world.turn(&mut ignore);
        turns.push(world.log.len() - before);
    }
    assert_eq!(turns, [BATCHES * BATCH, more]);
}

/// What is caused in a turn waits for the next one, although the turn asks the poll set again.
#[test]
fn a_socket_with_more_to_do_waits_for_the_next_turn() {
    let (mut world, mut pairs) = connected(BATCH + 1);
    send_from_peers(&mut pairs);
    let first = pairs[0].0;
    let mut told_by_first = Vec::new();
    world.turn(&mut |net, id, told| {
        if id == first {
            told_by_first.push(told.clone());
            net.close(id);
        }
    });
    assert_eq!(told_by_first, [Told::Message(b"?".to_vec())]);
    world.until(&mut ignore, |world| world.has_closed(first));
}
