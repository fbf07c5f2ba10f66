//! The functions that return the counters of a socket, the system's statistics of it, and the features of the system.

use crate::binding::call::Call;
use crate::binding::env::Value;
use crate::net::Features;

/// `bytesRead(id)`.
pub fn bytes_read<'scope>(call: &Call<'scope>) -> Value<'scope> {
    call.env.float(call.environment.net(|net| net.figures(call.id()).read).unwrap_or(0))
}

/// `bytesWritten(id)`.
pub fn bytes_written<'scope>(call: &Call<'scope>) -> Value<'scope> {
    call.env.float(call.environment.net(|net| net.figures(call.id()).written).unwrap_or(0))
}

/// `datagramsDropped(id)`.
pub fn datagrams_dropped<'scope>(call: &Call<'scope>) -> Value<'scope> {
    call.env.float(call.environment.net(|net| net.dropped(call.id())).unwrap_or(0))
}

/// `stats(id)`: a number or null for each member of TcpStats, in its order.
pub fn stats<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let env = call.env;
    let stats =
        call.environment.net(|net| net.stream(call.id(), |stream, _| stream.stats())).flatten().unwrap_or_default();
    let number = |value: Option<f64>| value.map_or_else(|| env.null(), |value| env.double(value));
    let count = |value: Option<u64>| value.map_or_else(|| env.null(), |value| env.float(value));
    env.array(&[
        number(stats.smoothed_rtt),
        number(stats.rtt_variation),
        number(stats.min_rtt),
        number(stats.estimated_send_rate),
        count(stats.congestion_window),
        count(stats.retransmits),
    ])
}

/// `hasPendingRead(id)`: whether a read of the stream socket would find something now.
pub fn has_pending_read<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let pending = call.environment.net(|net| net.stream(call.id(), |stream, _| stream.has_pending_read())).flatten();
    call.env.boolean(pending.unwrap_or(false))
}

/// `features()`: a boolean for each member of Features, in its order.
pub fn features<'scope>(call: &Call<'scope>) -> Value<'scope> {
    let features = Features::of_system();
    call.env.array(
        &[
            features.reuse_port,
            features.udp_segmentation,
            features.udp_coalescing,
            features.source_specific_multicast,
            features.packet_info,
            features.network_interface,
            features.tcp_stats,
            features.datagrams_dropped,
            features.unix_sockets,
            features.abstract_unix_paths,
            features.peer_credentials,
            features.user_timeout,
            features.type_of_service,
            features.one_processor,
        ]
        .map(|feature| call.env.boolean(feature)),
    )
}
