//! Reads that the system cuts short although more bytes follow: the rest is delivered too, without a further byte of the peer.
#![cfg(target_os = "linux")]

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use socket2::SockRef;
use tcp_udp_sockets::net::UnixServerOptions;

use crate::driver::{Told, World, ignore, server_options, stream_options};

/// A read ends in front of urgent bytes.
#[test]
fn bytes_behind_an_urgent_one_are_delivered() {
    let mut world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = world.connected(listener.local_addr().unwrap());
    let (mut peer, _) = listener.accept().unwrap();
    peer.set_nodelay(true).unwrap();
    peer.write_all(b"front ").unwrap();
    assert_eq!(SockRef::from(&peer).send_out_of_band(b"!").unwrap(), 1);
    peer.write_all(b"behind").unwrap();
    world.rest();
    world.net.listen(client, true, true);
    world.until(&mut ignore, |world| world.received_by(client) == b"front behind");
}

/// A read ends behind bytes that came with file descriptors, which the package does not take.
#[test]
fn bytes_behind_passed_descriptors_are_delivered() {
    let mut world = World::new();
    let path = std::env::temp_dir().join(format!("short-reads-{}.sock", std::process::id()));

    let listening = server_options(stream_options()).listening;
    let options = UnixServerOptions { path: path.to_str().unwrap().to_owned(), mode: None, listening };
    let server = world.net.open_unix_server(0, &options).unwrap();
    world.net.listen(server, true, false);
    let mut peer = UnixStream::connect(&path).unwrap();
    send_with_descriptor(&peer, b"front ");
    peer.write_all(b"behind").unwrap();
    let mut accepted = None;
    world.until(&mut ignore, |world| {
        accepted = world.story(server).into_iter().find_map(|told| match told {
            Told::UnixConnect { accepted, .. } => Some(accepted),
            _ => None,
        });
        accepted.is_some()
    });
    let accepted = accepted.unwrap();
    world.rest();
    world.net.listen(accepted, true, true);
    world.until(&mut ignore, |world| world.received_by(accepted) == b"front behind");
}

/// Sends bytes together with the descriptor of the stream itself (SCM_RIGHTS).
fn send_with_descriptor(peer: &UnixStream, bytes: &[u8]) {
    let number: libc::c_int = peer.as_raw_fd();
    let mut control = [0_u64; 8];
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: all members of msghdr are numbers and pointers, for which zeros are valid.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: CMSG_SPACE only computes.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size_of_val(&number) as u32) } as _;
    // SAFETY: `message` names `control`, which is aligned for a cmsghdr and has room for one with a number, so CMSG_FIRSTHDR returns its
    // beginning, and CMSG_DATA a place in it. sendmsg(2) only reads what `message` names, and all of that lives until it returns.
    let sent = unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(size_of_val(&number) as u32) as _;
        libc::CMSG_DATA(header).cast::<libc::c_int>().write_unaligned(number);
        libc::sendmsg(number, &raw const message, 0)
    };
    assert_eq!(usize::try_from(sent), Ok(bytes.len()));
}
