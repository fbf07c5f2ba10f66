//! closeTimeout (R-tcp-close): the flush of a closing socket goes on for as long as the peer takes bytes. And whose fault it is
//! where it does not go on.

use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use tcp_udp_sockets::net::{BufferSizes, Id, Net};
use tcp_udp_sockets::proto::ReadyState;

use crate::driver::{Told, World, half_close, ignore, send, stream_options, tcp_options};

const LIMIT_MS: u32 = 400;
const LIMIT: Duration = Duration::from_millis(LIMIT_MS as u64);
/// More than the system holds for a connection whose buffers are small.
const MUCH: usize = 8 * 1024 * 1024;

/// An open client with a small send buffer, and its peer.
fn with_peer(world: &mut World, close_timeout: u32) -> (Id, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = tcp_options(listener.local_addr().unwrap(), stream_options());
    options.stream.close_timeout = close_timeout;
    options.buffers = BufferSizes { send: Some(64 * 1024), receive: None };
    let client = world.net.open_tcp(0, &options).unwrap();
    world.net.listen(client, true, false);
    world.until(&mut ignore, |world| world.net.ready_state(client) == ReadyState::Open);
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    world.log.clear();
    (client, peer)
}

fn timed_out() -> Told {
    Told::Error("ETIMEDOUT".to_owned())
}

fn send_blob(net: &mut Net, id: Id, size: usize) {
    net.stream(id, |stream, context| stream.send_blob(size as u64, id, context)).unwrap().unwrap();
}

fn blob_piece(net: &mut Net, id: Id, bytes: &[u8]) {
    net.stream(id, |stream, context| stream.blob_piece(bytes, id, context));
}

/// Turns for some time.
fn turns_for(world: &mut World, time: Duration) {
    let end = Instant::now() + time;
    world.until(&mut ignore, |_| Instant::now() >= end);
}

/// What the peer gets to read, until its end or a reset.
fn read_all(peer: &mut TcpStream) -> Result<usize, std::io::Error> {
    let mut received = Vec::new();
    peer.read_to_end(&mut received).map(|_| received.len())
}

/// A peer that takes nothing: a lost connection, in the order of R-tcp-lost, reset, and nothing is held any more.
#[test]
fn a_peer_that_takes_nothing_is_lost() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, LIMIT_MS);
    let start = Instant::now();
    send(&mut world.net, client, &vec![1; MUCH]);
    world.net.close(client);
    assert_eq!(world.net.ready_state(client), ReadyState::Closing);
    world.until(&mut ignore, |world| world.has_closed(client));
    assert!(start.elapsed() >= LIMIT);
    let story = world.story(client);
    assert!(matches!(&story[..], [error, Told::Close(left)] if *error == timed_out() && *left > 0), "{story:?}");
    assert_eq!(world.net.open_sockets(0), 0);
    // (Where the loss shows behind unread bytes, those come first.)
    assert!(read_all(&mut peer).is_err(), "the peer took what it got for the whole");
    world.rest();
}

/// So also where the peer's FIN has begun it; halfclose() has no limit, and what it sent arrives.
#[test]
fn the_peers_fin_has_the_limit_and_half_close_has_none() {
    let mut world = World::new();
    let (closing, peer_of_closing) = with_peer(&mut world, LIMIT_MS);
    let (ending, mut peer_of_ending) = with_peer(&mut world, LIMIT_MS);
    for id in [closing, ending] {
        send(&mut world.net, id, &vec![1; MUCH]);
    }
    half_close(&mut world.net, ending);
    for peer in [&peer_of_closing, &peer_of_ending] {
        peer.shutdown(Shutdown::Write).unwrap();
    }
    world.until_told(closing, &timed_out());
    turns_for(&mut world, 2 * LIMIT);
    assert_eq!(world.story(ending), []);
    let reader = thread::spawn(move || read_all(&mut peer_of_ending).unwrap());
    world.until(&mut ignore, |world| world.has_closed(ending));
    assert_eq!(world.story(ending), [Told::Drain, Told::Close(0)]);
    assert_eq!(reader.join().unwrap(), MUCH);
}

