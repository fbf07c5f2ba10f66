//! Memory that runs out on demand, for one thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

use tcp_udp_sockets::net::{Destination, UdpSent};

use crate::driver::{World, send_to};

thread_local! {
    static HAS_NONE: Cell<bool> = const { Cell::new(false) };
}

struct Allocator;

fn has_none() -> bool {
    HAS_NONE.try_with(Cell::get).unwrap_or(false)
}

// SAFETY: the system's allocator, or null, which says that there is no memory.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller vouches for is passed on.
        if has_none() { null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: what the caller vouches for is passed on.
        if has_none() { null_mut() } else { unsafe { System.realloc(start, layout, size) } }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: what the caller vouches for is passed on.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn without_memory<T>(f: impl FnOnce() -> T) -> T {
    HAS_NONE.set(true);
    let result = f();
    HAS_NONE.set(false);
    result
}

/// A send() that finds no memory changes nothing: not where the next goes that names no other destination, either.
#[test]
fn a_datagram_that_cannot_be_kept_moves_no_destination() {
    let receiver = || std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (near, far) = (receiver(), receiver());
    far.set_nonblocking(true).unwrap();
    let (to_near, to_far) = (near.local_addr().unwrap(), far.local_addr().unwrap());
    let mut world = World::new();
    let (id, _) = world.udp();
    send_to(&mut world.net, id, b"first", to_near);
    let far_address = to_far.ip().to_string();
    // Enough that it needs memory of its own.
    let bytes = vec![0; 60_000];
    let failed = world.net.udp(id, |udp, context| {
        without_memory(|| udp.send(&bytes, Destination::To(&far_address, to_far.port()), None, id, context).is_err())
    });
    assert_eq!(failed, Some(true));
    let sent = world.net.udp(id, |udp, context| udp.send(b"second", Destination::Same, None, id, context));
    assert!(matches!(sent, Some(Ok(UdpSent::Accepted(_)))));
    world.rest();
    let mut buffer = [0; 100];
    for expected in [b"first".as_slice(), b"second"] {
        let (length, _) = near.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], expected);
    }
    assert!(far.recv_from(&mut buffer).is_err(), "nothing came to the other");
}
