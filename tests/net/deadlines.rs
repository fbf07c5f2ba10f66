//! A deadline goes with its owner: what a socket set for an hour does not stay in memory for an hour.

use std::net::TcpListener;
use std::time::Duration;

use tcp_udp_sockets::net::{Id, LimitKind, Role, SecureOptions, TimeLimit, client_role};
use tcp_udp_sockets::proto::ReadyState;

use crate::driver::{World, ignore, reset, stream_options, tcp_options};

const OWNER: u32 = 0;
/// What a deadline of a test is set to: never in its time.
const HOUR: u32 = 3_600_000;
/// Sockets of one kind, one after the other.
const COUNT: usize = 300;

/// A client whose connectTimeout is an hour.
fn patient(world: &mut World, remote: std::net::SocketAddr) -> Id {
    let mut options = tcp_options(remote, stream_options());
    options.connect_timeout = Some(HOUR);
    let id = world.net.open_tcp(OWNER, &options).unwrap();
    world.net.listen(id, true, false);
    id
}

/// Turns until no socket but `left` is open.
fn until_gone(world: &mut World, left: u32) {
    world.until(&mut ignore, |world| world.net.open_sockets(OWNER) == left);
}

#[test]
fn connect_timeout_goes_with_the_attempt() {
    let mut world = World::new();
    let (_, address) = world.server();
    let mut open = Vec::new();
    for _ in 0..COUNT {
        let id = patient(&mut world, address);
        assert_eq!(world.net.deadlines(), 1);
        world.until(&mut ignore, |world| world.net.ready_state(id) == ReadyState::Open);
        // It has served, though the socket is still there.
        assert_eq!(world.net.deadlines(), 0);
        open.push(id);
    }
    for id in open {
        reset(&mut world.net, id);
    }
    // The server is left.
    until_gone(&mut world, 1);
    assert_eq!(world.net.deadlines(), 0);
}

#[test]
fn connect_timeout_goes_with_a_socket_that_is_closed_reset_or_refused_before_it_is_connected() {
    let mut world = World::new();
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for round in 0..COUNT {
        let id = patient(&mut world, refused);
        match round % 3 {
            0 => drop(world.net.close(id)),
            1 => reset(&mut world.net, id),
            _ => {}
        }
        until_gone(&mut world, 0);
    }
    assert_eq!(world.net.deadlines(), 0);
}

/// The sockets that failed to open left none behind either.
#[test]
fn what_never_opened_has_no_deadline() {
    let mut world = World::new();
    let mut options = tcp_options("127.0.0.1:9".parse().unwrap(), stream_options());
    options.connect_timeout = Some(HOUR);
    options.local_address = Some("192.0.2.1".to_owned());
    for _ in 0..COUNT {
        assert!(world.net.open_tcp(OWNER, &options).is_err());
    }
    assert_eq!(world.net.deadlines(), 0);
}

/// R-tcp-close's waits, for the peer's silence and in all.
#[test]
fn the_linger_after_close_goes_with_the_connection() {
    let mut world = World::new();
    for _ in 0..COUNT {
        let (client, accepted) = world.pair();
        world.net.close(client);
        world.until(&mut ignore, |world| world.has_closed(client) && world.has_closed(accepted));
        world.log.clear();
    }
    until_gone(&mut world, 0);
    assert_eq!(world.net.deadlines(), 0);
}

#[test]
fn start_tls_s_time_goes_with_the_connection() {
    let mut world = World::new();
    for _ in 0..COUNT / 10 {
        let (client, accepted) = world.pair();
        let role: Role = client_role(&SecureOptions::default(), "a.example").unwrap();
        let limit = TimeLimit {
            at: std::time::Instant::now() + Duration::from_millis(HOUR.into()),
            milliseconds: HOUR.into(),
            kind: LimitKind::Handshake,
        };
        world
            .net
            .stream(client, |stream, context| stream.start_tls(role, Some(limit), false, client, context))
            .unwrap()
            .unwrap();
        assert_eq!(world.net.deadlines(), 1);
        reset(&mut world.net, client);
        reset(&mut world.net, accepted);
        until_gone(&mut world, 0);
    }
    assert_eq!(world.net.deadlines(), 0);
}

#[test]
fn a_timer_goes_when_it_is_closed_and_when_it_has_come() {
    let mut world = World::new();
    for _ in 0..COUNT {
        let id = world.net.open_timer(OWNER, Duration::from_millis(HOUR.into())).unwrap();
        assert!(world.net.close(id));
    }
    assert_eq!(world.net.deadlines(), 0);
    world.net.open_timer(OWNER, Duration::ZERO).unwrap();
    until_gone(&mut world, 0);
    assert_eq!(world.net.deadlines(), 0);
}
