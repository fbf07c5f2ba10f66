//! What the fuzz targets of this layer do: see `src/fuzzing.rs`.

pub use super::tls::fuzzed::{ServerIdentity, pem, tls, x509};
