//! Servers: accepting, suspend(), close().

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use tcp_udp_sockets::net::{Id, Net};
use tcp_udp_sockets::proto::ReadyState;

use crate::driver::{Told, World, ignore, send, server_options, stream_options};

/// R-srv-connect: open, both ends named, and what the peer sent before anybody listened is not lost.
#[test]
fn an_accepted_socket_is_open_and_misses_nothing() {
    let mut world = World::new();
    let (server, address) = world.server();
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(b"early").unwrap();
    world.until(&mut ignore, |world| !world.accepted_by(server).is_empty());
    let accepted = world.accepted_by(server)[0];
    let expected = Told::Connect { accepted, remote: peer.local_addr().unwrap(), local: address };
    assert_eq!(world.story(server), [expected]);
    assert_eq!(world.net.ready_state(accepted), ReadyState::Open);
    world.rest();
    assert_eq!(world.story(accepted), []);
    world.net.listen(accepted, true, false);
    world.until(&mut ignore, |world| world.received_by(accepted) == b"early");
}

/// R-srv-suspend, R-listen: while suspended, or with nobody listening, connections wait in the backlog.
#[test]
fn connections_wait_in_the_backlog_of_a_server_that_takes_none() {
    for suspended in [true, false] {
        let mut world = World::new();
        let (server, address) = world.server();
        if suspended {
            world.net.suspend(server);
        } else {
            world.net.listen(server, false, false);
        }
        let peers: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
        world.rest();
        assert_eq!(world.story(server), []);
        if suspended {
            world.net.resume(server);
        } else {
            world.net.listen(server, true, false);
        }
        world.until(&mut ignore, |world| world.accepted_by(server).len() == peers.len());
        let remotes: Vec<SocketAddr> = world
            .story(server)
            .into_iter()
            .map(|told| match told {
                Told::Connect { remote, .. } => remote,
                other => panic!("{other:?}"),
            })
            .collect();
        let expected: Vec<SocketAddr> = peers.iter().map(|peer| peer.local_addr().unwrap()).collect();
        assert_eq!(remotes, expected, "in order");
    }
}

/// R-srv-suspend: suspend() in the handler takes effect at once: one at a time.
#[test]
fn a_server_that_suspends_in_its_handler_gets_one_at_a_time() {
    let mut world = World::new();
    let (server, address) = world.server();
    let _peers: Vec<_> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
    for expected in 1..=200 {
        world.net.resume(server);
        let mut suspend = |net: &mut Net, id: Id, told: &Told| {
            if let Told::Connect { .. } = told {
                net.suspend(id);
            }
        };
        world.until(&mut suspend, |world| world.accepted_by(server).len() >= expected);
        assert_eq!(world.accepted_by(server).len(), expected);
    }
    world.rest();
}

/// R-srv-close: the port is free at once, accepted connections live on, those in the backlog end.
#[test]
fn close_frees_the_port_and_leaves_connections_alone() {
    let mut world = World::new();
    let (server, address) = world.server();
    let mut served = TcpStream::connect(address).unwrap();
    world.until(&mut ignore, |world| !world.accepted_by(server).is_empty());
    let accepted = world.accepted_by(server)[0];
    world.net.suspend(server);
    let mut waiting = TcpStream::connect(address).unwrap();
    assert!(world.net.close(server));
    assert_eq!(world.net.ready_state(server), ReadyState::Closed);
    let again = TcpListener::bind(address);
    assert!(again.is_ok(), "{again:?}");
    waiting.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert!(matches!(waiting.read(&mut [0]), Ok(0) | Err(_)));
    send(&mut world.net, accepted, b"alive");
    world.rest();
    let mut word = [0; 5];
    served.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"alive");
    assert_eq!(world.story(server).len(), 1, "no event for close()");
}

/// R-srv-close: close() in the handler stops at once.
#[test]
fn a_server_closed_in_its_handler_tells_no_more() {
    let mut world = World::new();
    let (server, address) = world.server();
    let _peers: Vec<_> = (0..10).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut close = |net: &mut Net, id: Id, told: &Told| {
        if let Told::Connect { .. } = told {
            assert!(net.close(id));
        }
    };
    world.until(&mut close, |world| !world.accepted_by(server).is_empty());
    world.rest();
    assert_eq!(world.accepted_by(server).len(), 1);
}

/// R-srv-bind: a port in use is an exception; without an address both families are served.
#[test]
fn where_a_server_listens() {
    let mut world = World::new();
    let (_, address) = world.server();
    let mut options = server_options(stream_options());
    options.local_port = Some(address.port());
    let error = world.net.open_server(0, &options).unwrap_err();
    assert_eq!((error.name(), error.code().as_deref()), ("InvalidAccessError", Some("EADDRINUSE")));
    options.local_address = None;
    options.local_port = None;
    let server = world.net.open_server(0, &options).unwrap();
    world.net.listen(server, true, false);
    let local = world.net.server(server, |server, _| server.local.inet()).flatten().unwrap();
    assert!(local.ip().is_unspecified());
    let peer = TcpStream::connect(("127.0.0.1", local.port())).unwrap();
    world.until(&mut ignore, |world| !world.accepted_by(server).is_empty());
    let accepted = world.accepted_by(server)[0];
    // R-address: an IPv4-mapped address is reported as IPv4.
    let expected = Told::Connect { accepted, remote: peer.local_addr().unwrap(), local: peer.peer_addr().unwrap() };
    assert_eq!(world.story(server), [expected]);
}

/// R-srv-bind: a port that a server has is nobody else's, whatever options the other socket sets (Windows: SO_EXCLUSIVEADDRUSE), and
/// another server is told so with the same code on every system.
#[test]
fn the_port_of_a_server_cannot_be_taken() {
    let mut world = World::new();
    let (server, address) = world.server();
    for reuse in [false, true] {
        let other = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        other.set_reuse_address(reuse).unwrap();
        let taken = other.bind(&address.into()).and_then(|()| other.listen(1));
        assert!(taken.is_err(), "with SO_REUSEADDR {reuse}");
    }
    let mut options = server_options(stream_options());
    options.local_port = Some(address.port());
    let error = world.net.open_server(0, &options).unwrap_err();
    assert_eq!((error.name(), error.code().as_deref()), ("InvalidAccessError", Some("EADDRINUSE")));
    assert!(!error.to_string().ends_with(['.', ' ', '(']), "{error}");
    let _peer = TcpStream::connect(address).unwrap();
    world.until(&mut ignore, |world| !world.accepted_by(server).is_empty());
}
