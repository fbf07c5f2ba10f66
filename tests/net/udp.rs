//! UDP: datagrams in batches, suspend() in the middle of one, what is refused.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use tcp_udp_sockets::net::{Destination, GroupRequest, Id, Net, UdpSent};
use tcp_udp_sockets::proto::ReadyState;

use crate::driver::{Told, World, ignore, send_to, udp_options};

/// A foreign socket.
fn peer() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 70_000];
    let len = socket.recv(&mut buffer).unwrap();
    buffer.truncate(len);
    buffer
}

fn numbered(from: u32, to: u32) -> Vec<Vec<u8>> {
    (from..to).map(|n| n.to_be_bytes().to_vec()).collect()
}

/// R-udp-bounds, R-udp-empty: each datagram by itself, whole, from the longest to the empty one, with its source.
#[test]
fn datagrams_keep_their_bounds() {
    let mut world = World::new();
    let (id, address) = world.udp();
    let (peer, from) = peer();
    for len in [0, 1, 1472, 65_507, 0, 9000] {
        peer.send_to(&vec![len as u8; len], address).unwrap();
        world.until(&mut ignore, |world| !world.log.is_empty());
        assert_eq!(world.log.pop(), Some((id, Told::Datagram(vec![len as u8; len], from))));
    }
}

/// R-udp-full: many in one turn, in order, to one destination and to another, in fewer calls than datagrams.
#[test]
fn a_turn_sends_many_in_order() {
    let mut world = World::new();
    let (id, local) = world.udp();
    let (one, to_one) = peer();
    let (other, to_other) = peer();
    for n in 0..100u32 {
        assert!(send_to(&mut world.net, id, &n.to_be_bytes(), if n % 3 == 0 { to_other } else { to_one }));
    }
    assert_eq!(world.net.buffered_amount(id), 400, "it falls only in a later task");
    world.turn(&mut ignore);
    assert_eq!(world.net.buffered_amount(id), 0);
    for n in 0..100u32 {
        let (bytes, from) = {
            let mut buffer = [0; 10];
            let socket = if n % 3 == 0 { &other } else { &one };
            let (len, from) = socket.recv_from(&mut buffer).unwrap();
            (buffer[..len].to_vec(), from)
        };
        assert_eq!((bytes, from), (n.to_be_bytes().to_vec(), local));
    }
    world.rest();
    assert_eq!(world.story(id), []);
}

/// R-udp-bounds: datagrams of one size that follow one another go through the system together, and arrive one by one.
#[test]
fn runs_of_one_size_keep_their_bounds() {
    let mut world = World::new();
    let (id, _) = world.udp();
    let (peer, to) = peer();
    for sizes in [
        &[100, 100, 100, 50, 100, 100, 0, 0, 100, 100, 0, 1, 1, 1][..],
        &[0, 0, 0],
        &[1400; 60],
        &[1, 2, 3, 3, 2, 1],
        &[9000, 9000, 9000, 20, 9000],
        &[30_000, 30_000, 30_000],
        &[65_507, 10, 10],
    ] {
        for (n, size) in sizes.iter().enumerate() {
            send_to(&mut world.net, id, &vec![n as u8; *size], to);
        }
        world.turn(&mut ignore);
        for (n, size) in sizes.iter().enumerate() {
            assert!(receive(&peer) == vec![n as u8; *size], "number {n} of {sizes:?}");
        }
    }
    world.rest();
    assert!(!world.story(id).iter().any(|told| matches!(told, Told::UdpError(_))), "{:?}", world.story(id));
}

/// R-udp-neterr: one that is refused among many of its size is lost alone.
#[test]
fn a_refused_run_is_told_datagram_by_datagram() {
    let mut world = World::new();
    let (id, _) = world.udp();
    let (peer, to) = peer();
    let nowhere = "255.255.255.255:9".parse().unwrap();
    for to in [to, nowhere, nowhere, nowhere, to, to] {
        send_to(&mut world.net, id, b"same", to);
    }
    world.until(&mut ignore, |world| world.story(id).len() == 3);
    world.rest();
    assert!(world.story(id).iter().all(|told| matches!(told, Told::UdpError(_))), "{:?}", world.story(id));
    for _ in 0..3 {
        assert_eq!(receive(&peer), b"same");
    }
    assert_eq!(world.net.buffered_amount(id), 0);
}

