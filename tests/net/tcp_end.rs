//! TCP: how connections end. The peer's FIN, halfclose(), close() and its linger, reset().

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use tcp_udp_sockets::net::{Id, Net, StreamOptions};
use tcp_udp_sockets::proto::ReadyState;

use crate::driver::{Told, World, half_close, ignore, reset, send, stream_options};

/// One of our clients, open, and a foreign peer of it.
fn with_peer(world: &mut World, options: StreamOptions) -> (Id, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = world.connected_with(listener.local_addr().unwrap(), options);
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    world.log.clear();
    (client, peer)
}

fn allow_half_open(allow: Option<bool>) -> StreamOptions {
    let mut options = stream_options();
    options.allow_half_open = allow;
    options
}

fn read_all(peer: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    peer.read_to_end(&mut received).unwrap();
    received
}

/// R-tcp-fin, no listener: what is buffered is flushed, our FIN follows, `close`.
#[test]
fn the_peers_fin_closes_after_the_flush() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, stream_options());
    let much = vec![5; 6 * 1024 * 1024];
    let mut closing = false;
    send(&mut world.net, client, &much);
    peer.shutdown(Shutdown::Write).unwrap();
    world.until(&mut ignore, |world| world.net.ready_state(client) == ReadyState::Closing);
    let reader = thread::spawn(move || read_all(&mut peer));
    world.until(
        &mut |net: &mut Net, id, told: &Told| {
            if *told == Told::Drain {
                closing = net.ready_state(id) == ReadyState::Closing;
            }
        },
        |world| world.has_closed(client),
    );
    assert!(closing, "R-tcp-drain: while closing");
    assert_eq!(world.story(client), [Told::Drain, Told::Close(0)]);
    assert_eq!(reader.join().unwrap(), much);
}

/// R-once: who asked is told of the peer's end while what was sent is still on its way.
#[test]
fn the_peers_end_is_reported_to_who_asked() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, allow_half_open(None));
    world.net.report_end(client);
    let much = vec![5; 8 << 20];
    assert!(!send(&mut world.net, client, &much));
    peer.write_all(b"the end").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    world.until_told(client, &Told::Ended);
    assert_eq!(world.received_by(client), b"the end");
    assert_eq!(world.net.ready_state(client), ReadyState::Closing);
    let reader = thread::spawn(move || read_all(&mut peer));
    world.until_told(client, &Told::Close(0));
    assert_eq!(world.story(client), [Told::Ended, Told::Drain, Told::Close(0)]);
    assert_eq!(reader.join().unwrap(), much);
}

/// R-tcp-fin, a `halfclose` listener or allowHalfOpen: open until we end it.
#[test]
fn half_close_leaves_us_sending() {
    for (allow, listener) in [(None, true), (Some(true), false)] {
        let mut world = World::new();
        let (client, mut peer) = with_peer(&mut world, allow_half_open(allow));
        world.net.listen(client, true, listener);
        peer.write_all(b"the end").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        world.until_told(client, &Told::HalfClose);
        assert_eq!(world.received_by(client), b"the end", "R-tcp-message: the peer's end comes after its bytes");
        assert_eq!(world.net.ready_state(client), ReadyState::Open);
        send(&mut world.net, client, b"go on");
        world.rest();
        send(&mut world.net, client, b" and on");
        half_close(&mut world.net, client);
        world.until_told(client, &Told::Close(0));
        assert_eq!(read_all(&mut peer), b"go on and on");
        assert_eq!(world.story(client), [Told::HalfClose, Told::Close(0)]);
    }
}

/// R-tcp-fin, `allowHalfOpen: false` with a listener: what the listener sends is flushed, then the rest.
#[test]
fn what_a_half_close_listener_sends_gets_out() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, allow_half_open(Some(false)));
    world.net.listen(client, true, true);
    peer.shutdown(Shutdown::Write).unwrap();
    let much = vec![8; 200_000];
    let mut state = None;
    world.until(
        &mut |net: &mut Net, id, told: &Told| {
            if *told == Told::HalfClose {
                state = Some(net.ready_state(id));
                assert!(!send(net, id, &much));
            }
        },
        |world| world.has_closed(client),
    );
    assert_eq!(state, Some(ReadyState::Open));
    assert_eq!(world.story(client), [Told::HalfClose, Told::Drain, Told::Close(0)]);
    assert_eq!(read_all(&mut peer), much);
}

