//! The functions of docs/binding.md that are only about TLS.

use std::time::{Duration, Instant};

use napi::sys;

use super::call::Call;
use super::env::Value;
use super::failure::attempt;
use super::numbers::START_TLS_TIMEOUT;
use super::options;
use crate::net::{
    LimitKind, Role, SecureInfo, SocketError, TimeLimit, TlsDrivenIn, client_role, server_context, unix_client_role,
};

/// `checkSecure(options, name)`: returns the Failure that startTls() would return on a client for these options, or undefined.
pub fn check<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let options = attempt!(call, options::secure(call.env, call.arguments[0]));
    match client_role(&options, &attempt!(call, call.text(1)).unwrap_or_default()) {
        Ok(_) => call.env.undefined(),
        Err(error) => call.env.failure(&error),
    }
}

/// `startTls(id, options, name, milliseconds, isEarly)`.
pub fn start_tls<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let options = attempt!(call, options::secure(call.env, call.arguments[1]));
    let name = attempt!(call, call.text(2));
    let milliseconds = call.env.to_optional_u32(call.arguments[3]).unwrap_or(START_TLS_TIMEOUT);
    let limit = (milliseconds > 0).then(|| TimeLimit {
        at: Instant::now() + Duration::from_millis(milliseconds.into()),
        milliseconds: milliseconds.into(),
        kind: LimitKind::Handshake,
    });
    let id = call.id();
    let started = call.environment.net(|net| {
        net.stream(id, |stream, context| {
            let role = match &name {
                _ if stream.is_accepted() => Role::Server(server_context(&options)?),
                Some(name) => client_role(&options, name)?,
                None => unix_client_role(&options)?,
            };
            stream.start_tls(role, limit, call.flag(4), id, context)
        })
    });
    match started.flatten() {
        Some(Ok(())) => call.env.undefined(),
        Some(Err(error)) => call.env.failure(&error),
        None => call.env.failure(&SocketError::Closed { member: "startTls" }),
    }
}

/// `setSecureContext(id, options)`.
pub fn set_secure_context<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let options = attempt!(call, options::secure(call.env, call.arguments[1]));
    let context = attempt!(call, server_context(&options));
    let set = call.environment.net(|net| net.server(call.id(), |server, _| server.set_secure_context(context)));
    match set.flatten() {
        Some(true) => call.env.undefined(),
        _ => call.env.failure(&SocketError::Closed { member: "setSecureContext" }),
    }
}

/// `certificateAnswer(id, question, certificate)`.
pub fn certificate_answer<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let given = if call.env.type_of(call.arguments[2]) == sys::ValueType::napi_null {
        None
    } else {
        let given = attempt!(call, options::given_certificate(call.env, call.arguments[2]));
        let incomplete = || SocketError::BadOption { reason: "a certificate has no `cert` or no `key`".to_owned() };
        // A certificate that is incomplete must not become null, which stands for the options' own one.
        Some(attempt!(call, given.ok_or_else(incomplete)))
    };
    let answered = call.environment.net(|net| net.answer_question(call.id(), call.number(1), given.as_ref()));
    match answered {
        Some(Err(error)) => call.env.failure(&error),
        _ => call.env.undefined(),
    }
}

/// `certificateFail(id, question, reason)`.
pub fn certificate_fail<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let reason = call.text(2).ok().flatten().unwrap_or_default();
    let refused = call.environment.net(|net| net.refuse_question(call.id(), call.number(1), &reason));
    call.env.uint(refused.unwrap_or(0))
}

/// `secureInfo(id)`: returns the information on the TLS session once for each handshake. After that, and without TLS, it returns null.
pub fn secure_info<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let info =
        call.environment.net(|net| net.stream(call.id(), |stream, _| stream.take_tls_info())).flatten().flatten();
    info.map_or_else(|| call.env.null(), |info| describe(call, &info))
}

/// `watchTlsPlace(id)`: from now on event 16 reports where the TLS connection is driven. Returns true for a task, false for the turn, and
/// null without TLS.
pub fn watch_place<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let place = call.environment.net(|net| net.stream(call.id(), |stream, _| stream.watch_tls_place()));
    place.flatten().flatten().map_or_else(|| call.env.null(), |place| call.env.boolean(place == TlsDrivenIn::Task))
}

/// Makes an object with the members of `SecureTransportInfo`.
fn describe<'scope>(call: &Call<'scope>, info: &SecureInfo) -> Value<'scope> {
    let env = call.env;
    let text = |text: Option<&str>| text.map_or_else(|| env.null(), |text| env.string(text));
    let certificates: Vec<_> = info.peer_certificates.iter().map(|der| env.array_buffer(der)).collect();
    let members = env.object();
    env.set(members, c"protocol", env.string(info.protocol));
    env.set(members, c"cipher", env.string(&info.cipher));
    env.set(members, c"group", text(info.group));
    env.set(members, c"alpn", text(info.alpn.as_deref()));
    env.set(members, c"sni", text(info.sni.as_deref()));
    env.set(members, c"peerCertificates", env.array(&certificates));
    env.set(members, c"authorized", env.boolean(info.authorized));
    env.set(members, c"authorizationError", text(info.authorization_error));
    env.set(members, c"resumed", env.boolean(info.resumed));
    members
}
