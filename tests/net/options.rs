//! Every option, read back from the system: what the descriptors of a process have is asked by their addresses, not told by `net`.
#![cfg(target_os = "linux")]

use std::net::{SocketAddr, TcpStream};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use socket2::{SockRef, Socket};
use tcp_udp_sockets::net::{BufferSizes, Id, UdpOptions};

use crate::driver::{Told, World, ignore, reset, send_to, server_options, stream_options, tcp_options, udp_options};

/// A copy of the descriptor of this process whose socket has these ends. `remote`: none for one that is not connected.
pub fn socket_of(local: SocketAddr, remote: Option<SocketAddr>) -> Socket {
    let has_ends = |socket: &Socket| {
        let ends =
            (socket.local_addr().ok().and_then(|a| a.as_socket()), socket.peer_addr().ok().and_then(|a| a.as_socket()));
        ends == (Some(local), remote)
    };
    for number in 3..4096 {
        // SAFETY: only asked for its ends and copied; a number that is no descriptor, or one that is closed meanwhile by
        // another test, makes the calls fail.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        if let Ok(copy) = SockRef::from(&borrowed).try_clone()
            && has_ends(&copy)
        {
            return copy;
        }
    }
    panic!("no socket from {local} to {remote:?}");
}

fn udp_with(change: impl FnOnce(&mut UdpOptions)) -> (World, Socket) {
    let mut options = udp_options();
    change(&mut options);
    let mut world = World::new();
    let id = world.net.open_udp(0, &options).unwrap();
    let local = world.net.udp(id, |udp, _| udp.local).unwrap();
    let socket = socket_of(local, None);
    (world, socket)
}

fn on(address: &str) -> Option<String> {
    Some(address.to_owned())
}

/// A connected pair with these stream options: the system's view of the client and of the accepted socket.
fn pair_with_keep_alive(delay: Option<u32>, no_delay: bool) -> (World, Socket, Socket) {
    let mut world = World::new();
    let mut stream = stream_options();
    stream.network.keep_alive.delay = delay;
    stream.network.no_delay = Some(no_delay);
    let (client, _) = world.pair_with(stream);
    let (local, remote) =
        world.net.stream(client, |stream, _| (stream.local.inet().unwrap(), stream.remote.inet().unwrap())).unwrap();
    (world, socket_of(local, Some(remote)), socket_of(remote, Some(local)))
}

#[test]
fn keep_alive_is_off_unless_asked_for() {
    for delay in [None, Some(0)] {
        let (_world, client, accepted) = pair_with_keep_alive(delay, true);
        assert!(!client.keepalive().unwrap() && !accepted.keepalive().unwrap());
    }
}

#[test]
fn keep_alive_delay_is_set_on_clients_and_on_accepted_sockets_in_whole_seconds() {
    for (delay, seconds) in [(1, 1), (1000, 1), (61_001, 62), (u32::MAX, 32_767)] {
        let (_world, client, accepted) = pair_with_keep_alive(Some(delay), true);
        for socket in [client, accepted] {
            assert!(socket.keepalive().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(seconds));
            // R-keepalive
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(1));
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), 10);
        }
    }
}

#[test]
fn no_delay_is_set_on_clients_and_on_accepted_sockets() {
    for no_delay in [true, false] {
        let (_world, client, accepted) = pair_with_keep_alive(None, no_delay);
        assert_eq!((client.tcp_nodelay().unwrap(), accepted.tcp_nodelay().unwrap()), (no_delay, no_delay));
    }
}

/// Linux doubles what it is asked for.
const DOUBLED: usize = 2;

#[test]
fn tcp_buffer_sizes_are_set() {
    let mut world = World::new();
    let (_, address) = world.server();
    let mut options = tcp_options(address, stream_options());
    options.buffers = BufferSizes { send: Some(20_000), receive: Some(30_000) };
    let id = world.net.open_tcp(0, &options).unwrap();
    let local = world.net.stream(id, |stream, _| stream.local.inet()).flatten().unwrap();
    world.until(&mut ignore, |world| world.has_told(id, &Told::Open(local)));
    let socket = socket_of(local, Some(address));
    assert_eq!(socket.send_buffer_size().unwrap(), 20_000 * DOUBLED);
    assert_eq!(socket.recv_buffer_size().unwrap(), 30_000 * DOUBLED);
}

