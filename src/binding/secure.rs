//! The functions of docs/binding.md that are about TLS alone.

use std::time::{Duration, Instant};

use super::call::Call;
use super::options;
use super::values::{Value, array, array_buffer, attempt, boolean, failure, null, object, set, string, undefined};
use crate::net::{DeadlineKind, Role, SecureInfo, SocketError, TimeLimit, client_role, server_context};

/// How long startTls() may take where nobody says (R-tls-start).
const START_TLS: u32 = 10_000;

/// `checkSecure(options, name)`.
pub fn check(call: &Call<'_>) -> Value {
    let options = attempt!(call, options::secure(call.raw, call.arguments[0]));
    match client_role(&options, &attempt!(call, call.text(1)).unwrap_or_default()) {
        Ok(_) => undefined(call.raw),
        Err(error) => failure(call.raw, &error),
    }
}

/// `startTls(id, options, name, milliseconds, isEarly)`.
pub fn start_tls(call: &Call<'_>) -> Value {
    let options = attempt!(call, options::secure(call.raw, call.arguments[1]));
    let name = attempt!(call, call.text(2)).unwrap_or_default();
    let milliseconds = super::values::to_u32(call.raw, call.arguments[3]).unwrap_or(START_TLS);
    let limit = (milliseconds > 0).then(|| TimeLimit {
        at: Instant::now() + Duration::from_millis(milliseconds.into()),
        milliseconds: milliseconds.into(),
        kind: DeadlineKind::Handshake,
    });
    let id = call.id();
    let started = call.environment.net(|net| {
        net.tcp(id, |tcp, context| {
            let role =
                if tcp.is_accepted() { Role::Server(server_context(&options)?) } else { client_role(&options, &name)? };
            tcp.start_tls(role, limit, call.flag(4), id, context)
        })
    });
    match started.flatten() {
        Some(Ok(())) => undefined(call.raw),
        Some(Err(error)) => failure(call.raw, &error),
        None => failure(call.raw, &SocketError::Closed { member: "startTls" }),
    }
}

/// `setSecureContext(id, options)`.
pub fn set_secure_context(call: &Call<'_>) -> Value {
    let options = attempt!(call, options::secure(call.raw, call.arguments[1]));
    let context = attempt!(call, server_context(&options));
    let set = call.environment.net(|net| net.server(call.id(), |server, _| server.set_secure_context(context)));
    match set.flatten() {
        Some(true) => undefined(call.raw),
        _ => failure(call.raw, &SocketError::Closed { member: "setSecureContext" }),
    }
}

/// `secureInfo(id)`: once for each handshake.
pub fn secure_info(call: &Call<'_>) -> Value {
    let info = call.environment.net(|net| net.tcp(call.id(), |tcp, _| tcp.take_tls_info())).flatten().flatten();
    info.map_or_else(|| null(call.raw), |info| describe(call, &info))
}

fn describe(call: &Call<'_>, info: &SecureInfo) -> Value {
    let text = |text: Option<&str>| text.map_or_else(|| null(call.raw), |text| string(call.raw, text));
    let certificates: Vec<Value> = info.peer_certificates.iter().map(|der| array_buffer(call.raw, der)).collect();
    let told = object(call.raw);
    set(call.raw, told, c"protocol", string(call.raw, info.protocol));
    set(call.raw, told, c"cipher", string(call.raw, &info.cipher));
    set(call.raw, told, c"alpn", text(info.alpn.as_deref()));
    set(call.raw, told, c"sni", text(info.sni.as_deref()));
    set(call.raw, told, c"peerCertificates", array(call.raw, &certificates));
    set(call.raw, told, c"authorized", boolean(call.raw, info.authorized));
    set(call.raw, told, c"authorizationError", text(info.authorization_error));
    set(call.raw, told, c"resumed", boolean(call.raw, info.resumed));
    told
}