/// R-tcp-drain: close() in the listener takes away neither the `drain` that is owed nor the count's way to 0.
#[test]
fn drain_comes_before_close_in_the_same_turn() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, stream_options());
    world.net.listen(client, true, true);
    peer.shutdown(Shutdown::Write).unwrap();
    let much = vec![8; 100_000];
    world.until(
        &mut |net: &mut Net, id, told: &Told| {
            if *told == Told::HalfClose {
                assert!(!send(net, id, &much));
                net.close(id);
            }
        },
        |world| world.has_closed(client),
    );
    assert_eq!(world.story(client), [Told::HalfClose, Told::Drain, Told::Close(0)]);
    assert_eq!(read_all(&mut peer), much);
}

/// R-tcp-message: while unread bytes lie before it, the peer's end waits for somebody to take them.
#[test]
fn a_fin_behind_unread_bytes_waits_for_a_listener() {
    for (listener, expected) in [(true, Told::HalfClose), (false, Told::Close(0))] {
        let mut world = World::new();
        let (client, mut peer) = with_peer(&mut world, stream_options());
        world.net.listen(client, false, listener);
        peer.write_all(&vec![3; 50_000]).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        world.rest();
        assert_eq!(world.story(client), []);
        assert_eq!(world.net.ready_state(client), ReadyState::Open);
        assert!(send(&mut world.net, client, b"still open"));
        world.net.listen(client, true, listener);
        world.until_told(client, &expected);
        assert_eq!(world.received_by(client).len(), 50_000);
        assert_eq!(world.story(client), [expected]);
    }
}

/// R-tcp-message: with no byte before it, it is told at once, listener or not.
#[test]
fn a_fin_with_nothing_before_it_is_told_to_whom_does_not_listen() {
    let mut world = World::new();
    let (client, peer) = with_peer(&mut world, stream_options());
    world.net.listen(client, false, false);
    peer.shutdown(Shutdown::Write).unwrap();
    world.until_told(client, &Told::Close(0));
}

/// R-tcp-message: the end is told also where the last bytes were taken by a listener that has gone since.
#[test]
fn a_fin_is_told_when_the_last_listener_took_the_last_byte() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, stream_options());
    peer.write_all(b"all").unwrap();
    let mut once = |net: &mut Net, id, told: &Told| {
        if let Told::Message(_) = told {
            net.listen(id, false, false);
        }
    };
    world.until(&mut once, |world| !world.received_by(client).is_empty());
    world.rest();
    assert_eq!(world.story(client), []);
    peer.shutdown(Shutdown::Write).unwrap();
    world.until_told(client, &Told::Close(0));
}

/// R-tcp-suspend: a FIN waits for resume(), unread bytes before it or none.
#[test]
fn a_fin_waits_for_resume() {
    for bytes in [&b""[..], b"before"] {
        let mut world = World::new();
        let (client, mut peer) = with_peer(&mut world, stream_options());
        world.net.suspend(client);
        peer.write_all(bytes).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        world.rest();
        assert_eq!(world.story(client), []);
        assert_eq!(world.net.ready_state(client), ReadyState::Open);
        world.net.resume(client);
        world.until_told(client, &Told::Close(0));
        assert_eq!(world.received_by(client), bytes);
    }
}

/// R-tcp-halfclose: FIN is sent though the peer's own, not yet told, waits for resume().
#[test]
fn half_close_sends_fin_while_suspended_behind_the_peers() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, stream_options());
    world.net.suspend(client);
    peer.shutdown(Shutdown::Write).unwrap();
    world.rest();
    half_close(&mut world.net, client);
    world.rest();
    peer.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    world.net.resume(client);
    world.until_told(client, &Told::Close(0));
}

/// R-tcp-halfclose: flushed, then FIN; messages still come; the peer's FIN closes.
#[test]
fn half_close_flushes_and_receives_on() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, stream_options());
    let much = vec![4; 5 * 1024 * 1024];
    send(&mut world.net, client, &much);
    half_close(&mut world.net, client);
    assert_eq!(world.net.ready_state(client), ReadyState::HalfClosed);
    let peer = thread::spawn(move || {
        let received = read_all(&mut peer);
        peer.write_all(b"got it").unwrap();
        received
    });
    world.until(&mut ignore, |world| world.has_closed(client));
    assert_eq!(world.story(client), [Told::Drain, Told::Close(0)]);
    assert_eq!(world.received_by(client), b"got it");
    assert_eq!(peer.join().unwrap(), much);
}

