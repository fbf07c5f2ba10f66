//! TCP: lost connections. What came before is delivered first, then one `error` and one `close`.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use socket2::SockRef;
use tcp_udp_sockets::net::{Id, Net};
use tcp_udp_sockets::proto::{ReadyState, Sent};

use crate::driver::{Told, World, half_close, ignore, reset, send, stream_options};

/// One of our clients, open, and a foreign peer of it.
fn with_peer(world: &mut World) -> (Id, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = world.connected_with(listener.local_addr().unwrap(), stream_options());
    let (peer, _) = listener.accept().unwrap();
    world.log.clear();
    (client, peer)
}

/// RST. What it wrote before is on the other side already: loopback.
fn reset_by(peer: TcpStream) {
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
}

fn lost() -> Told {
    Told::Error("ECONNRESET".to_owned())
}

/// R-tcp-lost: bytes received before it are delivered first, however many reads that takes; then one `error`, `close`.
#[test]
fn bytes_before_a_reset_are_delivered_first() {
    for len in [0, 1, 1000, 60_000] {
        let mut world = World::new();
        let (client, mut peer) = with_peer(&mut world);
        peer.write_all(&vec![7; len]).unwrap();
        reset_by(peer);
        world.until_told(client, &Told::Close(0));
        assert_eq!(world.received_by(client), vec![7; len], "of {len}");
        assert_eq!(world.story(client), [lost(), Told::Close(0)]);
        assert!(!world.net.keeps_alive());
    }
}

/// A panic between the `error` of a loss and the `close` that follows: the socket has had its error.
#[test]
fn a_panic_after_the_error_of_a_loss_makes_no_second_error() {
    let mut world = World::new();
    let (client, peer) = with_peer(&mut world);
    reset_by(peer);
    world.until(
        &mut |net, id, told| {
            if *told == lost() {
                net.break_down(id, &"a panic");
            }
        },
        |world| world.has_told(client, &Told::Close(0)),
    );
    assert_eq!(world.story(client), [lost(), Told::Close(0)]);
    assert!(!world.net.keeps_alive());
}

/// Bytes that the other side's system does not have yet.
#[cfg(target_os = "linux")]
fn unacknowledged(stream: &TcpStream) -> i32 {
    use std::os::fd::AsRawFd;
    let mut bytes = 0;
    // SAFETY: the call writes one int.
    assert_eq!(unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) }, 0);
    bytes
}

/// R-tcp-lost, large: more than a read takes, straight into lent blocks.
#[cfg(target_os = "linux")]
#[test]
fn many_reads_before_a_reset_are_delivered_first() {
    const WARM_UP: usize = 16 * 1024 * 1024;
    const LAST: usize = 200_000;
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world);
    // Has the system give the connection a large receive buffer.
    let writer = std::thread::spawn(move || {
        peer.write_all(&vec![0; WARM_UP]).unwrap();
        peer
    });
    world.until(&mut ignore, |world| world.received_by(client).len() == WARM_UP);
    let mut peer = writer.join().unwrap();
    world.net.suspend(client);
    peer.write_all(&vec![5; LAST]).unwrap();
    world.until(&mut ignore, |_| unacknowledged(&peer) == 0);
    reset_by(peer);
    world.rest();
    assert_eq!(world.story(client), []);
    world.net.resume(client);
    world.until_told(client, &Told::Close(0));
    assert_eq!(world.received_by(client)[WARM_UP..], vec![5; LAST]);
    assert_eq!(world.story(client), [lost(), Told::Close(0)]);
}

/// R-tcp-lost, R-task: established and lost before we looked: `open`, what was received, `error`, `close`.
#[test]
fn a_connection_lost_before_open_was_told_opens_first() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = world.client(listener.local_addr().unwrap());
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"hello").unwrap();
    reset_by(peer);
    world.until_told(client, &Told::Close(0));
    assert_eq!(world.received_by(client), b"hello");
    let story = world.story(client);
    assert!(matches!(story[0], Told::Open(_)), "{story:?}");
    assert_eq!(story[1..], [lost(), Told::Close(0)]);
}

/// R-tcp-message: where nobody listens a loss overtakes unread bytes.
#[test]
fn a_reset_overtakes_bytes_that_nobody_listens_for() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world);
    world.net.listen(client, false, false);
    peer.write_all(b"unread").unwrap();
    world.rest();
    reset_by(peer);
    world.until_told(client, &Told::Close(0));
    assert_eq!(world.received_by(client), b"");
    assert_eq!(world.story(client), [lost(), Told::Close(0)]);
}

/// R-tcp-lost: it is noticed though nobody reads, with nothing unread.
#[test]
fn a_reset_is_noticed_by_a_socket_that_nobody_listens_to() {
    let mut world = World::new();
    let (client, peer) = with_peer(&mut world);
    world.net.listen(client, false, false);
    world.rest();
    reset_by(peer);
    world.until_told(client, &Told::Close(0));
    assert_eq!(world.story(client), [lost(), Told::Close(0)]);
}