/// A Blob that is slow to be read is not the peer's fault: no limit runs while the peer has taken all that there is.
#[test]
fn a_slow_blob_is_waited_for() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, LIMIT_MS);
    send(&mut world.net, client, b"first ");
    send_blob(&mut world.net, client, 6);
    world.net.close(client);
    world.until_told(client, &Told::Blob);
    turns_for(&mut world, 3 * LIMIT);
    assert_eq!(world.net.ready_state(client), ReadyState::Closing);
    blob_piece(&mut world.net, client, b"second");
    let reader = thread::spawn(move || read_all(&mut peer).unwrap());
    world.until(&mut ignore, |world| world.has_closed(client));
    assert_eq!(world.story(client), [Told::Blob, Told::Close(0)]);
    assert_eq!(reader.join().unwrap(), 12);
}

/// Where bytes before the Blob are not taken, it is the peer's.
#[test]
fn a_blob_behind_bytes_that_the_peer_does_not_take_is_lost_with_them() {
    let mut world = World::new();
    let (client, _peer) = with_peer(&mut world, LIMIT_MS);
    send(&mut world.net, client, &vec![1; MUCH]);
    send_blob(&mut world.net, client, 6);
    world.net.close(client);
    world.until_told(client, &timed_out());
}

/// A thread that was busy for longer than closeTimeout has written nothing meanwhile: that is not the peer's fault either.
#[test]
fn a_busy_thread_is_not_the_peers_fault() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, LIMIT_MS);
    send(&mut world.net, client, &vec![1; MUCH]);
    world.net.close(client);
    turns_for(&mut world, LIMIT / 4);
    let reader = thread::spawn(move || read_all(&mut peer));
    for _ in 0..3 {
        // What JavaScript does for so long: no turn comes, whatever the peer takes.
        thread::sleep(2 * LIMIT);
        world.turn(&mut ignore);
    }
    world.until(&mut ignore, |world| world.has_closed(client));
    assert_eq!(world.story(client), [Told::Drain, Told::Close(0)]);
    assert_eq!(reader.join().unwrap().unwrap(), MUCH);
}

/// 0 is no limit.
#[test]
fn no_limit_is_none() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, 0);
    send(&mut world.net, client, &vec![1; MUCH]);
    world.net.close(client);
    turns_for(&mut world, 2 * LIMIT);
    assert_eq!(world.net.ready_state(client), ReadyState::Closing);
    let reader = thread::spawn(move || read_all(&mut peer).unwrap());
    world.until(&mut ignore, |world| world.has_closed(client));
    assert_eq!(reader.join().unwrap(), MUCH);
}

/// relay(), in turns and by the task: close() has each socket flush by itself, with its own limit (R-relay).
#[test]
fn a_relay_that_was_closed_has_the_limit() {
    for in_turns in [false, true] {
        let mut world = World::new();
        let (source, mut from) = with_peer(&mut world, LIMIT_MS);
        let (sink, _to) = with_peer(&mut world, LIMIT_MS);
        for id in [source, sink] {
            world.net.listen(id, false, false);
        }
        if in_turns {
            send_blob(&mut world.net, sink, 1);
        }
        world.net.relay(source, sink).unwrap();
        if in_turns {
            world.until_told(sink, &Told::Blob);
            blob_piece(&mut world.net, sink, b"!");
        }
        // Until no more goes through: everything that is between is full.
        from.set_nonblocking(true).unwrap();
        let mut still = Instant::now();
        world.until(&mut ignore, |_| {
            while let Ok(1..) = std::io::Write::write(&mut from, &[1; 65_536]) {
                still = Instant::now();
            }
            still.elapsed() > Duration::from_millis(300)
        });
        world.net.close(source);
        world.until_told(sink, &timed_out());
        drop(from);
        world.until(&mut ignore, |world| world.has_closed(source) && world.has_closed(sink));
        let told = world.story(source);
        assert!(!told.contains(&timed_out()), "in turns: {in_turns}: {told:?}");
    }
}
