//! TCP: large reads. One of them gives several messages; what the application does between two of them counts at once.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};

use socket2::SockRef;
use tcp_udp_sockets::net::{Id, Net};
use tcp_udp_sockets::proto::ReadyState;

use crate::driver::{BLOCK, Pattern, Told, UNTOUCHED, World, ignore, reset, send};

const MIB: usize = 1024 * 1024;

/// One of our clients that reads in bulk already, and a foreign peer that has written `len` bytes more, all of them here.
fn with_backlog(world: &mut World, len: usize) -> (Id, TcpStream, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    SockRef::from(&listener).set_send_buffer_size(4 * MIB).unwrap();
    let client = world.connected(listener.local_addr().unwrap());
    let (mut peer, _) = listener.accept().unwrap();
    // The first megabytes make the system's receive buffer large enough to have the rest at once.
    let warm_up = 8 * MIB;
    let pattern = Pattern::new();
    let writer = std::thread::spawn({
        let mut peer = peer.try_clone().unwrap();
        move || peer.write_all(&vec![0; warm_up]).unwrap()
    });
    world.until(&mut ignore, |world| world.received_by(client).len() >= warm_up - 1);
    writer.join().unwrap();
    world.until(&mut ignore, |world| world.received_by(client).len() == warm_up);
    world.rest();
    world.bytes.clear();
    world.log.clear();
    world.net.suspend(client);
    let bytes: Vec<u8> =
        (0..len).step_by(50_000).flat_map(|at| pattern.at(at, 50_000.min(len - at)).to_vec()).collect();
    peer.write_all(&bytes).unwrap();
    world.rest();
    (client, peer, bytes)
}

/// How many messages a socket has told.
fn messages(world: &World, id: Id) -> usize {
    world.log.iter().filter(|(of, told)| *of == id && matches!(told, Told::Message(_))).count()
}

/// Does `f` at the first message.
fn at_first(mut f: impl FnMut(&mut Net, Id)) -> impl FnMut(&mut Net, Id, &Told) {
    let mut done = false;
    move |net, id, told| {
        if matches!(told, Told::Message(_)) && !std::mem::replace(&mut done, true) {
            f(net, id);
        }
    }
}

/// R-tcp-suspend: no message after suspend() returns, queued ones included; resume() brings them, in order.
#[test]
fn suspend_holds_what_the_same_read_gave() {
    let mut world = World::new();
    let (client, _peer, bytes) = with_backlog(&mut world, 600_000);
    world.net.resume(client);
    let mut suspend = at_first(|net, id| net.suspend(id));
    world.until(&mut suspend, |world| messages(world, client) == 1);
    world.rest();
    assert_eq!(messages(&world, client), 1);
    world.net.resume(client);
    world.until(&mut ignore, |world| world.received_by(client).len() == bytes.len());
    assert!(world.received_by(client) == bytes);
}

/// R-tcp-message: the peer's end comes after its bytes, those too that a read has taken already.
#[test]
fn the_end_waits_behind_what_a_read_gave() {
    let mut world = World::new();
    let (client, peer, bytes) = with_backlog(&mut world, 200_000);
    peer.shutdown(Shutdown::Write).unwrap();
    world.net.resume(client);
    // Nobody listens after the first message: the bytes wait, and the end behind them.
    let mut leave = at_first(|net, id| net.listen(id, false, true));
    world.until(&mut leave, |world| messages(world, client) == 1);
    world.rest();
    assert_eq!((messages(&world, client), world.story(client)), (1, vec![]));
    world.net.listen(client, true, true);
    world.until_told(client, &Told::HalfClose);
    assert!(world.received_by(client) == bytes);
}

/// R-tcp-lost, R-tcp-suspend: a loss waits for the bytes before it while somebody is to get them.
#[test]
fn a_loss_waits_for_what_a_read_gave_to_a_suspended_socket() {
    let mut world = World::new();
    let (client, peer, bytes) = with_backlog(&mut world, 200_000);
    world.net.resume(client);
    let mut suspend = at_first(|net, id| net.suspend(id));
    world.until(&mut suspend, |world| messages(world, client) == 1);
    SockRef::from(&peer).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(peer);
    world.rest();
    assert_eq!((messages(&world, client), world.story(client)), (1, vec![]));
    world.net.resume(client);
    world.until_told(client, &Told::Close(0));
    assert!(world.received_by(client) == bytes);
    assert_eq!(world.story(client), [Told::Error("ECONNRESET".to_owned()), Told::Close(0)]);
}