/// R-udp-full: at the latest when 64 of them or 64 KiB wait: also without the end of a turn.
#[test]
fn sixty_four_datagrams_leave_without_waiting_for_the_turn() {
    let mut world = World::new();
    let (id, _) = world.udp();
    let (peer, to) = peer();
    for n in 0..64u32 {
        send_to(&mut world.net, id, &n.to_be_bytes(), to);
    }
    for n in 0..64u32 {
        assert_eq!(receive(&peer), n.to_be_bytes());
    }
    send_to(&mut world.net, id, &[1; 40_000], to);
    send_to(&mut world.net, id, &[2; 30_000], to);
    assert_eq!(receive(&peer).len(), 40_000);
    assert_eq!(receive(&peer).len(), 30_000);
}

/// R-tcp-drain for UDP: once after a false, at 0.
#[test]
fn drain_fires_once_after_send_returned_false() {
    let mut world = World::new();
    let (id, _) = world.udp();
    let (_peer, to) = peer();
    assert!(send_to(&mut world.net, id, &[0; 60_000], to));
    world.rest();
    assert_eq!(world.story(id), []);
    assert!(send_to(&mut world.net, id, &[0; 60_000], to));
    assert!(!send_to(&mut world.net, id, &[0; 10_000], to));
    let mut buffered = None;
    world.until(&mut |net: &mut Net, id, _: &Told| buffered = Some(net.buffered_amount(id)), |world| {
        !world.story(id).is_empty()
    });
    world.rest();
    assert_eq!((world.story(id), buffered), (vec![Told::UdpDrain], Some(0)));
}

/// R-udp-suspend: suspend() in the middle of a batch: nothing more fires, nothing is lost, the order is kept.
#[test]
fn suspend_in_the_middle_of_a_batch_loses_nothing() {
    let mut world = World::new();
    let (id, address) = world.udp();
    let (peer, _) = peer();
    for bytes in numbered(0, 100) {
        peer.send_to(&bytes, address).unwrap();
    }
    let mut seen = 0;
    let mut suspend_at_ten = |net: &mut Net, id, _: &Told| {
        seen += 1;
        if seen == 10 {
            net.suspend(id);
        }
    };
    world.until(&mut suspend_at_ten, |world| world.datagrams(id).len() == 10);
    world.rest();
    assert_eq!(world.datagrams(id).len(), 10);
    for bytes in numbered(100, 150) {
        peer.send_to(&bytes, address).unwrap();
    }
    world.rest();
    assert_eq!(world.datagrams(id).len(), 10);
    world.net.resume(id);
    world.until(&mut ignore, |world| world.datagrams(id).len() == 150);
    assert_eq!(world.datagrams(id), numbered(0, 150));
}

/// R-listen: a listener for one datagram at a time, as `await once(socket, "message")` in a loop makes it.
#[test]
fn a_listener_that_comes_and_goes_loses_nothing() {
    let mut world = World::new();
    let (id, address) = world.udp();
    let (peer, _) = peer();
    world.net.listen(id, false, false);
    for bytes in numbered(0, 100) {
        peer.send_to(&bytes, address).unwrap();
    }
    world.rest();
    assert_eq!(world.story(id), []);
    for expected in 1..=100 {
        world.net.listen(id, true, false);
        let mut once = |net: &mut Net, id, _: &Told| net.listen(id, false, false);
        world.until(&mut once, |world| world.datagrams(id).len() >= expected);
        assert_eq!(world.datagrams(id).len(), expected);
    }
    assert_eq!(world.datagrams(id), numbered(0, 100));
}

/// Batches share one buffer: two sockets, one of them suspending in the middle of its batch, don't mix.
#[test]
fn a_suspended_batch_is_not_overwritten_by_another_sockets() {
    let mut world = World::new();
    let (first, to_first) = world.udp();
    let (second, to_second) = world.udp();
    let (peer, _) = peer();
    for n in 0..60u8 {
        peer.send_to(&[1, n], to_first).unwrap();
        peer.send_to(&[2, n], to_second).unwrap();
    }
    let mut seen = 0;
    let mut suspend_often = |net: &mut Net, id, _: &Told| {
        seen += 1;
        if seen % 7 == 0 {
            net.suspend(id);
        }
    };
    while world.datagrams(first).len() + world.datagrams(second).len() < 120 {
        world.turn(&mut suspend_often);
        world.net.resume(first);
        world.net.resume(second);
    }
    for (id, mark) in [(first, 1), (second, 2)] {
        assert_eq!(world.datagrams(id), (0..60u8).map(|n| vec![mark, n]).collect::<Vec<_>>());
    }
}