/// R-tcp-close: flushed, however long the peer takes, then FIN; `close` at the peer's FIN; no message after close().
#[test]
fn close_flushes_and_waits_for_the_peers_end() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, stream_options());
    let much = vec![6; 5 * 1024 * 1024];
    send(&mut world.net, client, &much);
    assert!(!world.net.close(client));
    assert_eq!(world.net.ready_state(client), ReadyState::Closing);
    let peer = thread::spawn(move || {
        // What it sends is read and dropped: no reset takes away what it has still to read.
        let sent = peer.write_all(&vec![1; 2 * 1024 * 1024]);
        (sent.is_ok(), read_all(&mut peer))
    });
    world.until(&mut ignore, |world| world.has_closed(client));
    assert_eq!(world.story(client), [Told::Drain, Told::Close(0)]);
    assert_eq!(world.received_by(client), b"");
    let (sent, received) = peer.join().unwrap();
    assert!(sent && received == much);
}

/// R-tcp-close: unread bytes at close() make no reset.
#[test]
fn close_with_unread_bytes_loses_nothing_that_we_sent() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, stream_options());
    world.net.suspend(client);
    peer.write_all(&vec![1; 60_000]).unwrap();
    world.rest();
    send(&mut world.net, client, b"kept");
    world.net.close(client);
    world.rest();
    assert_eq!(read_all(&mut peer), b"kept");
    drop(peer);
    world.until_told(client, &Told::Close(0));
    assert_eq!(world.received_by(client), b"");
}

/// Turns until `close`, and how long that took.
fn time_to_close(world: &mut World, client: Id) -> Duration {
    let start = Instant::now();
    world.until(&mut ignore, |world| world.has_closed(client));
    start.elapsed()
}

fn assert_about(elapsed: Duration, seconds: f64) {
    let elapsed = elapsed.as_secs_f64();
    assert!(elapsed >= seconds - 0.05 && elapsed < seconds + 1.5, "{elapsed} s instead of {seconds}");
}

/// R-tcp-close: a peer that never ends is waited for 2 s.
#[test]
fn close_lingers_for_two_seconds_of_silence() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, stream_options());
    send(&mut world.net, client, b"bye");
    world.net.close(client);
    assert_about(time_to_close(&mut world, client), 2.0);
    assert_eq!(world.story(client), [Told::Close(0)]);
    assert_eq!(read_all(&mut peer), b"bye");
}

/// R-tcp-close: 2 s of silence, that is after the last byte.
#[test]
fn a_peer_that_sends_on_is_waited_for_longer() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, stream_options());
    world.net.close(client);
    let peer = thread::spawn(move || {
        assert_eq!(read_all(&mut peer), b"");
        thread::sleep(Duration::from_secs(1));
        peer.write_all(b"one more thing").unwrap();
        peer
    });
    assert_about(time_to_close(&mut world, client), 3.0);
    assert_eq!(world.received_by(client), b"");
    drop(peer.join().unwrap());
}

/// R-tcp-halfclose: close() from "halfclosed" works as from "open", also long after our FIN.
#[test]
fn close_after_half_close_lingers_too() {
    let mut world = World::new();
    let (client, peer) = with_peer(&mut world, stream_options());
    half_close(&mut world.net, client);
    world.rest();
    world.net.close(client);
    assert_about(time_to_close(&mut world, client), 2.0);
    drop(peer);
}

/// R-reset: RST at once; what is buffered or unread is dropped; `close`, no `error`, bufferedAmount kept.
#[test]
fn reset_is_seen_as_a_reset() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world, stream_options());
    peer.write_all(b"never read").unwrap();
    send(&mut world.net, client, &vec![1; 8 * 1024 * 1024]);
    reset(&mut world.net, client);
    assert_eq!(world.net.ready_state(client), ReadyState::Closed);
    let buffered = world.net.buffered_amount(client);
    assert!(buffered > 0);
    world.rest();
    assert_eq!(world.story(client), [Told::Close(buffered)]);
    assert_eq!(world.received_by(client), b"");
    assert!(peer.read_to_end(&mut Vec::new()).is_err());
    assert_eq!(world.net.open_sockets(0), 0);
}

/// Two of our own: close() at both ends at once, each its own way.
#[test]
fn both_ends_may_close_at_once() {
    let mut world = World::new();
    for (left, right) in [("close", "close"), ("close", "half"), ("half", "half"), ("half", "close")] {
        let (client, peer) = world.pair();
        for (id, how) in [(client, left), (peer, right)] {
            send(&mut world.net, id, b"bye");
            if how == "close" {
                world.net.close(id);
            } else {
                half_close(&mut world.net, id);
            }
        }
        world.until(&mut ignore, |world| world.has_closed(client) && world.has_closed(peer));
        for (id, how) in [(client, left), (peer, right)] {
            assert_eq!(world.received_by(id), if how == "close" { &b""[..] } else { b"bye" }, "{left}, {right}");
            assert_eq!(world.story(id).last(), Some(&Told::Close(0)));
        }
    }
    assert_eq!(world.net.open_sockets(0), 0);
}
