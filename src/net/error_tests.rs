use std::net::Ipv4Addr;

use super::*;
use crate::proto::Literal;

fn at(port: u16) -> Endpoint {
    SocketAddr::from(([127, 0, 0, 1], port)).into()
}

/// The address of a group. A group has no port, so it is 0.
fn group() -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(239, 7, 7, 7).into(), 0)
}

fn kind(kind: io::ErrorKind) -> io::Error {
    io::Error::from(kind)
}

/// Each variant with the DOMException's name, the code and the sentence that JavaScript gets.
#[rustfmt::skip]
fn all() -> Vec<(SocketError, &'static str, Option<&'static str>, &'static str)> {
    use io::ErrorKind as Kind;
    let why = Literal::parse("a.example").unwrap_err();
    let no_interface = if cfg!(windows) { "EADDRNOTAVAIL" } else { "ENODEV" };
    vec![
        (
            SocketError::BadAddress { what: "remoteAddress", text: "a.example".to_owned(), why },
            "InvalidAccessError", None,
            "remoteAddress \"a.example\" is no address: it is a host name; give an IPv4 or IPv6 address, or use connect(), which resolves names",
        ),
        (
            SocketError::NoSuchZone { what: "localAddress", text: "fe80::1%x".to_owned() },
            "InvalidAccessError", Some(no_interface),
            "localAddress \"fe80::1%x\" names an interface that this host does not have",
        ),
        (
            SocketError::Family { remote: "::1".to_owned(), reaches: "IPv4 addresses" },
            "InvalidAccessError", None,
            "::1 cannot be reached from this socket: it reaches IPv4 addresses",
        ),
        (
            SocketError::local(Syscall::Bind, at(80), kind(Kind::PermissionDenied)),
            "InvalidAccessError", Some("EACCES"),
            "permission denied",
        ),
        (
            SocketError::local(Syscall::Bind, at(80), kind(Kind::OutOfMemory)),
            "NetworkError", Some("ENOMEM"),
            "out of memory",
        ),
        (
            SocketError::BadOption { reason: "a is no b".to_owned() },
            "InvalidAccessError", None,
            "a is no b",
        ),
        (
            SocketError::NotSupported { reason: "this system has no a".to_owned() },
            "NotSupportedError", None,
            "this system has no a",
        ),
        (
            SocketError::Interface { what: "multicastInterface", text: "x".to_owned(), syscall: None, source: kind(Kind::AddrNotAvailable) },
            "InvalidAccessError", Some("EADDRNOTAVAIL"),
            "multicastInterface \"x\" names no interface of this host that could be used: address not available",
        ),
        (
            SocketError::TooManyConnections { client: at(9), limit: 3 },
            "NetworkError", Some("ECONNREFUSED"),
            "a client was refused: maxConnections is 3, and as many connections are open",
        ),
        (
            SocketError::system_at(Syscall::Connect, at(9), kind(Kind::ConnectionRefused)),
            "NetworkError", Some("ECONNREFUSED"),
            "connection refused",
        ),
        (
            SocketError::system(Syscall::Socket, io::Error::other("the environment is ending")),
            "NetworkError", Some("E0"),
            "the environment is ending",
        ),
        (
            SocketError::Lookup { code: "EAI_AGAIN".to_owned(), reason: "temporary failure".to_owned() },
            "NetworkError", Some("EAI_AGAIN"),
            "temporary failure",
        ),
        (
            SocketError::Abandoned { address: at(9) },
            "NetworkError", Some("ECONNABORTED"),
            "close() was called while connecting",
        ),
        (
            SocketError::Aborted { address: at(9) },
            "NetworkError", Some("ABORT_ERR"),
            "the socket's signal was aborted",
        ),
        (
            SocketError::BufferFull { to: at(9), buffered: 5, limit: 4 },
            "NetworkError", Some("ENOBUFS"),
            "the buffer is full: 5 bytes are buffered and maxBufferedAmount is 4; wait for drain when send() returns false",
        ),
        (
            SocketError::from(NoMemory { bytes: 7 }),
            "NetworkError", Some("ENOBUFS"),
            "there is no memory for 7 bytes; give less at a time, and wait for drain in between",
        ),
        (
            SocketError::TooLong { to: at(9), bytes: 70_000, most: 65_507 },
            "NetworkError", Some("EMSGSIZE"),
            "a datagram of 70000 bytes is too long: at most 65507 fit",
        ),
        (
            SocketError::Blob { to: at(9), reason: "it was\n deleted".to_owned() },
            "NetworkError", Some("EIO"),
            "it was\\n deleted",
        ),
        (
            SocketError::Group { reason: "239.7.7.7 has not been joined".to_owned() },
            "InvalidAccessError", None,
            "239.7.7.7 has not been joined",
        ),
        (
            SocketError::TooManyGroups { group: group(), limit: Some("igmp_max_memberships"), of_sources: false, source: errno::no_buffers() },
            "NetworkError", Some("ENOBUFS"),
            "the multicast group 239.7.7.7 is one more than the system allows a socket (igmp_max_memberships); leave one, or use another socket",
        ),
        (
            SocketError::TooManyGroups { group: group(), limit: None, of_sources: true, source: errno::no_buffers() },
            "NetworkError", Some("ENOBUFS"),
            "the multicast group 239.7.7.7 has as many sources as the system allows; leave one",
        ),
        (
            SocketError::Option { name: "timeToLive", source: kind(Kind::Unsupported) },
            "NotSupportedError", Some("ENOTSUP"),
            "this system has no timeToLive for this socket (ENOTSUP)",
        ),
        (
            SocketError::Option { name: "timeToLive", source: kind(Kind::OutOfMemory) },
            "NetworkError", Some("ENOMEM"),
            "the system refuses timeToLive: out of memory (ENOMEM)",
        ),
        (
            SocketError::Option { name: "timeToLive", source: kind(Kind::InvalidInput) },
            "InvalidAccessError", Some("EINVAL"),
            "the system refuses timeToLive: invalid input parameter (EINVAL)",
        ),
        (
            SocketError::NoGroupInterface { group: group(), interface: None },
            "NetworkError", Some("ENODEV"),
            "no interface can join the multicast group 239.7.7.7; name one as interfaceAddress",
        ),
        (
            SocketError::NoGroupInterface { group: group(), interface: Some("eth7".to_owned()) },
            "NetworkError", Some("ENODEV"),
            "no interface can join the multicast group 239.7.7.7 on eth7; name one as interfaceAddress",
        ),
        (
            SocketError::ForbiddenOption { name: "networkInterface", source: kind(Kind::PermissionDenied) },
            "NetworkError", Some("EACCES"),
            "the system refuses networkInterface: permission denied (EACCES)",
        ),
        (
            SocketError::NotPeer { to: group(), peer: SocketAddr::from(([127, 0, 0, 1], 9)) },
            "InvalidAccessError", None,
            "this socket is connected to 127.0.0.1:9, and sends to no other destination",
        ),
        (
            SocketError::Closed { member: "joinMulticastGroup" },
            "InvalidStateError", None,
            "joinMulticastGroup() was called on a closed socket",
        ),
        (
            SocketError::Tls { error: TlsError::new("ERR_TLS_PROTOCOL", "a record is bad"), address: Some(at(9)) },
            "NetworkError", Some("ERR_TLS_PROTOCOL"),
            "a record is bad",
        ),
        (
            SocketError::Tls { error: TlsError::option("ERR_TLS_BAD_OPTION", "ca is bad"), address: None },
            "InvalidAccessError", Some("ERR_TLS_BAD_OPTION"),
            "ca is bad",
        ),
        (
            SocketError::TimedOut { address: at(9), milliseconds: 50 },
            "NetworkError", Some("ETIMEDOUT"),
            "the connection was not established within connectTimeout (50 ms)",
        ),
        (
            SocketError::CloseTimedOut { address: at(9), milliseconds: 60, unsent: 8 },
            "NetworkError", Some("ETIMEDOUT"),
            "the socket was closing, and the peer acknowledged nothing for closeTimeout (60 ms): 8 bytes were not sent; a longer closeTimeout gives a slow peer more time, 0 any",
        ),
        (
            SocketError::Idle { address: at(9), milliseconds: 70 },
            "NetworkError", Some("ETIMEDOUT"),
            "no byte came or went for idleTimeout (70 ms)",
        ),
        (
            SocketError::Option { name: "timeToLive", source: kind(Kind::InvalidInput) }.of_live_option(),
            "NetworkError", Some("EINVAL"),
            "the system refuses timeToLive: invalid input parameter (EINVAL)",
        ),
        (
            SocketError::no_thread(&kind(Kind::WouldBlock)),
            "NetworkError", Some("EAGAIN"),
            "no thread can be started (EAGAIN: operation would block). The limit on threads is reached (ulimit -u, a container's pids limit, systemd's TasksMax), or there is no memory for one; it works again once there is",
        ),
        (
            SocketError::Panic { message: "index out of bounds".to_owned() },
            "NetworkError", None,
            "internal error: index out of bounds",
        ),
    ]
}

