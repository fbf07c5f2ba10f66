//! The functions that open a socket, a look-up or a timer, and `parseAddress`.

use std::ffi::CStr;
use std::time::Duration;

use crate::binding::call::Call;
use crate::binding::env::Value;
use crate::binding::failure::attempt;
use crate::binding::options;
use crate::net::memory::NoMemory;
use crate::net::{self, Endpoint, Family, Id, SocketError, TcpOptions, ip_text};

/// What an open… function returns: an object with the socket's id and with the members that `describe` adds, or the Failure.
fn opened<'scope>(
    call: &Call<'scope>,
    result: Result<Id, SocketError>,
    describe: impl FnOnce(Id, Value<'scope>),
) -> Value<'scope> {
    match result {
        Ok(id) => {
            let opened = call.env.object();
            call.env.set(opened, c"id", call.env.uint(id.number()));
            describe(id, opened);
            opened
        }
        Err(error) => call.env.failure(&error),
    }
}

/// Sets a member to an address or a path.
fn set_address<'scope>(call: &Call<'scope>, opened: Value<'scope>, name: &CStr, endpoint: &Endpoint) {
    call.env.set(opened, name, call.env.string(&endpoint.address_text().unwrap_or_default()));
}

/// Sets the members `localAddress` and `localPort`.
fn set_local<'scope>(call: &Call<'scope>, opened: Value<'scope>, local: &Endpoint) {
    set_address(call, opened, c"localAddress", local);
    call.env.set(opened, c"localPort", call.env.uint(local.port().unwrap_or(0).into()));
}

/// The options of a TCP connection, from the arguments of `openTcp` and `openAttempt`.
fn tcp_options(call: &Call<'_>, is_attempt: bool) -> Result<TcpOptions, NoMemory> {
    Ok(TcpOptions {
        remote_address: call.text(1)?.unwrap_or_default(),
        remote_port: u16::try_from(call.number(2)).unwrap_or(0),
        is_attempt,
        ..options::tcp(call.env, call.arguments[3], call.number(4))?
    })
}

/// `openAttempt(instance, remoteAddress, remotePort, options, members)`.
pub fn open_attempt<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let options = attempt!(call, tcp_options(call, true));
    opened(
        call,
        call.environment.open(call.env, call.number(0), |net| net.open_tcp(call.number(0), &options)),
        |_, _| {},
    )
}

/// `openTcp(instance, remoteAddress, remotePort, options, members)`.
pub fn open_tcp<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let options = attempt!(call, tcp_options(call, false));
    let result = call.environment.open(call.env, call.number(0), |net| net.open_tcp(call.number(0), &options));
    opened(call, result, |id, opened| {
        let ends = call
            .environment
            .net(|net| net.stream(id, |stream, _| (stream.local.clone(), stream.remote.clone())))
            .flatten();
        if let Some((local, remote)) = ends {
            set_local(call, opened, &local);
            set_address(call, opened, c"remoteAddress", &remote);
        }
    })
}

/// `openUdp(instance, options)`.
pub fn open_udp<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let options = attempt!(call, options::udp(call.env, call.arguments[1]));
    let result = call.environment.open(call.env, call.number(0), |net| net.open_udp(call.number(0), &options));
    opened(call, result, |id, opened| {
        let ends = call.environment.net(|net| net.udp(id, |udp, _| (udp.local, udp.remote))).flatten();
        if let Some((local, remote)) = ends {
            set_local(call, opened, &local.into());
            let remote = remote.map(|remote| call.env.string(&ip_text(&remote)));
            call.env.set(opened, c"remoteAddress", remote.unwrap_or_else(|| call.env.null()));
        }
    })
}

/// `openServer(instance, options)`.
pub fn open_server<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let options = attempt!(call, options::server(call.env, call.arguments[1]));
    let result = call.environment.open(call.env, call.number(0), |net| net.open_server(call.number(0), &options));
    opened(call, result, |id, opened| {
        if let Some(local) = call.environment.net(|net| net.server(id, |server, _| server.local.clone())).flatten() {
            set_local(call, opened, &local);
        }
    })
}

/// `openUnix(instance, options)`.
pub fn open_unix<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let options = attempt!(call, options::unix(call.env, call.arguments[1]));
    let result = call.environment.open(call.env, call.number(0), |net| net.open_unix(call.number(0), &options));
    opened(call, result, |id, opened| {
        if let Some(remote) = call.environment.net(|net| net.stream(id, |stream, _| stream.remote.clone())).flatten() {
            set_address(call, opened, c"remotePath", &remote);
        }
    })
}

/// `openUnixServer(instance, options)`.
pub fn open_unix_server<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let options = attempt!(call, options::unix_server(call.env, call.arguments[1]));
    let result = call.environment.open(call.env, call.number(0), |net| net.open_unix_server(call.number(0), &options));
    opened(call, result, |id, opened| {
        if let Some(local) = call.environment.net(|net| net.server(id, |server, _| server.local.clone())).flatten() {
            set_address(call, opened, c"localPath", &local);
        }
    })
}

/// `openLookup(instance, name, family)`.
pub fn open_lookup<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let (owner, name) = (call.number(0), attempt!(call, call.text(1)).unwrap_or_default());
    let family = match call.number(2) {
        4 => Family::V4,
        6 => Family::V6,
        _ => Family::Any,
    };
    opened(call, call.environment.open(call.env, owner, |net| net.open_lookup(owner, &name, family)), |_, _| {})
}

/// `openTimer(instance, ms)`.
pub fn open_timer<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let (owner, after) = (call.number(0), Duration::from_millis(call.number(1).into()));
    opened(call, call.environment.open(call.env, owner, |net| net.open_timer(owner, after)), |_, _| {})
}

/// `parseAddress(text)`.
pub fn parse_address<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let text = attempt!(call, call.text(0)).unwrap_or_default();
    match net::parse_address("address", &text, 0) {
        Ok(address) => {
            let parsed = call.env.object();
            call.env.set(parsed, c"address", call.env.string(&ip_text(&address)));
            call.env.set(parsed, c"family", call.env.uint(if address.is_ipv4() { 4 } else { 6 }));
            parsed
        }
        Err(error) => call.env.failure(&SocketError::BadOption { reason: error.why_no_address() }),
    }
}
