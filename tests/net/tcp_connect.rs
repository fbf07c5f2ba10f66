//! TCP: connecting, and what a call does while the socket is connecting.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use tcp_udp_sockets::net::Net;
use tcp_udp_sockets::proto::ReadyState;

use crate::driver::{Told, World, half_close, reset, stream_options, tcp_options};

/// R-tcp-create: the local address is real at once, the state "connecting" until `open` is told (R-task).
#[test]
fn connecting_tells_open_in_a_later_turn() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = world.client(listener.local_addr().unwrap());
    let local = world.net.stream(client, |stream, _| stream.local.inet()).flatten().unwrap();
    assert!(local.ip().is_loopback() && local.port() != 0);
    let (accepted, _) = listener.accept().unwrap();
    assert_eq!(world.net.ready_state(client), ReadyState::Connecting, "connected long since, and not told");
    world.until_told(client, &Told::Open(local));
    assert_eq!(world.net.ready_state(client), ReadyState::Open);
    assert_eq!(accepted.peer_addr().unwrap(), local);
}

/// R-tcp-create: the local end that was asked for; one that cannot be had is an exception.
#[test]
fn a_client_is_bound_where_it_asked() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = tcp_options(listener.local_addr().unwrap(), stream_options());
    options.local_address = Some("127.0.0.2".to_owned());
    let client = world.net.open_tcp(0, &options).unwrap();
    let local = world.net.stream(client, |stream, _| stream.local.inet()).flatten().unwrap();
    assert_eq!((local.ip().to_string().as_str(), local.port() != 0), ("127.0.0.2", true));
    options.local_address = Some("192.0.2.1".to_owned());
    let error = world.net.open_tcp(0, &options).unwrap_err();
    assert_eq!((error.name(), error.code().as_deref()), ("InvalidAccessError", Some("EADDRNOTAVAIL")));
    options.local_address = Some("::1".to_owned());
    assert_eq!(world.net.open_tcp(0, &options).unwrap_err().name(), "InvalidAccessError");
    assert_eq!(world.net.open_sockets(0), 1, "an exception leaves nothing open");
}

/// §0: a refused connection is `error` and no `close`, and the socket is gone.
#[test]
fn a_refused_connection_is_one_error() {
    let mut world = World::new();
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let client = world.client(address);
    assert_eq!(world.net.ready_state(client), ReadyState::Connecting);
    let refused = Told::Error("ECONNREFUSED".to_owned());
    world.until_told(client, &refused);
    world.rest();
    assert_eq!(world.story(client), [refused]);
    assert_eq!(world.net.open_sockets(0), 0);
    assert!(!world.net.keeps_alive());
}

/// R-tcp-create: where connect(2) fails at once, that too is an event, and the local end is the wildcard and 0.
#[cfg(target_os = "linux")]
#[test]
fn an_attempt_that_fails_at_once_is_an_event_too() {
    let mut world = World::new();
    // Broadcast: EACCES or ENETUNREACH, at once.
    let client = world.client("255.255.255.255:9".parse().unwrap());
    assert_eq!(
        world.net.stream(client, |stream, _| stream.local.inet()).flatten().unwrap(),
        "0.0.0.0:0".parse().unwrap()
    );
    world.until(&mut crate::driver::ignore, |world| !world.story(client).is_empty());
    assert!(matches!(world.story(client)[..], [Told::Error(_)]), "{:?}", world.story(client));
}

/// R-tcp-close-connecting, R-reset: one `error`, ECONNABORTED; no `open`, no `close`, though the system is connected.
#[test]
fn close_and_reset_while_connecting_abandon_the_attempt() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for close in [|net: &mut Net, id| assert!(!net.close(id)), reset] {
        let client = world.client(listener.local_addr().unwrap());
        close(&mut world.net, client);
        assert_eq!(world.net.ready_state(client), ReadyState::Closing);
        world.rest();
        assert_eq!(world.story(client), [Told::Error("ECONNABORTED".to_owned())]);
        let (mut stream, _) = listener.accept().unwrap();
        assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)), "the peer sees the end");
    }
}

/// R-tcp-halfclose: while connecting: `open` fires with "halfclosed", FIN follows, messages still come.
#[test]
fn half_close_while_connecting_ends_our_side_and_receives_on() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = world.client(listener.local_addr().unwrap());
    half_close(&mut world.net, client);
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        stream.write_all(b"still here").unwrap();
        received
    });
    let mut state_at_open = None;
    world.until(
        &mut |net: &mut Net, id, told: &Told| {
            if let Told::Open(_) = told {
                state_at_open = Some(net.ready_state(id));
            }
        },
        |world| world.has_closed(client),
    );
    assert_eq!(state_at_open, Some(ReadyState::HalfClosed));
    assert_eq!(peer.join().unwrap(), b"");
    assert_eq!(world.received_by(client), b"still here");
    assert!(matches!(world.story(client)[..], [Told::Open(_), Told::Close(0)]), "{:?}", world.story(client));
}
