//! Too many open files (R-srv-error, R-tcp-create): each test in a process of its own, whose limit is lowered.

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use tcp_udp_sockets::net::runtime;
use tcp_udp_sockets::proto::ReadyState;

use crate::driver::{Told, World, ignore, stream_options, tcp_options, udp_options};

const CHILD: &str = "TCP_UDP_SOCKETS_TEST_CHILD";

fn limit() -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: room for one rlimit.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
    limit
}

fn set_limit(descriptors: libc::rlim_t) {
    let mut limit = limit();
    limit.rlim_cur = descriptors.min(limit.rlim_max);
    // SAFETY: one rlimit, which lives through the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

/// Raises the limit for a test that opens many, as far as that is allowed.
pub fn allow_descriptors(wanted: libc::rlim_t) {
    if limit().rlim_cur < wanted {
        set_limit(wanted);
    }
}

/// Lets this process have no descriptor more than it has.
fn exhaust() {
    // SAFETY: a plain system call; the copy is closed again.
    let next = unsafe {
        let next = libc::dup(0);
        libc::close(next);
        next
    };
    // A limit is signed on FreeBSD and unsigned elsewhere.
    #[allow(clippy::unnecessary_fallible_conversions)]
    let limit = next.try_into().expect("dup() has succeeded");
    set_limit(limit);
}

/// Runs `test` in a child process; the test of that name calls this first.
fn in_a_child(name: &str, test: fn()) {
    if std::env::var_os(CHILD).is_some() {
        return test();
    }
    let program = std::env::current_exe().unwrap();
    let child = Command::new(program)
        .args([&format!("shortage::{name}"), "--exact", "--include-ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && text.contains("1 passed"), "{text}");
}

/// R-srv-error: one `error` a spell, however long; connections wait in the backlog and are served when it is over.
fn server_in_a_spell() {
    let mut world = World::new();
    let (server, address) = world.server();
    let mut peers: Vec<_> = (0..6).map(|_| TcpStream::connect(address).unwrap()).collect();
    exhaust();
    let shortage = Told::ServerError("EMFILE".to_owned());
    world.until_told(server, &shortage);
    // Several pauses long: told once, and not spinning.
    let start = Instant::now();
    let mut turns = 0;
    while start.elapsed() < Duration::from_millis(500) {
        world.until(&mut ignore, |_| {
            turns += 1;
            turns % 2 == 0
        });
    }
    assert!(turns < 400, "{turns} turns in half a second: it spins");
    assert_eq!(world.story(server), std::slice::from_ref(&shortage));
    assert_eq!(world.net.ready_state(server), ReadyState::Open);
    // Two descriptors are free: two of the waiting ones are served, in order, and the next spell is told.
    let two = peers.split_off(4);
    let expected: Vec<_> = peers.iter().map(|peer| peer.local_addr().unwrap()).collect();
    drop(two);
    world.until(&mut ignore, |world| world.story(server).len() == 4);
    let story = world.story(server);
    assert_eq!(story[3], shortage, "a spell ends with an accept");
    for (told, expected) in story[1..3].iter().zip(&expected) {
        assert!(matches!(told, Told::Connect { remote, .. } if remote == expected), "{told:?}");
    }
    // The spell is over: all the others are served too.
    set_limit(1024);
    world.until(&mut ignore, |world| world.accepted_by(server).len() == 6);
    assert_eq!(world.story(server).len(), 8);
}

#[test]
fn too_many_open_files_is_one_error_a_spell() {
    in_a_child("too_many_open_files_is_one_error_a_spell", || {
        // Whatever needs a descriptor of its own has it by now.
        runtime().unwrap();
        server_in_a_spell();
    });
}

/// R-srv-error: the server stays open also where the shortage is the first thing that needs a timer.
#[test]
fn too_many_open_files_before_any_timer_leaves_the_server_open() {
    in_a_child("too_many_open_files_before_any_timer_leaves_the_server_open", server_in_a_spell);
}

/// R-tcp-close: the linger needs a timer too.
#[test]
fn close_works_without_a_descriptor_to_spare() {
    in_a_child("close_works_without_a_descriptor_to_spare", || {
        let mut world = World::new();
        let (client, peer) = world.pair();
        exhaust();
        world.net.close(client);
        world.until(&mut ignore, |world| world.has_closed(client) && world.has_closed(peer));
        for id in [client, peer] {
            assert_eq!(world.story(id).last(), Some(&Told::Close(0)), "{:?}", world.story(id));
            assert!(!world.story(id).iter().any(|told| matches!(told, Told::Error(_))), "{:?}", world.story(id));
        }
    });
}

/// R-tcp-create: a want of resources throws NetworkError, in all three constructors, and leaves nothing open.
#[test]
fn constructors_throw_where_no_descriptor_is_left() {
    in_a_child("constructors_throw_where_no_descriptor_is_left", || {
        let mut world = World::new();
        exhaust();
        let remote = "127.0.0.1:9".parse().unwrap();
        let errors = [
            world.net.open_tcp(0, &tcp_options(remote, stream_options())).unwrap_err(),
            world.net.open_udp(0, &udp_options()).unwrap_err(),
            world.net.open_server(0, &crate::driver::server_options(stream_options())).unwrap_err(),
        ];
        for error in errors {
            assert_eq!((error.name(), error.code().as_deref()), ("NetworkError", Some("EMFILE")));
        }
        assert_eq!(world.net.open_sockets(0), 0);
        assert!(!world.net.keeps_alive());
    });
}
