//! TCP under streams and signals: bytes held back or dropped, the last byte's way out told, a connection aborted.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use socket2::SockRef;
use tcp_udp_sockets::net::{Id, Net};
use tcp_udp_sockets::proto::{Intake, ReadyState};

use crate::driver::{Told, World, half_close, send, stream_options};

/// One of our clients, open, with both streams taken, and a foreign peer of it.
fn with_peer(world: &mut World) -> (Id, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = world.connected_with(listener.local_addr().unwrap(), stream_options());
    let (peer, _) = listener.accept().unwrap();
    world.net.listen(client, true, true);
    world.log.clear();
    (client, peer)
}

fn finish(net: &mut Net, id: Id) {
    net.stream(id, |stream, context| stream.finish(id, context)).unwrap();
}

fn abort(net: &mut Net, id: Id) {
    net.stream(id, |stream, context| stream.abort(id, context)).unwrap();
}

/// R-streams: a stream that holds its mark takes nothing, and the end behind the bytes waits for them.
#[test]
fn held_bytes_wait_in_the_system_and_the_end_behind_them() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world);
    world.net.take_in(client, Intake::Held);
    peer.write_all(b"held").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    world.rest();
    assert_eq!(world.story(client), []);
    assert_eq!(world.received_by(client), []);
    world.net.take_in(client, Intake::Flowing);
    world.until_told(client, &Told::HalfClose);
    assert_eq!(world.received_by(client), b"held");
}

fn read_into(net: &mut Net, id: Id, memory: &mut [u8]) -> usize {
    net.stream(id, |stream, context| stream.read_into(memory, id, context)).unwrap()
}

/// R-streams: bytes for memory of the stream's own are reported once, stay in the system until it reads them, and the end waits behind them.
#[test]
fn direct_reads_take_what_the_memory_has_room_for() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world);
    world.net.take_in(client, Intake::Direct);
    let mut memory = [0; 4];
    assert_eq!(read_into(&mut world.net, client, &mut memory), 0);
    peer.write_all(b"direct").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    world.until_told(client, &Told::Readable);
    world.rest();
    assert_eq!(world.story(client), [Told::Readable]);
    assert_eq!(read_into(&mut world.net, client, &mut []), 0);
    assert_eq!(read_into(&mut world.net, client, &mut memory), 4);
    assert_eq!(&memory, b"dire");
    world.net.suspend(client);
    assert_eq!(read_into(&mut world.net, client, &mut memory), 0);
    world.net.resume(client);
    world.log.clear();
    world.until_told(client, &Told::Readable);
    assert_eq!(read_into(&mut world.net, client, &mut memory), 2);
    assert_eq!(&memory, b"ctre");
    world.until_told(client, &Told::Readable);
    assert_eq!(read_into(&mut world.net, client, &mut memory), 0);
    world.until_told(client, &Told::HalfClose);
    assert_eq!(world.received_by(client), []);
    assert_eq!(world.net.figures(client).read, 6);
}

/// R-tcp-lost: what came before a loss is delivered, though nobody reads it directly any more.
#[test]
fn a_loss_brings_along_what_was_not_read_directly() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world);
    world.net.take_in(client, Intake::Direct);
    peer.write_all(&[7; 1000]).unwrap();
    world.until_told(client, &Told::Readable);
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    world.until_told(client, &Told::Close(0));
    assert_eq!(world.received_by(client), [7; 1000]);
}

/// R-streams: with nothing before it the peer's end is told also where nobody reads.
#[test]
fn an_end_with_nothing_before_it_is_told_at_once() {
    let mut world = World::new();
    let (client, peer) = with_peer(&mut world);
    world.net.take_in(client, Intake::Held);
    peer.shutdown(Shutdown::Write).unwrap();
    world.until_told(client, &Told::HalfClose);
    assert_eq!(world.net.ready_state(client), ReadyState::Open);
}

/// R-tcp-lost: what came before a loss is delivered, though the stream has no room; and the loss waits for no reader.
#[test]
fn a_loss_brings_the_held_bytes_along() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world);
    world.net.take_in(client, Intake::Held);
    peer.write_all(&[7; 60_000]).unwrap();
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    world.until_told(client, &Told::Close(0));
    assert_eq!(world.received_by(client), [7; 60_000]);
    assert_eq!(world.story(client), [Told::Error("ECONNRESET".to_owned()), Told::Close(0)]);
}

