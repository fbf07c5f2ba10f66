//! See `machine` in `src/fuzzing.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tcp_udp_sockets::fuzzing::machine(bytes));
