//! certificateFor without JavaScript: the questions of a server, and their answers.

use std::time::{Duration, Instant};

use tcp_udp_sockets::net::{
    GivenCertificate, Id, LimitKind, Role, SecureOptions, TimeLimit, client_role, server_context,
};
use tcp_udp_sockets::proto::ReadyState;

use crate::driver::{Told, World, ignore};
use crate::tls::{connect, listen, options};

/// A server with only certificateFor, `count` clients of it that ask for one name, and the certificate for that name.
fn asking(world: &mut World, count: usize) -> (Id, Vec<Id>, GivenCertificate) {
    let (server_side, client_side) = options();
    let given = GivenCertificate {
        what: "certificateFor".to_owned(),
        cert: server_side.cert.unwrap(),
        key: server_side.key.unwrap(),
        ttl: Duration::ZERO,
    };
    let (server, address) = listen(world, SecureOptions { certificate_for: true, ..SecureOptions::default() }, 10_000);
    let named = SecureOptions { sni: Some("A.example".to_owned()), ..client_side };
    let clients = (0..count).map(|_| connect(world, address, named.clone())).collect();
    (server, clients, given)
}

/// The questions of a server so far.
fn questions(world: &World, server: Id) -> Vec<(String, u32)> {
    let question = |told| match told {
        Told::Certificate(name, number) => Some((name, number)),
        _ => None,
    };
    world.story(server).into_iter().filter_map(question).collect()
}

/// The number of the first question, once it is asked.
fn first_question(world: &mut World, server: Id) -> u32 {
    world.until(&mut ignore, |world| !questions(world, server).is_empty());
    questions(world, server)[0].1
}

#[test]
fn r_srv_secure_handshakes_wait_for_the_answer_to_one_question_and_go_on_with_it() {
    let mut world = World::new();
    let (server, clients, given) = asking(&mut world, 3);
    let number = first_question(&mut world, server);
    let other_key = GivenCertificate { key: options().0.key.unwrap(), ..given.clone() };
    let error = world.net.answer_question(server, number, Some(&other_key)).unwrap_err();
    assert_eq!((error.name(), error.code().as_deref()), ("InvalidAccessError", Some("ERR_TLS_KEY_MISMATCH")));
    // The question is still open. A client that is late asks again.
    let mut answered = 0;
    world.until(&mut ignore, |world| {
        for (name, number) in questions(world, server).split_off(answered) {
            assert_eq!(name, "a.example");
            world.net.answer_question(server, number, Some(&given)).unwrap();
            answered += 1;
        }
        clients.iter().all(|&client| world.net.ready_state(client) == ReadyState::Open)
    });
    assert!(world.net.answer_question(server, number, Some(&other_key)).is_ok(), "an answered question is over");
}

#[test]
fn r_srv_secure_handshakes_fail_with_the_question_s_number_if_it_is_not_answered() {
    let mut world = World::new();
    let (server, clients, _) = asking(&mut world, 1);
    let number = first_question(&mut world, server);
    assert_eq!(world.net.refuse_question(server, number, "no certificate today"), 1);
    assert_eq!(world.net.refuse_question(server, number, "once more"), 0);
    world.until_told(server, &Told::ServerError("ERR_TLS_NO_CERTIFICATE_FOR_NAME".into()));
    world.until(&mut ignore, |world| world.net.ready_state(clients[0]) == ReadyState::Closed);
    assert_eq!(world.story(clients[0]), [Told::Error("ERR_TLS_ALERT".into())]);
    assert_eq!(world.net.connections(server), 0);
}

#[test]
fn r_srv_close_a_handshake_that_waits_for_an_answer_is_reset() {
    let mut world = World::new();
    let (server, clients, given) = asking(&mut world, 1);
    let number = first_question(&mut world, server);
    assert!(world.net.close(server), "nothing is left to be delivered");
    world.until(&mut ignore, |world| world.net.ready_state(clients[0]) == ReadyState::Closed);
    assert_eq!(world.story(clients[0]), [Told::Error("ECONNRESET".into())]);
    assert!(world.net.answer_question(server, number, Some(&given)).is_ok());
    assert_eq!(world.net.refuse_question(server, number, "late"), 0);
}

#[test]
fn r_tls_start_the_limit_covers_the_wait_for_an_answer() {
    let mut world = World::new();
    let (_, client_side) = options();
    let (client, accepted) = world.pair();
    let asks = SecureOptions { certificate_for: true, ..SecureOptions::default() };
    let named = SecureOptions { sni: Some("a.example".to_owned()), ..client_side };
    let limit =
        TimeLimit { at: Instant::now() + Duration::from_millis(500), milliseconds: 500, kind: LimitKind::Handshake };
    for (id, role, limit) in [
        (accepted, Role::Server(server_context(&asks).unwrap()), Some(limit)),
        (client, client_role(&named, "127.0.0.1").unwrap(), None),
    ] {
        world.net.stream(id, |stream, context| stream.start_tls(role, limit, false, id, context)).unwrap().unwrap();
    }
    let number = first_question(&mut world, accepted);
    world.until_told(accepted, &Told::Error("ERR_TLS_HANDSHAKE_TIMEOUT".into()));
    world.until(&mut ignore, |world| world.has_closed(accepted));
    assert_eq!(world.net.refuse_question(accepted, number, "late"), 0);
    assert_eq!(questions(&world, accepted).len(), 1);
}
