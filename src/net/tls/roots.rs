//! The system's root certificates: loaded once, by the first handshake that needs them, on the thread that runs it.

use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::RootCertStore;

use super::error::TlsError;
use super::pem::{self, Material};

/// The variables that say where the roots are.
const VARIABLES: [&str; 3] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"];

type Places = [Option<OsString>; VARIABLES.len()];

/// What the environment variables say now. Read on the JavaScript thread, which is the one that sets them.
pub fn places() -> Places {
    VARIABLES.map(std::env::var_os)
}

/// Certificates that chains may end in.
#[derive(Debug)]
pub enum Roots {
    /// `ca`.
    Given(Arc<RootCertStore>),
    /// The system's, as the variables say.
    System(Places),
}

impl Roots {
    /// The store.
    pub fn store(&self) -> Result<Arc<RootCertStore>, TlsError> {
        match self {
            Self::Given(store) => Ok(Arc::clone(store)),
            Self::System(places) => system(places),
        }
    }
}

fn system(places: &Places) -> Result<Arc<RootCertStore>, TlsError> {
    static LOADED: Mutex<Vec<(Places, Arc<RootCertStore>)>> = Mutex::new(Vec::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, store)) = loaded.iter().find(|(of, _)| of == places) {
        return Ok(Arc::clone(store));
    }
    let mut store = RootCertStore::empty();
    // SSL_CERT_FILE and SSL_CERT_DIR are rustls-native-certs's own affair.
    let found = rustls_native_certs::load_native_certs();
    store.add_parsable_certificates(found.certs);
    let mut faults: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    if let Some(path) = &places[2] {
        let extra = std::fs::read(path).map_err(|error| error.to_string()).and_then(|bytes| {
            pem::certificates("NODE_EXTRA_CA_CERTS", &[Material::Bytes(bytes)]).map_err(|error| error.reason)
        });
        match extra {
            Ok(certificates) => {
                store.add_parsable_certificates(certificates);
            }
            // As Node does: without them.
            Err(reason) => faults.push(format!("NODE_EXTRA_CA_CERTS: {reason}")),
        }
    }
    if store.is_empty() {
        let faults = if faults.is_empty() { "none were found".to_owned() } else { faults.join("; ") };
        return Err(TlsError::new(
            "ERR_TLS_NO_ROOTS",
            format!(
                "this system has no root certificates to verify the peer with ({faults}). Install them (ca-certificates), point SSL_CERT_FILE at them, or give `ca`"
            ),
        ));
    }
    let store = Arc::new(store);
    loaded.push((places.clone(), Arc::clone(&store)));
    Ok(store)
}
