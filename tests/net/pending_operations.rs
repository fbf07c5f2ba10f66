//! Look-ups and timers: the pending operations of connect(), beside its sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use tcp_udp_sockets::net::{Family, Id};

use crate::driver::{Told, World, ignore};

const OWNER: u32 = 0;
/// A name that no resolver knows (RFC 6761), and none is asked for: it is longer than DNS allows.
fn unknown() -> String {
    format!("{}.invalid", "x".repeat(300))
}

/// The answer to one look-up.
fn look_up(world: &mut World, name: &str, family: Family) -> Result<Vec<IpAddr>, String> {
    let id = world.net.open_lookup(OWNER, name, family).unwrap();
    answer(world, id)
}

fn answer(world: &mut World, id: Id) -> Result<Vec<IpAddr>, String> {
    world.until(&mut ignore, |world| !world.story(id).is_empty());
    match world.story(id).as_slice() {
        [Told::Lookup(answer)] => answer.clone().map(|found| found.iter().map(|address| address.ip()).collect()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_name_is_looked_up() {
    let mut world = World::new();
    let found = look_up(&mut world, "localhost", Family::Any).unwrap();
    assert!(!found.is_empty() && found.iter().all(|ip| ip.is_loopback()), "{found:?}");
    assert!(!world.net.keeps_alive());
    assert_eq!(world.net.open_sockets(OWNER), 0);
}

#[test]
fn the_family_asked_for_is_the_family_found() {
    let mut world = World::new();
    assert_eq!(look_up(&mut world, "127.0.0.9", Family::V4).unwrap(), [Ipv4Addr::new(127, 0, 0, 9)]);
    assert_eq!(look_up(&mut world, "::9", Family::V6).unwrap(), ["::9".parse::<Ipv6Addr>().unwrap()]);
    assert_eq!(look_up(&mut world, "::9", Family::V4).unwrap_err(), "ENOTFOUND");
    assert_eq!(look_up(&mut world, "127.0.0.9", Family::V6).unwrap_err(), "ENOTFOUND");
    // R-address: an IPv4-mapped address counts as IPv4.
    assert_eq!(look_up(&mut world, "::ffff:127.0.0.9", Family::Any).unwrap(), [Ipv4Addr::new(127, 0, 0, 9)]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_zone_is_kept() {
    let mut world = World::new();
    let id = world.net.open_lookup(OWNER, "fe80::1%lo", Family::Any).unwrap();
    world.until(&mut ignore, |world| !world.story(id).is_empty());
    let story = world.story(id);
    let [Told::Lookup(Ok(found))] = story.as_slice() else { panic!("{story:?}") };
    assert!(matches!(found[0], std::net::SocketAddr::V6(v6) if v6.scope_id() == 1), "{found:?}");
}

#[test]
fn what_cannot_be_looked_up_has_a_code() {
    let mut world = World::new();
    assert_eq!(look_up(&mut world, &unknown(), Family::Any).unwrap_err(), "ENOTFOUND");
    assert_eq!(look_up(&mut world, "no\0name", Family::Any).unwrap_err(), "ENOTFOUND");
}

/// R-keep: a look-up keeps the process alive; closing it cancels it, and its answer reaches nobody.
#[test]
fn a_cancelled_look_up_tells_nothing() {
    let mut world = World::new();
    let id = world.net.open_lookup(OWNER, "localhost", Family::Any).unwrap();
    assert!(world.net.keeps_alive());
    assert!(world.net.close(id), "nothing is left to be done");
    assert!(!world.net.keeps_alive());
    // The next one, in the same slot, gets its own answer.
    assert_eq!(look_up(&mut world, "127.0.0.9", Family::Any).unwrap(), [Ipv4Addr::new(127, 0, 0, 9)]);
    assert!(world.story(id).is_empty());
}

#[test]
fn many_look_ups_of_few_names_are_all_answered() {
    let mut world = World::new();
    let asked: Vec<(Id, Ipv4Addr)> = (0..2000u32)
        .map(|n| {
            let ip = Ipv4Addr::from(0x7f00_0000 + n % 100 + 1);
            (world.net.open_lookup(OWNER, &ip.to_string(), Family::Any).unwrap(), ip)
        })
        .collect();
    world.until(&mut ignore, |world| world.log.len() == asked.len());
    for (id, ip) in asked {
        assert_eq!(answer(&mut world, id).unwrap(), [ip]);
    }
    assert_eq!(world.net.open_sockets(OWNER), 0);
}

/// An environment that ends takes nobody's answer with it, and a look-up under way does not hold it up.
#[test]
fn an_environment_ends_during_a_look_up() {
    let mut staying = World::new();
    let mut ending = World::new();
    ending.net.open_lookup(OWNER, "localhost", Family::Any).unwrap();
    let id = staying.net.open_lookup(OWNER, "localhost", Family::Any).unwrap();
    ending.net.end();
    drop(ending);
    assert!(answer(&mut staying, id).is_ok());
}

#[test]
fn a_timer_tells_once_and_never_early() {
    let mut world = World::new();
    for after in [0, 1, 30, 1000] {
        let (start, after) = (Instant::now(), Duration::from_millis(after));
        let id = world.net.open_timer(OWNER, after).unwrap();
        assert!(world.net.keeps_alive());
        world.until_told(id, &Told::Timer);
        assert!(start.elapsed() >= after);
        assert_eq!(world.story(id), [Told::Timer]);
        assert!(!world.net.keeps_alive());
    }
    world.rest();
}

#[test]
fn timers_come_in_the_order_of_their_times() {
    let mut world = World::new();
    let ids: Vec<Id> =
        [30, 10, 20].map(|after| world.net.open_timer(OWNER, Duration::from_millis(after)).unwrap()).into();
    world.until(&mut ignore, |world| world.log.len() == 3);
    let order: Vec<Id> = world.log.iter().map(|(id, _)| *id).collect();
    assert_eq!(order, [ids[1], ids[2], ids[0]]);
}

#[test]
fn a_cancelled_timer_tells_nothing() {
    let mut world = World::new();
    let cancelled = world.net.open_timer(OWNER, Duration::from_millis(5)).unwrap();
    assert!(world.net.close(cancelled));
    // In the same slot; the deadline of the one before must not be taken for its own.
    let start = Instant::now();
    let id = world.net.open_timer(OWNER, Duration::from_millis(50)).unwrap();
    world.until_told(id, &Told::Timer);
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert!(world.story(cancelled).is_empty());
}