/// R-udp-close: close() in the middle of a batch: no event after it, and the port is free.
#[test]
fn close_in_the_middle_of_a_batch_is_the_end() {
    let mut world = World::new();
    let (id, address) = world.udp();
    let (peer, _) = peer();
    for bytes in numbered(0, 20) {
        peer.send_to(&bytes, address).unwrap();
    }
    let mut close = |net: &mut Net, id, _: &Told| assert!(net.close(id));
    world.until(&mut close, |world| !world.datagrams(id).is_empty());
    world.rest();
    assert_eq!(world.story(id).len(), 1);
    assert!(UdpSocket::bind(address).is_ok());
    assert!(!world.net.keeps_alive());
}

/// R-udp-close: what is buffered is handed to the system first.
#[test]
fn close_sends_what_is_buffered() {
    let mut world = World::new();
    let (id, _) = world.udp();
    let (peer, to) = peer();
    send_to(&mut world.net, id, b"last", to);
    assert!(world.net.close(id));
    assert_eq!(receive(&peer), b"last");
    world.rest();
    assert_eq!((world.story(id), world.net.keeps_alive()), (vec![], false));
}

/// R-udp-toolong: false, "closed" at once, one `error`; what was sent before still goes out.
#[test]
fn a_datagram_that_is_too_long_ends_the_socket() {
    let mut world = World::new();
    let (id, address) = world.udp();
    let (peer, to) = peer();
    send_to(&mut world.net, id, b"before", to);
    peer.send_to(b"unread", address).unwrap();
    assert!(!send_to(&mut world.net, id, &[0; 65_508], to));
    assert_eq!(world.net.ready_state(id), ReadyState::Closed);
    let text = to.ip().to_string();
    let again = world.net.udp(id, |udp, context| udp.send(b"x", Destination::To(&text, to.port()), None, id, context));
    assert!(matches!(again, Some(Ok(UdpSent::NotOpen))));
    world.until(&mut ignore, |world| world.net.open_sockets(0) == 0);
    assert_eq!(world.story(id)[0], Told::UdpError("EMSGSIZE".to_owned()));
    assert!(world.story(id)[1..].iter().all(|told| *told == Told::End), "{:?}", world.story(id));
    assert_eq!(receive(&peer), b"before");
    assert!(UdpSocket::bind(address).is_ok(), "the port is free");
}

/// R-udp-toolong: the longest that fits is sent.
#[test]
fn the_longest_datagram_is_sent() {
    let mut world = World::new();
    let (id, _) = world.udp();
    let (peer, to) = peer();
    send_to(&mut world.net, id, &[5; 65_507], to);
    world.turn(&mut ignore);
    assert_eq!(receive(&peer).len(), 65_507);
    assert_eq!(world.net.ready_state(id), ReadyState::Open);
}

/// R-udp-neterr: what the system says of one datagram is an `error`; the socket stays open and the next one goes out.
#[test]
fn one_datagrams_fault_is_its_own() {
    let mut world = World::new();
    let (id, _) = world.udp();
    let (peer, to) = peer();
    send_to(&mut world.net, id, b"one", to);
    // Broadcast without SO_BROADCAST.
    send_to(&mut world.net, id, b"refused", "255.255.255.255:9".parse().unwrap());
    send_to(&mut world.net, id, b"two", to);
    world.until(&mut ignore, |world| !world.story(id).is_empty());
    world.rest();
    assert!(matches!(world.story(id)[..], [Told::UdpError(_)]), "{:?}", world.story(id));
    assert_eq!((receive(&peer), receive(&peer)), (b"one".to_vec(), b"two".to_vec()));
    assert_eq!((world.net.ready_state(id), world.net.buffered_amount(id)), (ReadyState::Open, 0));
}

/// R-udp-family: a destination that the socket cannot reach is an exception and changes nothing.
#[test]
fn a_destination_of_another_family_is_refused() {
    let mut world = World::new();
    let (id, _) = world.udp();
    let sent = world.net.udp(id, |udp, context| udp.send(b"x", Destination::To("::1", 9), None, id, context));
    let Some(Err(error)) = sent else { panic!("it was taken") };
    assert_eq!(error.name(), "InvalidAccessError");
    assert_eq!((world.net.ready_state(id), world.net.buffered_amount(id)), (ReadyState::Open, 0));
}

/// R-udp-bind, R-address: an IPv6 wildcard is dual-stack; an IPv4 peer is reported as IPv4.
#[test]
fn an_ipv6_wildcard_serves_both_families() {
    let mut world = World::new();
    let mut options = udp_options();
    options.local_address = Some("::".to_owned());
    let Ok(id) = world.net.open_udp(0, &options) else { return };
    world.net.listen(id, true, false);
    let port = world.net.udp(id, |udp, _| udp.local.port()).unwrap();
    let (peer, from) = peer();
    peer.send_to(b"four", ("127.0.0.1", port)).unwrap();
    world.until_told(id, &Told::Datagram(b"four".to_vec(), from));
    send_to(&mut world.net, id, b"back", from);
    world.turn(&mut ignore);
    assert_eq!(receive(&peer), b"back");
}