/// R-tcp-message: where nobody is to get them, a loss overtakes them.
#[test]
fn a_loss_overtakes_what_a_read_gave_where_nobody_listens() {
    let mut world = World::new();
    let (client, peer, _) = with_backlog(&mut world, 200_000);
    world.net.resume(client);
    let mut leave = at_first(|net, id| net.listen(id, false, false));
    world.until(&mut leave, |world| messages(world, client) == 1);
    SockRef::from(&peer).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(peer);
    world.until_told(client, &Told::Close(0));
    assert_eq!(messages(&world, client), 1);
}

/// R-tcp-close, R-reset: no messages after the call, and the lent memory goes to the next reader.
#[test]
fn close_and_reset_drop_what_a_read_gave() {
    let close = |net: &mut Net, id| assert!(!net.close(id), "close comes as an event");
    let calls: [fn(&mut Net, Id); 2] = [close, reset];
    for call in calls {
        let mut world = World::new();
        let (client, peer, _) = with_backlog(&mut world, 600_000);
        world.net.resume(client);
        let mut end = at_first(call);
        world.until(&mut end, |world| messages(world, client) == 1);
        drop(peer);
        world.until_told(client, &Told::Close(0));
        assert_eq!(messages(&world, client), 1);
        assert_eq!(world.net.ready_state(client), ReadyState::Closed);
        let (other, accepted) = world.pair();
        let bytes = vec![9; 3 * MIB];
        send(&mut world.net, other, &bytes);
        world.until(&mut ignore, |world| world.received_by(accepted).len() == bytes.len());
        assert!(world.received_by(accepted) == bytes);
    }
}

/// Bytes that the system has received for a socket and that nobody has taken. (A local port alone may be several connections'.)
#[cfg(target_os = "linux")]
fn unread((local, remote): (u16, u16)) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let ends = format!(" 0100007F:{local:04X} 0100007F:{remote:04X} ");
    let row = table.lines().find(|row| row.contains(&ends)).unwrap();
    usize::from_str_radix(row.split_whitespace().nth(4).unwrap().split(':').nth(1).unwrap(), 16).unwrap()
}

/// R-listen: what was taken in memory is 256 KiB at most; the rest stays in the system.
#[cfg(target_os = "linux")]
#[test]
fn one_read_takes_256_kib_at_most() {
    let mut world = World::new();
    let (client, _peer, bytes) = with_backlog(&mut world, MIB);
    let ports =
        world.net.stream(client, |stream, _| (stream.local.port().unwrap(), stream.remote.port().unwrap())).unwrap();
    let before = unread(ports);
    assert!(before > 512 * 1024, "the system has {before} bytes of {}", bytes.len());
    world.net.resume(client);
    let mut suspend = at_first(|net, id| net.suspend(id));
    world.until(&mut suspend, |world| messages(world, client) == 1);
    world.rest();
    assert!(unread(ports) >= before - 256 * 1024, "only {} of {before} bytes are left in the system", unread(ports));
}

/// Lent memory that has gone elsewhere, as an ArrayBuffer's does that somebody detaches, is not written to; no byte is lost by it.
#[test]
fn blocks_that_are_not_where_they_were_are_not_read_into() {
    let mut world = World::new();
    world.loses_blocks = |number| number % 3 != 0;
    let (client, mut peer, bytes) = with_backlog(&mut world, 600_000);
    world.net.resume(client);
    world.until(&mut ignore, |world| world.received_by(client).len() == bytes.len());
    assert!(world.received_by(client) == bytes);
    // Free ones are looked at again in each turn: short reads leave some.
    let lost = world.lost_blocks.len();
    world.loses_blocks = |_| false;
    world.bytes.clear();
    peer.write_all(&bytes[..100_000]).unwrap();
    world.until(&mut ignore, |world| world.received_by(client).len() == 100_000);
    world.loses_blocks = |_| true;
    peer.write_all(&bytes[100_000..]).unwrap();
    world.until(&mut ignore, |world| world.received_by(client).len() == bytes.len());
    assert!(world.received_by(client) == bytes);
    assert!(world.lost_blocks.len() > lost);
    for memory in world.lost_blocks.values() {
        // SAFETY: leaked by `lend_block`, BLOCK bytes long, and nobody else's since it was lost.
        let block = unsafe { std::slice::from_raw_parts(*memory, BLOCK) };
        assert!(block.iter().all(|&byte| byte == UNTOUCHED), "it was read into after it had gone");
    }
}