#[test]
fn udp_buffer_sizes_are_set_and_enormous_ones_are_the_systems_most() {
    let (_world, socket) =
        udp_with(|options| options.live.buffers = BufferSizes { send: Some(40_000), receive: Some(50_000) });
    assert_eq!(socket.send_buffer_size().unwrap(), 40_000 * DOUBLED);
    assert_eq!(socket.recv_buffer_size().unwrap(), 50_000 * DOUBLED);
    let (_world, socket) =
        udp_with(|options| options.live.buffers = BufferSizes { send: Some(u32::MAX), receive: Some(u32::MAX) });
    assert!(socket.send_buffer_size().unwrap() > 100_000 && socket.recv_buffer_size().unwrap() > 100_000);
}

#[test]
fn broadcast_is_off_unless_asked_for() {
    for broadcast in [false, true] {
        let (_world, socket) = udp_with(|options| options.live.broadcast = Some(broadcast));
        assert_eq!(socket.broadcast().unwrap(), broadcast);
    }
}

#[test]
fn hops_of_ipv4_datagrams_are_set() {
    let (_world, socket) = udp_with(|options| {
        options.live.time_to_live = Some(7);
        options.live.multicast_time_to_live = Some(9);
    });
    assert_eq!((socket.ttl_v4().unwrap(), socket.multicast_ttl_v4().unwrap()), (7, 9));
    let (_world, socket) = udp_with(|options| options.live.multicast_time_to_live = Some(0));
    assert_eq!((socket.ttl_v4().unwrap(), socket.multicast_ttl_v4().unwrap()), (64, 0));
    let (_world, socket) = udp_with(|options| options.live.time_to_live = Some(255));
    assert_eq!((socket.ttl_v4().unwrap(), socket.multicast_ttl_v4().unwrap()), (255, 1));
}

#[test]
fn a_dual_stack_socket_has_the_hops_of_both_families() {
    let (_world, socket) = udp_with(|options| {
        options.local_address = on("::");
        options.live.time_to_live = Some(7);
        options.live.multicast_time_to_live = Some(9);
    });
    assert_eq!((socket.unicast_hops_v6().unwrap(), socket.multicast_hops_v6().unwrap()), (7, 9));
    assert_eq!((socket.ttl_v4().unwrap(), socket.multicast_ttl_v4().unwrap()), (7, 9));
    let (_world, socket) = udp_with(|options| options.local_address = on("::1"));
    assert_eq!(socket.multicast_hops_v6().unwrap(), 1);
}

#[test]
fn multicast_loop_follows_loopback_in_both_families() {
    for loopback in [true, false] {
        let (_world, socket) = udp_with(|options| {
            options.local_address = on("::");
            options.live.loopback = Some(loopback);
        });
        assert_eq!((socket.multicast_loop_v6().unwrap(), socket.multicast_loop_v4().unwrap()), (loopback, loopback));
    }
}

#[test]
fn a_socket_receives_only_from_groups_that_it_joined_itself() {
    let (_world, socket) = udp_with(|_| {});
    assert!(!socket.multicast_all_v4().unwrap());
    let (_world, socket) = udp_with(|options| options.local_address = on("::"));
    assert!(!socket.multicast_all_v4().unwrap());
    assert!(!socket.multicast_all_v6().unwrap());
}

#[test]
fn multicast_interface_is_an_address_or_a_zone() {
    let (_world, socket) = udp_with(|options| {
        options.local_address = on("0.0.0.0");
        options.live.multicast_interface = on("127.0.0.1");
    });
    assert_eq!(socket.multicast_if_v4().unwrap().to_string(), "127.0.0.1");
    for zone in ["lo", "1"] {
        let (_world, socket) = udp_with(|options| {
            options.local_address = on("::");
            options.live.multicast_interface = on(zone);
        });
        assert_eq!(socket.multicast_if_v6().unwrap(), 1);
    }
    let (_world, socket) = udp_with(|options| {
        options.local_address = on("::");
        options.live.multicast_interface = on("127.0.0.1");
    });
    assert_eq!(socket.multicast_if_v4().unwrap().to_string(), "127.0.0.1");
}

/// R-udp-group: an interface has a name, and addresses of both families.
#[cfg(target_os = "linux")]
#[test]
fn a_multicast_interface_is_named_for_ipv4_too() {
    for interface in ["lo", "127.0.0.1"] {
        let (_world, socket) = udp_with(|options| options.live.multicast_interface = on(interface));
        assert_eq!(socket.multicast_if_v4().unwrap().to_string(), "127.0.0.1");
    }
}

