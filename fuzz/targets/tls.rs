//! See `tls` in `src/fuzzing.rs`.
#![no_main]

use std::sync::LazyLock;

use tcp_udp_sockets::fuzzing::{ServerIdentity, tls};

/// The certificate of this run.
static IDENTITY: LazyLock<ServerIdentity> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("ring makes a certificate");
    ServerIdentity { certificate: made.cert.der().to_vec(), key: made.signing_key.serialize_der() }
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tls(bytes, &IDENTITY));