/// An echo over two of our own, many times: no wake-up gets lost.
#[test]
fn datagrams_go_back_and_forth() {
    const ROUNDS: u32 = 3000;
    let mut world = World::new();
    let (left, to_left) = world.udp();
    let (right, to_right) = world.udp();
    send_to(&mut world.net, left, &0u32.to_be_bytes(), to_right);
    let mut last = 0;
    let mut bounce = |net: &mut Net, id: Id, told: &Told| {
        let Told::Datagram(bytes, from) = told else { panic!("{told:?}") };
        assert_eq!(*from, if id == left { to_right } else { to_left });
        last = u32::from_be_bytes(bytes[..].try_into().unwrap()) + 1;
        if last < ROUNDS {
            send_to(net, id, &last.to_be_bytes(), *from);
        }
    };
    world.until(&mut bounce, |world| world.log.len() as u32 == ROUNDS);
    assert_eq!(last, ROUNDS);
    assert_eq!(world.datagrams(right).len() + world.datagrams(left).len(), ROUNDS as usize);
}

/// R-udp-group: joined twice or left unjoined is an exception, and so is a bad group; what throws changes nothing.
#[test]
fn groups_are_kept_as_a_list() {
    let mut world = World::new();
    let (id, _) = world.udp();
    let mut change = |join, group: &str, interface: Option<&str>| {
        let request = GroupRequest { group, interface, source: None };
        world.net.udp(id, |udp, _| udp.change_group(join, request)).unwrap().map_err(|error| error.name())
    };
    let refused = Err("InvalidAccessError");
    assert_eq!(change(true, "10.0.0.1", None), refused);
    assert_eq!(change(true, "ff02::1", None), refused);
    assert_eq!(change(false, "239.1.2.3", None), refused);
    assert_eq!(change(true, "239.1.2.3", None), Ok(()));
    assert_eq!(change(true, "239.1.2.3", None), refused);
    assert_eq!(change(true, "239.1.2.3", Some("192.0.2.1")), Err("NetworkError"));
    assert_eq!(change(false, "239.1.2.3", None), Ok(()));
    assert_eq!(change(false, "239.1.2.3", None), refused);
}

/// R-udp-neterr: an error that receiving gives belongs to one datagram. What waits behind it comes without another report of the
/// poll set, which Windows would not give, nor Linux before the next datagram.
#[cfg(target_os = "linux")]
#[test]
fn what_waits_behind_an_error_is_received() {
    use std::os::fd::AsRawFd;

    let mut world = World::new();
    let (id, address) = world.udp();
    let socket = crate::options::socket_of(address, None);
    let on: libc::c_int = 1;
    let size = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the pointer and the size are those of `on`, which lives through the call. The system now tells of refusals.
    let set = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IP, libc::IP_RECVERR, (&raw const on).cast(), size)
    };
    assert_eq!(set, 0);
    let refused = peer().1;
    let (peer, from) = peer();
    for round in 1..=3 {
        assert!(send_to(&mut world.net, id, b"nobody is there", refused));
        world.net.finish();
        peer.send_to(b"behind it", address).unwrap();
        world.until(&mut ignore, |world| {
            let told = world.story(id);
            let count = |wanted: &Told| told.iter().filter(|told| *told == wanted).count();
            count(&Told::UdpError("ECONNREFUSED".to_owned())) == round
                && count(&Told::Datagram(b"behind it".to_vec(), from)) == round
        });
    }
    world.rest();
}

/// R-udp-reuse: a port that the system picked, and one with `addressReuse: false`, is shared with nobody (Windows:
/// SO_EXCLUSIVEADDRUSE).
#[test]
fn a_port_that_is_not_to_be_shared_cannot_be_taken() {
    for given in [false, true] {
        let mut world = World::new();
        let mut options = udp_options();
        if given {
            options.local_port = Some(peer().1.port());
            options.address_reuse = Some(false);
        }
        let id = world.net.open_udp(0, &options).unwrap();
        let address = world.net.udp(id, |udp, _| udp.local).unwrap();
        let other = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        other.set_reuse_address(true).unwrap();
        assert!(other.bind(&address.into()).is_err(), "{options:?}");
        options.local_port = Some(address.port());
        options.address_reuse = Some(true);
        let error = world.net.open_udp(0, &options).unwrap_err();
        assert_eq!((error.name(), error.code().as_deref()), ("InvalidAccessError", Some("EADDRINUSE")));
    }
}