#[test]
fn a_multicast_interface_that_cannot_be_is_refused() {
    for (local, interface, code) in [
        ("0.0.0.0", "198.51.100.99", Some("EADDRNOTAVAIL")),
        ("0.0.0.0", "no-such-interface", None),
        ("0.0.0.0", "2001:db8::99", Some("ENODEV")),
        ("0.0.0.0", "", None),
        ("::", "no-such-interface", Some("ENODEV")),
        ("::", "", Some("ENODEV")),
        ("::1", "127.0.0.1", None),
    ] {
        let mut options = udp_options();
        options.local_address = on(local);
        options.live.multicast_interface = on(interface);
        let error = World::new().net.open_udp(0, &options).unwrap_err();
        assert_eq!((error.name(), error.code().as_deref()), ("InvalidAccessError", code), "{local}, {interface:?}");
        assert!(error.to_string().contains(interface), "{error}");
    }
}

#[test]
fn reuse_port_is_off_unless_asked_for() {
    for reuse_port in [false, true] {
        let (_world, socket) = udp_with(|options| options.reuse_port = reuse_port);
        assert_eq!(socket.reuse_port().unwrap(), reuse_port);
        let mut world = World::new();
        let mut options = server_options(stream_options());
        options.reuse_port = reuse_port;
        let id = world.net.open_server(0, &options).unwrap();
        let local = world.net.server(id, |server, _| server.local.inet()).flatten().unwrap();
        assert_eq!(socket_of(local, None).reuse_port().unwrap(), reuse_port);
        // The same port once more.
        options.local_port = Some(local.port());
        assert_eq!(world.net.open_server(0, &options).is_ok(), reuse_port);
    }
}

#[test]
fn udp_sockets_that_share_a_port_each_get_datagrams_and_none_gets_another_port_twice() {
    let mut world = World::new();
    let mut options = udp_options();
    options.reuse_port = true;
    options.address_reuse = Some(false);
    let open = |world: &mut World, options: &UdpOptions| {
        let id = world.net.open_udp(0, options).unwrap();
        world.net.listen(id, true, false);
        (id, world.net.udp(id, |udp, _| udp.local).unwrap())
    };
    let (first, address) = open(&mut world, &options);
    options.local_port = Some(address.port());
    let (second, _) = open(&mut world, &options);
    let senders: Vec<Id> = (0..40).map(|_| world.udp().0).collect();
    for sender in &senders {
        send_to(&mut world.net, *sender, b"x", address);
    }
    world.until(&mut ignore, |world| world.datagrams(first).len() + world.datagrams(second).len() == senders.len());
    assert!(!world.datagrams(first).is_empty() && !world.datagrams(second).is_empty());
}

#[test]
fn past_max_connections_clients_are_reset_and_reported_and_a_free_permit_is_taken() {
    let mut world = World::new();
    let mut options = server_options(stream_options());
    options.listening.max_connections = Some(2);
    let server = world.net.open_server(0, &options).unwrap();
    let address = world.net.server(server, |server, _| server.local.inet()).flatten().unwrap();
    let connect = || TcpStream::connect(address).unwrap();
    let mut clients = vec![connect(), connect(), connect()];
    // While nobody listens, nobody is refused.
    for _ in 0..10 {
        world.turn(&mut ignore);
    }
    assert!(world.log.is_empty());
    assert_eq!(world.net.connections(server), 0);
    world.net.listen(server, true, false);
    let refused = Told::ServerError("ECONNREFUSED".to_owned());
    world.until(&mut ignore, |world| world.has_told(server, &refused));
    let accepted = world.accepted_by(server);
    assert_eq!(accepted.len(), 2);
    assert_eq!(world.net.connections(server), 2);
    let mut third = clients.pop().unwrap();
    let read = std::io::Read::read(&mut third, &mut [0]);
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    // reset() frees its permit at once.
    reset(&mut world.net, accepted[0]);
    assert_eq!(world.net.connections(server), 1);
    clients.push(connect());
    world.until(&mut ignore, |world| world.accepted_by(server).len() == 3);
    assert_eq!(world.net.connections(server), 2);
    // The peers' ends free theirs when they are reported.
    drop(clients);
    world.until(&mut ignore, |world| world.net.connections(server) == 0);
    assert_eq!(world.story(server).iter().filter(|told| **told == refused).count(), 1);
}

#[test]
fn nobody_is_refused_while_the_server_is_suspended() {
    let mut world = World::new();
    let mut options = server_options(stream_options());
    options.listening.max_connections = Some(0);
    let server = world.net.open_server(0, &options).unwrap();
    let address = world.net.server(server, |server, _| server.local.inet()).flatten().unwrap();
    world.net.listen(server, true, false);
    world.net.suspend(server);
    let client = TcpStream::connect(address).unwrap();
    for _ in 0..10 {
        world.turn(&mut ignore);
    }
    assert!(world.log.is_empty());
    world.net.resume(server);
    world.until_told(server, &Told::ServerError("ECONNREFUSED".to_owned()));
    drop(client);
}