/// R-tcp-suspend: a loss waits for resume() where bytes came before it; send() is false and counts nothing meanwhile.
#[test]
fn a_reset_behind_bytes_waits_for_resume() {
    for listening in [true, false] {
        let mut world = World::new();
        let (client, mut peer) = with_peer(&mut world);
        world.net.listen(client, listening, false);
        world.net.suspend(client);
        peer.write_all(b"before").unwrap();
        world.rest();
        reset_by(peer);
        world.rest();
        assert_eq!((world.story(client), world.net.ready_state(client)), (vec![], ReadyState::Open));
        let sent = world.net.stream(client, |stream, context| stream.send(b"x", client, context)).unwrap().unwrap();
        assert_eq!((sent, world.net.buffered_amount(client)), (Sent::Ignored, 0));
        world.rest();
        world.net.resume(client);
        world.until_told(client, &Told::Close(0));
        assert_eq!(world.received_by(client), if listening { &b"before"[..] } else { b"" });
        assert_eq!(world.story(client), [lost(), Told::Close(0)]);
    }
}

/// R-tcp-suspend: with nothing before it, a loss does not wait.
#[test]
fn a_reset_with_nothing_before_it_does_not_wait_for_resume() {
    let mut world = World::new();
    let (client, peer) = with_peer(&mut world);
    world.net.suspend(client);
    world.rest();
    reset_by(peer);
    world.until_told(client, &Told::Close(0));
}

/// A loss that waits while bytes wait to be sent must not keep the process busy.
#[test]
fn a_loss_that_waits_for_resume_does_not_spin() {
    let mut world = World::new();
    let (client, mut peer) = with_peer(&mut world);
    world.net.suspend(client);
    peer.write_all(b"before").unwrap();
    // More than the system takes: some of it waits here.
    send(&mut world.net, client, &vec![0; 16 * 1024 * 1024]);
    world.rest();
    assert!(world.net.buffered_amount(client) > 0);
    reset_by(peer);
    world.rest();
    world.net.resume(client);
    world.until(&mut ignore, |world| world.has_closed(client));
    assert_eq!(world.received_by(client), b"before");
}

/// R-tcp-message: close() and reset() overtake a loss that waits behind unread bytes.
#[test]
fn close_and_reset_overtake_a_loss_that_waits() {
    for close in [true, false] {
        let mut world = World::new();
        let (client, mut peer) = with_peer(&mut world);
        world.net.suspend(client);
        peer.write_all(b"before").unwrap();
        reset_by(peer);
        world.rest();
        if close {
            world.net.close(client);
        } else {
            reset(&mut world.net, client);
        }
        world.rest();
        let expected = if close { vec![lost(), Told::Close(0)] } else { vec![Told::Close(0)] };
        assert_eq!(world.story(client), expected);
        assert_eq!(world.received_by(client), b"");
    }
}

/// R-tcp-lost: while "halfclosed" and "closing" too.
#[test]
fn a_reset_is_told_while_half_closed_and_closing() {
    for close in [true, false] {
        let mut world = World::new();
        let (client, peer) = with_peer(&mut world);
        if close {
            world.net.close(client);
        } else {
            half_close(&mut world.net, client);
        }
        world.rest();
        reset_by(peer);
        world.until_told(client, &Told::Close(0));
        assert_eq!(world.story(client), [lost(), Told::Close(0)]);
    }
}

/// R-tcp-lost: unsent bytes are dropped, and bufferedAmount keeps their count; no `drain`.
#[test]
fn a_loss_keeps_the_count_of_unsent_bytes() {
    let mut world = World::new();
    let (client, peer) = with_peer(&mut world);
    send(&mut world.net, client, &vec![0; 16 * 1024 * 1024]);
    world.rest();
    let buffered = world.net.buffered_amount(client);
    assert!(buffered > 0);
    reset_by(peer);
    world.until(&mut ignore, |world| world.has_closed(client));
    assert_eq!(world.story(client), [lost(), Told::Close(buffered)]);
}

/// R-tcp-lost: noticed by a send(), it comes as one `error` all the same, never as an exception.
#[test]
fn a_loss_that_send_meets_first_is_told_once() {
    for len in [10, 100_000] {
        let mut world = World::new();
        let (client, mut peer) = with_peer(&mut world);
        peer.write_all(b"before").unwrap();
        reset_by(peer);
        // Not told yet: the socket is open.
        let sent =
            world.net.stream(client, |stream, context| stream.send(&vec![1; len], client, context)).unwrap().unwrap();
        assert!(matches!(sent, Sent::Accepted(_)));
        world.until(&mut ignore, |world| world.has_closed(client));
        assert_eq!(world.received_by(client), b"before", "R-tcp-lost: first");
        assert!(matches!(world.story(client)[..], [Told::Error(_), Told::Close(_)]), "{:?}", world.story(client));
    }
}

/// R-tcp-lost: a listener that goes away while bytes lie before a loss no longer holds it up.
#[test]
fn a_loss_is_told_when_the_listener_before_it_goes_away() {
    let mut world = World::new();
    let (client, peer) = world.pair();
    world.net.suspend(client);
    send(&mut world.net, peer, &[5; 150_000]);
    world.rest();
    reset(&mut world.net, peer);
    world.rest();
    world.net.resume(client);
    let mut once = |net: &mut Net, id, told: &Told| {
        if let Told::Message(_) = told {
            net.listen(id, false, false);
        }
    };
    world.until(&mut once, |world| world.has_closed(client));
    let received = world.received_by(client).len();
    assert!(received > 0 && received < 150_000, "{received}");
}
