//! TLS without JavaScript: both ends ours, and ends that speak something else.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tcp_udp_sockets::net::{Id, LimitKind, Material, Role, SecureOptions, TimeLimit, client_role, server_context};
use tcp_udp_sockets::proto::ReadyState;

use crate::driver::{
    Pattern, Told, World, half_close, ignore, reset, send, server_options, stream_options, tcp_options,
};

/// A certificate for 127.0.0.1 and its key, as a server's options, and a client's that trust it.
pub fn options() -> (SecureOptions, SecureOptions) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "a.example".to_owned()]).unwrap();
    let cert = Material::Text(made.cert.pem());
    let server = SecureOptions {
        cert: Some(vec![cert.clone()]),
        key: Some(Material::Bytes(made.signing_key.serialize_der())),
        ..SecureOptions::default()
    };
    (server, SecureOptions { ca: Some(vec![cert]), ..SecureOptions::default() })
}

pub fn listen(world: &mut World, secure: SecureOptions, handshake_timeout: u32) -> (Id, SocketAddr) {
    let mut options = server_options(stream_options());
    options.listening.secure = Some(secure);
    options.listening.handshake_timeout = handshake_timeout;
    let id = world.net.open_server(0, &options).unwrap();
    world.net.listen(id, true, false);
    (id, world.net.server(id, |server, _| server.local.inet()).flatten().unwrap())
}

pub fn connect(world: &mut World, remote: SocketAddr, secure: SecureOptions) -> Id {
    let mut options = tcp_options(remote, stream_options());
    options.secure = Some(secure);
    let id = world.net.open_tcp(0, &options).unwrap();
    world.net.listen(id, true, false);
    id
}

/// Both ends of one TLS connection.
fn pair(world: &mut World) -> (Id, Id) {
    let (server_side, client_side) = options();
    let (server, address) = listen(world, server_side, 10_000);
    let client = connect(world, address, client_side);
    world.until(&mut ignore, |world| {
        world.net.ready_state(client) == ReadyState::Open && !world.accepted_by(server).is_empty()
    });
    let accepted = world.accepted_by(server)[0];
    world.net.listen(accepted, true, false);
    world.net.close(server);
    (client, accepted)
}

fn error_of(world: &World, id: Id) -> Option<String> {
    world.story(id).into_iter().find_map(|told| match told {
        Told::Error(code) => Some(code),
        _ => None,
    })
}

#[test]
fn r_tcp_secure_open_open_follows_the_handshake_and_both_ends_know_what_was_agreed_on() {
    let mut world = World::new();
    let (client, accepted) = pair(&mut world);
    let told = |world: &mut World, id| world.net.stream(id, |stream, _| stream.take_tls_info()).flatten().unwrap();
    let (ours, theirs) = (told(&mut world, client), told(&mut world, accepted));
    assert_eq!((ours.protocol, theirs.protocol), ("TLSv1.3", "TLSv1.3"));
    assert!(ours.authorized && !ours.resumed && ours.peer_certificates.len() == 1);
    assert!(!theirs.authorized && theirs.peer_certificates.is_empty());
    assert!(world.net.stream(client, |stream, _| stream.take_tls_info()).flatten().is_none(), "it is told once");
}

#[test]
fn bytes_come_whole_and_in_order_in_both_directions_and_the_end_behind_them() {
    let mut world = World::new();
    let (client, accepted) = pair(&mut world);
    let pattern = Pattern::new();
    let mut expected = Vec::new();
    for length in [1, 100_000, 16_384, 16_385, 3, 65_536, 128_000, 7] {
        let bytes = pattern.at(expected.len(), length);
        send(&mut world.net, client, bytes);
        send(&mut world.net, accepted, bytes);
        expected.extend_from_slice(bytes);
    }
    half_close(&mut world.net, client);
    world.until(&mut ignore, |world| world.has_closed(client) && world.has_closed(accepted));
    assert_eq!(world.received_by(accepted), expected);
    assert_eq!(world.received_by(client), expected);
    assert_eq!(error_of(&world, client), None);
}

