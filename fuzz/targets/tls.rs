//! See `tls` in `src/fuzzing.rs`.
#![no_main]

use std::sync::LazyLock;

use tcp_udp_sockets::fuzzing::{TlsIdentity, tls};

/// The certificate of this run.
static IDENTITY: LazyLock<TlsIdentity> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("ring makes a certificate");
    TlsIdentity { certificate: made.cert.der().to_vec(), key: made.signing_key.serialize_der() }
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tls(bytes, &IDENTITY));