#[test]
fn each_variant_has_its_name_code_and_sentence() {
    for (error, name, code, sentence) in all() {
        assert_eq!(
            (error.name(), error.code().as_deref(), error.to_string().as_str()),
            (name, code, sentence),
            "{error:?}"
        );
    }
}

#[test]
fn texts_of_others_are_shown_cut_and_printable() {
    let long = format!("{}\u{1b}{}", "x".repeat(100), "y".repeat(10_000_000));
    for error in [SocketError::Blob { to: at(9), reason: long.clone() }, SocketError::Panic { message: long }] {
        let reason = error.to_string();
        assert!(reason.len() < 300 && reason.contains("x\\u{1b}y"), "{reason}");
    }
}

#[test]
fn a_group_has_an_address_and_no_port() {
    let error = SocketError::NoGroupInterface { group: group(), interface: None };
    assert_eq!(
        error.endpoint().map(|end| (end.address_text(), end.port())),
        Some((Some("239.7.7.7".to_owned()), None))
    );
    let local = SocketAddr::from(([198, 51, 100, 7], 0));
    let error = SocketError::local(Syscall::Bind, local, io::Error::from(io::ErrorKind::AddrNotAvailable));
    assert_eq!(error.endpoint(), Some(local.into()));
    assert_eq!(error.endpoint().and_then(|end| end.port()), Some(0));
}

#[test]
fn the_source_is_what_the_system_or_a_library_reports() {
    use std::error::Error;

    for (error, ..) in all() {
        let source = match &error {
            SocketError::BadAddress { why, .. } => Some(why.to_string()),
            SocketError::NoMemory(no_memory) => Some(no_memory.to_string()),
            SocketError::Tls { error, .. } => Some(error.to_string()),
            SocketError::Local { source, .. }
            | SocketError::System { source, .. }
            | SocketError::Interface { source, .. }
            | SocketError::Option { source, .. }
            | SocketError::LiveOption { source, .. }
            | SocketError::ForbiddenOption { source, .. }
            | SocketError::TooManyGroups { source, .. } => Some(source.to_string()),
            _ => None,
        };
        assert_eq!(error.source().map(ToString::to_string), source, "{error:?}");
    }
}
