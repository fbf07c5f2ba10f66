//! Blobs: their bytes follow later, and nothing overtakes them (R-tcp-order).

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tcp_udp_sockets::net::{Destination, Id, Net};
use tcp_udp_sockets::proto::Sent;

use crate::driver::{Told, World, half_close, ignore, send, send_to, stream_options};

/// The binding's pieces.
const PIECE: usize = 256 * 1024;

fn send_blob(net: &mut Net, id: Id, size: usize) -> Sent {
    net.stream(id, |stream, context| stream.send_blob(size as u64, id, context)).unwrap().unwrap()
}

fn blob_piece(net: &mut Net, id: Id, bytes: &[u8]) {
    net.stream(id, |stream, context| stream.blob_piece(bytes, id, context));
}

fn blob_failed(net: &mut Net, id: Id) {
    net.stream(id, |stream, context| stream.blob_failed("gone".to_owned(), id, context));
}

/// Blobs as JavaScript reads them: one piece for each time that it is asked.
struct Blobs(Vec<Vec<u8>>);

impl Blobs {
    fn next_piece(&mut self) -> Vec<u8> {
        let blob = &mut self.0[0];
        let piece: Vec<u8> = blob.drain(..PIECE.min(blob.len())).collect();
        if blob.is_empty() {
            self.0.remove(0);
        }
        piece
    }
}

/// R-tcp-order: bytes, Blobs of all sizes and bytes again arrive in the order of the calls, whenever the pieces come.
#[test]
fn nothing_overtakes_a_blob() {
    for pieces_come_late in [false, true] {
        let mut world = World::new();
        let (client, peer) = world.pair();
        let mut blobs = Blobs(Vec::new());
        let mut expected = Vec::new();
        for (n, (before, blob)) in
            [(5, 3), (0, 1_000_000), (100_000, 1), (0, PIECE), (70, PIECE + 1)].into_iter().enumerate()
        {
            let bytes = vec![n as u8; before];
            send(&mut world.net, client, &bytes);
            expected.extend_from_slice(&bytes);
            let bytes = vec![100 + n as u8; blob];
            assert!(matches!(send_blob(&mut world.net, client, blob), Sent::Accepted(_)));
            expected.extend_from_slice(&bytes);
            blobs.0.push(bytes);
        }
        send(&mut world.net, client, b"last");
        expected.extend_from_slice(b"last");
        half_close(&mut world.net, client);
        let mut asked = 0;
        let mut due = 0;
        while !world.has_closed(peer) {
            if due > 0 {
                // At a later time, out of any turn.
                due -= 1;
                blob_piece(&mut world.net, client, &blobs.next_piece());
            }
            world.turn(&mut |net: &mut Net, id, told: &Told| {
                if *told == Told::Blob {
                    assert_eq!(id, client);
                    asked += 1;
                    if pieces_come_late {
                        due += 1;
                    } else {
                        blob_piece(net, id, &blobs.next_piece());
                    }
                }
            });
        }
        assert_eq!(asked, 1 + 4 + 1 + 1 + 2, "one piece at a time");
        assert!(world.received_by(peer) == expected);
    }
}

/// R-tcp-full: a Blob's bytes never count against the hard limit, and are counted by bufferedAmount at once.
#[test]
fn a_blob_counts_in_buffered_amount_and_not_against_the_limit() {
    let mut world = World::new();
    let mut options = stream_options();
    options.max_buffered_amount = 1000;
    let (client, peer) = world.pair_with(options);
    assert_eq!(send_blob(&mut world.net, client, 3_000_000), Sent::Accepted(false));
    assert_eq!(world.net.buffered_amount(client), 3_000_000);
    assert_eq!(send_blob(&mut world.net, client, 0), Sent::Accepted(true));
    assert!(!send(&mut world.net, client, &[1; 1000]));
    let mut left = 3_000_000;
    world.until(
        &mut |net: &mut Net, id, told: &Told| {
            if *told == Told::Blob {
                let len = PIECE.min(left);
                left -= len;
                blob_piece(net, id, &vec![0; len]);
            }
        },
        |world| world.received_by(peer).len() == 3_001_000,
    );
    world.until_told(client, &Told::Drain);
    assert_eq!(world.net.buffered_amount(client), 0);
}