#[test]
fn what_nobody_reads_waits_within_bounds_and_comes_whole_later() {
    let mut world = World::new();
    world.forget_bytes();
    let (client, accepted) = pair(&mut world);
    world.net.suspend(accepted);
    let bytes = vec![7; 16 * 1024 * 1024];
    assert!(!send(&mut world.net, client, &bytes));
    let start = Instant::now();
    let mut before = u32::MAX;
    // TCP pushes back: the sender's buffer comes to rest, far from empty.
    world.until(&mut ignore, |world| {
        let now = world.net.buffered_amount(client);
        let rests = now == before && start.elapsed() > Duration::from_millis(300);
        before = now;
        rests
    });
    assert!(before > 1024 * 1024, "{before} bytes are buffered");
    world.net.resume(accepted);
    world.until(&mut ignore, |world| world.net.buffered_amount(client) == 0);
    world.until_told(client, &Told::Drain);
}

#[test]
fn r_tls_verify_an_unknown_certificate_or_another_name_is_a_failed_attempt() {
    let mut world = World::new();
    let (server_side, client_side) = options();
    let (server, address) = listen(&mut world, server_side, 10_000);
    let mut other = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    other.distinguished_name.push(rcgen::DnType::CommonName, "another");
    let other = other.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    let strangers = SecureOptions { ca: Some(vec![Material::Bytes(other.der().to_vec())]), ..SecureOptions::default() };
    let stranger = connect(&mut world, address, strangers);
    let named = connect(&mut world, address, SecureOptions { sni: Some("b.example".into()), ..client_side.clone() });
    let good = connect(&mut world, address, SecureOptions { sni: Some("a.example".into()), ..client_side });
    world.until(&mut ignore, |world| {
        error_of(world, stranger).is_some()
            && error_of(world, named).is_some()
            && world.net.ready_state(good) == ReadyState::Open
    });
    assert_eq!(error_of(&world, stranger).as_deref(), Some("ERR_TLS_UNKNOWN_ISSUER"));
    assert_eq!(error_of(&world, named).as_deref(), Some("ERR_TLS_NAME_MISMATCH"));
    // Their alerts are the server's errors, one each, and the server goes on.
    let errors = |world: &World| world.story(server).iter().filter(|told| matches!(told, Told::ServerError(_))).count();
    world.until(&mut ignore, |world| errors(world) == 2);
}

#[test]
fn r_srv_error_a_client_that_says_nothing_is_let_go_and_disturbs_nobody() {
    let mut world = World::new();
    let (server_side, client_side) = options();
    let (server, address) = listen(&mut world, server_side, 200);
    let mut silent = std::net::TcpStream::connect(address).unwrap();
    let mut plain = std::net::TcpStream::connect(address).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    world.until_told(server, &Told::ServerError("ERR_TLS_NOT_TLS".into()));
    world.until_told(server, &Told::ServerError("ERR_TLS_HANDSHAKE_TIMEOUT".into()));
    assert!(matches!(silent.read(&mut [0; 64]), Ok(0) | Err(_)), "the connection has ended");
    let client = connect(&mut world, address, client_side);
    world.until(&mut ignore, |world| world.net.ready_state(client) == ReadyState::Open);
}

#[test]
fn r_srv_close_a_handshake_under_way_is_reset() {
    let mut world = World::new();
    let (server_side, _) = options();
    let (server, address) = listen(&mut world, server_side, 10_000);
    let mut silent = std::net::TcpStream::connect(address).unwrap();
    world.until(&mut ignore, |world| world.net.connections(server) == 1);
    assert!(world.net.close(server), "nothing is left to be delivered");
    let error = silent.read(&mut [0; 64]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn r_tls_end_a_fin_without_close_notify_is_a_loss_and_a_reset_stays_one() {
    let mut world = World::new();
    let (client, accepted) = pair(&mut world);
    reset(&mut world.net, client);
    world.until(&mut ignore, |world| world.has_closed(accepted));
    assert_eq!(error_of(&world, accepted).as_deref(), Some("ECONNRESET"));

    // A peer that ends in the handshake: no certificate comes, only FIN.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
    });
    let (_, client_side) = options();
    let client = connect(&mut world, address, client_side);
    world.until(&mut ignore, |world| error_of(world, client).is_some());
    assert_eq!(error_of(&world, client).as_deref(), Some("ERR_TLS_HANDSHAKE_ENDED"));
    peer.join().unwrap();
}