/// R-streams: after cancel() what comes is read and dropped, so that the peer can go on; its end is told.
#[test]
fn dropped_bytes_hold_no_peer_back() {
    const MUCH: usize = 32 * 1024 * 1024;
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world);
    world.net.take_in(client, Intake::Dropped);
    world.net.listen(client, false, true);
    let writer = std::thread::spawn(move || {
        peer.write_all(&vec![1; MUCH]).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        peer
    });
    world.until_told(client, &Told::HalfClose);
    let mut peer = writer.join().unwrap();
    assert_eq!(world.received_by(client), []);
    // Sending is left alone.
    assert!(send(&mut world.net, client, b"still here"));
    finish(&mut world.net, client);
    world.until_told(client, &Told::Close(0));
    assert_eq!(world.story(client), [Told::HalfClose, Told::Finish, Told::Close(0)]);
    let mut got = Vec::new();
    peer.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"still here");
}

/// R-streams: what a large read brought and was not told yet is dropped too, and keeps nobody busy.
#[test]
fn cancelling_in_the_middle_of_a_large_read_drops_the_rest() {
    const MUCH: usize = 32 * 1024 * 1024;
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world);
    let writer = std::thread::spawn(move || {
        peer.write_all(&vec![1; MUCH]).unwrap();
        peer
    });
    let mut received = 0;
    let mut cancel = |net: &mut Net, id, told: &Told| {
        if let Told::Message(bytes) = told {
            received += bytes.len();
            if received > MUCH / 2 {
                net.take_in(id, Intake::Dropped);
                net.listen(id, false, true);
            }
        }
    };
    world.until(&mut cancel, |_| writer.is_finished());
    world.rest();
    let peer = writer.join().unwrap();
    assert!(world.received_by(client).len() <= MUCH / 2 + 64 * 1024);
    drop(peer);
    world.until_told(client, &Told::HalfClose);
}

/// R-streams: `writable` is closed when the last byte is the system's, which a slow reader can delay.
#[test]
fn finish_is_told_behind_the_last_byte() {
    const MUCH: usize = 16 * 1024 * 1024;
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world);
    send(&mut world.net, client, &vec![3; MUCH]);
    finish(&mut world.net, client);
    world.rest();
    assert_eq!(world.story(client), []);
    let reader = std::thread::spawn(move || {
        let mut got = Vec::new();
        peer.read_to_end(&mut got).unwrap();
        (peer, got.len())
    });
    world.until_told(client, &Told::Finish);
    assert_eq!(reader.join().unwrap().1, MUCH);
    world.until_told(client, &Told::Close(0));
    assert_eq!(world.story(client), [Told::Drain, Told::Finish, Told::Close(0)]);
}

/// R-streams: who closes `writable` after halfclose() hears it all the same.
#[test]
fn finish_is_told_where_fin_was_sent_before() {
    let mut world = World::new();
    let (client, peer) = with_peer(&mut world);
    half_close(&mut world.net, client);
    world.rest();
    assert_eq!(world.story(client), []);
    finish(&mut world.net, client);
    world.until_told(client, &Told::Finish);
    drop(peer);
}

/// R-abort: closed at once and reset, told as an error; what was to be sent is dropped.
#[test]
fn abort_resets_and_is_told_as_an_error() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world);
    send(&mut world.net, client, &vec![3; 16 * 1024 * 1024]);
    abort(&mut world.net, client);
    assert_eq!(world.net.ready_state(client), ReadyState::Closed);
    let buffered = world.net.buffered_amount(client);
    assert!(buffered > 0);
    world.until_told(client, &Told::Close(buffered));
    assert_eq!(world.story(client), [Told::Error("ABORT_ERR".to_owned()), Told::Close(buffered)]);
    assert!(!world.net.keeps_alive());
    let end = peer.read_to_end(&mut Vec::new());
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// R-abort: while connecting there is an error, and no close.
#[test]
fn abort_while_connecting_is_an_error_only() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = world.client(listener.local_addr().unwrap());
    abort(&mut world.net, client);
    world.until_told(client, &Told::Error("ABORT_ERR".to_owned()));
    world.rest();
    assert_eq!(world.story(client), [Told::Error("ABORT_ERR".to_owned())]);
    assert!(!world.net.keeps_alive());
}