/// R-tcp-full: also not in the turn that writes them.
#[test]
fn a_blob_written_in_this_turn_does_not_count_against_the_limit() {
    let mut world = World::new();
    let mut options = stream_options();
    options.max_buffered_amount = 1000;
    let (client, _peer) = world.pair_with(options);
    send_blob(&mut world.net, client, PIECE);
    world.until_told(client, &Told::Blob);
    blob_piece(&mut world.net, client, &vec![0; PIECE]);
    for _ in 0..10 {
        let sent =
            world.net.stream(client, |stream, context| stream.send(b"0123456789", client, context)).unwrap().unwrap();
        assert_eq!(sent, Sent::Accepted(false));
    }
}

/// Only what the peer takes is asked for: a large Blob does not pile up in memory.
#[test]
fn a_blob_is_asked_for_piece_by_piece_as_the_peer_takes_it() {
    let mut world = World::new();
    let (client, peer) = world.pair();
    world.net.suspend(peer);
    const SIZE: usize = 64 * 1024 * 1024;
    send_blob(&mut world.net, client, SIZE);
    let mut given = 0;
    let mut quiet = 0;
    while quiet < 20 {
        let busy = world.turn(&mut |net: &mut Net, id, told: &Told| {
            if *told == Told::Blob {
                given += PIECE;
                blob_piece(net, id, &vec![0; PIECE]);
            }
        });
        quiet = if busy { 0 } else { quiet + 1 };
    }
    assert!(given < SIZE / 2, "{given} bytes were read for a peer that takes none");
    world.rest();
}

/// R-tcp-order: a Blob that cannot be read is a lost connection: EIO, `close`.
#[test]
fn a_blob_that_cannot_be_read_loses_the_connection() {
    for too_long in [false, true] {
        let mut world = World::new();
        let (client, _peer) = world.pair();
        world.log.clear();
        send(&mut world.net, client, b"before");
        send_blob(&mut world.net, client, 10);
        send(&mut world.net, client, b"after");
        let mut fail = |net: &mut Net, id, told: &Told| {
            if *told == Told::Blob {
                if too_long {
                    blob_piece(net, id, b"more than ten bytes");
                } else {
                    blob_failed(net, id);
                }
            }
        };
        world.until(&mut fail, |world| world.has_closed(client));
        let story = world.story(client);
        assert!(matches!(&story[..], [Told::Blob, Told::Error(code), Told::Close(15..)] if code == "EIO"), "{story:?}");
    }
}

/// R-tcp-order: and the peer must not take what it got for the whole.
#[test]
fn a_blob_that_cannot_be_read_is_no_clean_end_for_the_peer() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = world.connected(listener.local_addr().unwrap());
    let (mut peer, _): (TcpStream, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    send(&mut world.net, client, b"before");
    send_blob(&mut world.net, client, 10);
    world.until_told(client, &Told::Blob);
    blob_failed(&mut world.net, client);
    world.rest();
    assert!(peer.read_to_end(&mut Vec::new()).is_err(), "a reset, not an end");
}

/// R-tcp-suspend's last words: a loss waits only for data that came before it. This one is ours, the peer sends on.
#[test]
fn a_peer_that_sends_on_does_not_hold_up_a_failed_blob() {
    let mut world = World::new();
    world.forget_bytes();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = world.connected(listener.local_addr().unwrap());
    let (mut peer, _) = listener.accept().unwrap();
    let flood = thread::spawn(move || while peer.write_all(&[0; 256 * 1024]).is_ok() {});
    send_blob(&mut world.net, client, 10);
    let mut after = None;
    world.until(
        &mut |net: &mut Net, id, told: &Told| match told {
            Told::Blob => {
                blob_failed(net, id);
                after = Some(0);
            }
            Told::Message(bytes) => {
                if let Some(after) = &mut after {
                    *after += bytes.len();
                    assert!(*after < 64 * 1024 * 1024, "{after} bytes since the failure");
                }
            }
            _ => {}
        },
        |world| world.has_closed(client),
    );
    flood.join().unwrap();
}