#[test]
fn r_tls_start_what_was_sent_before_leaves_in_the_clear_and_what_follows_does_not() {
    let mut world = World::new();
    let (server_side, client_side) = options();
    let (client, accepted) = world.pair();
    send(&mut world.net, client, b"STARTTLS\r\n");
    world.until(&mut ignore, |world| world.received_by(accepted) == b"STARTTLS\r\n");
    let limit =
        TimeLimit { at: Instant::now() + Duration::from_secs(20), milliseconds: 20_000, kind: LimitKind::Handshake };
    for (id, role) in [
        (accepted, Role::Server(server_context(&server_side).unwrap())),
        (client, client_role(&client_side, "127.0.0.1").unwrap()),
    ] {
        let started =
            world.net.stream(id, |stream, context| stream.start_tls(role.clone(), Some(limit), false, id, context));
        assert!(started.unwrap().is_ok());
        // Once only.
        let again = world.net.stream(id, |stream, context| stream.start_tls(role, Some(limit), false, id, context));
        assert_eq!(again.unwrap().unwrap_err().name(), "InvalidStateError");
    }
    send(&mut world.net, client, b"secret");
    world.until(&mut ignore, |world| world.received_by(accepted) == b"STARTTLS\r\nsecret");
    for id in [client, accepted] {
        assert_eq!(world.story(id).iter().filter(|told| **told == Told::Secured).count(), 1);
    }
}

#[test]
fn r_tls_start_plain_text_slipped_in_before_the_handshake_makes_it_fail() {
    let mut world = World::new();
    let (_, client_side) = options();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (go_ahead, awaits_go_ahead) = mpsc::channel();
    let (sent, awaits_sent) = mpsc::channel();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        awaits_go_ahead.recv().unwrap();
        stream.write_all(b"220 go ahead\r\n250 injected\r\n").unwrap();
        sent.send(()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let client = world.connected(address);
    // It arrives while there is no listener for it.
    world.net.listen(client, false, false);
    go_ahead.send(()).unwrap();
    awaits_sent.recv().unwrap();
    let role = client_role(&client_side, "127.0.0.1").unwrap();
    world.net.stream(client, |stream, context| stream.start_tls(role, None, false, client, context)).unwrap().unwrap();
    world.net.listen(client, true, false);
    world.until(&mut ignore, |world| world.has_closed(client));
    assert_eq!(error_of(&world, client).as_deref(), Some("ERR_TLS_NOT_TLS"));
    assert_eq!(world.received_by(client), b"");
    peer.join().unwrap();
}

#[test]
fn connect_timeout_covers_the_tls_handshake() {
    let mut world = World::new();
    let (_, client_side) = options();
    // It is accepted by the system, and never spoken to.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = tcp_options(listener.local_addr().unwrap(), stream_options());
    options.secure = Some(client_side);
    options.connect_timeout = Some(100);
    let client = world.net.open_tcp(0, &options).unwrap();
    world.until(&mut ignore, |world| error_of(world, client).is_some());
    assert_eq!(world.story(client), [Told::Error("ETIMEDOUT".into())]);
}

#[test]
fn at_rest_nothing_spins() {
    let mut world = World::new();
    let (client, accepted) = pair(&mut world);
    send(&mut world.net, client, b"word");
    world.until(&mut ignore, |world| world.received_by(accepted) == b"word");
    world.rest();
}