/// A piece that comes after the socket's end is no harm, whether the socket is still there or not.
#[test]
fn a_piece_that_comes_too_late_is_dropped() {
    let mut world = World::new();
    let (client, _peer) = world.pair();
    send_blob(&mut world.net, client, 10);
    world.until_told(client, &Told::Blob);
    world.net.stream(client, |stream, context| stream.reset(client, context));
    blob_piece(&mut world.net, client, b"0123456789");
    world.until(&mut ignore, |world| world.has_closed(client));
    blob_piece(&mut world.net, client, b"0123456789");
    blob_failed(&mut world.net, client);
    world.rest();
    assert_eq!(world.story(client).last(), Some(&Told::Close(10)));
}

// --- UDP ---

fn send_blob_to(net: &mut Net, id: Id, size: usize, to: std::net::SocketAddr) {
    let text = to.ip().to_string();
    let sent =
        net.udp(id, |udp, context| udp.send_blob(size as u64, Destination::To(&text, to.port()), None, id, context));
    assert!(sent.unwrap().is_ok());
}

/// R-tcp-order's like for UDP: datagrams leave in the order of the calls, Blobs among them; one that cannot be read is
/// lost alone (R-udp-neterr).
#[test]
fn datagrams_wait_for_a_blob_before_them() {
    let mut world = World::new();
    let (sender, _) = world.udp();
    let (receiver, to) = world.udp();
    send_to(&mut world.net, sender, b"a", to);
    for size in [2, 3, 4] {
        send_blob_to(&mut world.net, sender, size, to);
        send_to(&mut world.net, sender, b"-", to);
    }
    send_blob_to(&mut world.net, sender, 0, to);
    let mut answers = HashMap::from([(0, b"bb".to_vec()), (2, b"dddd".to_vec())]);
    let mut asked = 0;
    world.until(
        &mut |net: &mut Net, id, told: &Told| {
            if *told == Told::UdpBlob {
                let answer = answers.remove(&asked);
                asked += 1;
                net.udp(id, |udp, context| match answer {
                    Some(bytes) => udp.blob_piece(&bytes, id, context),
                    None => udp.blob_failed("gone".to_owned(), id, context),
                });
            }
        },
        |world| world.datagrams(receiver).len() == 7,
    );
    let expected: [&[u8]; 7] = [b"a", b"bb", b"-", b"-", b"dddd", b"-", b""];
    assert_eq!(world.datagrams(receiver), expected);
    assert!(world.has_told(sender, &Told::UdpError("EIO".to_owned())));
    world.rest();
    assert_eq!(world.net.buffered_amount(sender), 0);
}

/// R-udp-close: what is buffered, Blobs too, is handed over first; then the socket is gone, without an event.
#[test]
fn a_closed_udp_socket_still_sends_its_blobs() {
    let mut world = World::new();
    let (sender, _) = world.udp();
    let (receiver, to) = world.udp();
    send_blob_to(&mut world.net, sender, 4, to);
    send_to(&mut world.net, sender, b"behind", to);
    assert!(!world.net.close(sender), "something is left to be sent");
    let mut answer = |net: &mut Net, id, told: &Told| {
        if *told == Told::UdpBlob {
            net.udp(id, |udp, context| udp.blob_piece(b"blob", id, context));
        }
    };
    world.until(&mut answer, |world| world.datagrams(receiver).len() == 2);
    assert_eq!(world.datagrams(receiver), [b"blob".to_vec(), b"behind".to_vec()]);
    world.until_told(sender, &Told::End);
    assert_eq!(world.story(sender), [Told::UdpBlob, Told::End]);
}
