//! The root certificates that are trusted. The first handshake that needs the system's root certificates loads them, once, on its own
//! thread. This file verifies nothing.

use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use rustls::{CertificateError, DistinguishedName, RootCertStore};

use super::error::{self, TlsError};
use super::pem::{self, Material};
use super::x509::Certificate;
use crate::net::quoted;

/// The environment variables that name files or directories with root certificates.
const VARIABLES: [&str; 3] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"];

/// The value of each of [`VARIABLES`]. None: it is not set.
type RootPaths = [Option<OsString>; VARIABLES.len()];

/// Reads the environment variables. It must be called on the JavaScript thread, because that thread also sets them.
pub fn root_paths() -> RootPaths {
    VARIABLES.map(std::env::var_os)
}

/// The root certificates in which a chain may end.
#[derive(Debug)]
pub enum Roots {
    /// The certificates of the option `ca`.
    Given(Arc<Trusted>),
    /// The system's root certificates, for these values of [`VARIABLES`].
    System(RootPaths),
}

impl Roots {
    /// The trusted certificates. The system's certificates are loaded now if they were not loaded before.
    pub fn load(&self) -> Result<Arc<Trusted>, TlsError> {
        match self {
            Self::Given(trusted) => Ok(Arc::clone(trusted)),
            Self::System(root_paths) => system(root_paths),
        }
    }
}

/// Trusted authorities, and certificates that are trusted without a chain (R-tls-verify).
#[derive(Debug, Default)]
pub struct Trusted {
    /// The authorities, in the order in which they were added.
    authorities: Vec<Authority>,
    /// Certificates that a peer may have itself. Such a certificate is trusted without a chain.
    exact: Vec<CertificateDer<'static>>,
    /// The store that was made last. None: no store was made yet.
    last_store: Mutex<Option<ValidStore>>,
}

/// A store with the authorities that were valid at some time.
#[derive(Debug)]
struct ValidStore {
    /// One value for each element of `Trusted::authorities`. True: the store contains this authority.
    has: Vec<bool>,
    /// The store.
    store: Arc<RootCertStore>,
}

/// One authority.
#[derive(Debug)]
pub struct Authority {
    /// The name and the key of the authority, in the form that webpki needs.
    anchor: TrustAnchor<'static>,
    /// The first and the last second in which the authority is valid. None: the dates cannot be read, and the authority counts as valid.
    dates: Option<(UnixTime, UnixTime)>,
}

impl Trusted {
    /// Adds an authority. `exact`: a peer's certificate with the same bytes is trusted too, without a chain.
    pub fn add(&mut self, certificate: &CertificateDer<'_>, exact: bool) -> Result<(), rustls::Error> {
        let mut store = RootCertStore::empty();
        store.add(certificate.clone())?;
        let dates = Certificate::read(certificate).map(|read| (read.not_before, read.not_after));
        self.authorities.extend(store.roots.into_iter().map(|anchor| Authority { anchor, dates }));
        if exact {
            self.exact.push(certificate.clone().into_owned());
        }
        Ok(())
    }

    /// Whether the peer's certificate is trusted without a chain.
    pub fn is_exact(&self, leaf: &CertificateDer<'_>) -> bool {
        self.exact.iter().any(|certificate| certificate.as_ref() == leaf.as_ref())
    }

    /// The names of the authorities. A server sends them when it asks for a client's certificate.
    pub fn subjects(&self) -> Vec<DistinguishedName> {
        RootCertStore { roots: self.authorities.iter().map(|one| one.anchor.clone()).collect() }.subjects()
    }

    /// A store with the authorities that are valid `now`, and the list of all other authorities.
    pub fn valid_at(&self, now: UnixTime) -> (Arc<RootCertStore>, Vec<&Authority>) {
        let has: Vec<bool> = self.authorities.iter().map(|authority| authority.is_valid_at(now)).collect();
        let with = |wanted: bool| self.authorities.iter().zip(&has).filter(move |(_, is)| **is == wanted);
        let others = with(false).map(|(authority, _)| authority).collect();
        let mut last = self.last_store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &*last
            && last.has == has
        {
            return (Arc::clone(&last.store), others);
        }
        let roots = with(true).map(|(authority, _)| authority.anchor.clone()).collect();
        let store = Arc::new(RootCertStore { roots });
        *last = Some(ValidStore { has, store: Arc::clone(&store) });
        (store, others)
    }
}

impl Authority {
    /// Whether the authority is valid `now`.
    fn is_valid_at(&self, now: UnixTime) -> bool {
        self.dates.is_none_or(|(from, until)| from <= now && now <= until)
    }

    /// A store with only this authority.
    pub fn store(&self) -> Arc<RootCertStore> {
        Arc::new(RootCertStore { roots: vec![self.anchor.clone()] })
    }

    /// Why the authority is not valid `now`: the error for rustls, and our own error.
    pub fn complaint(&self, now: UnixTime) -> (CertificateError, TlsError) {
        match self.dates {
            Some((from, _)) if now < from => (CertificateError::NotValidYet, error::authority_not_yet_valid(now, from)),
            Some((_, until)) => (CertificateError::Expired, error::authority_expired(now, until)),
            None => (CertificateError::Expired, error::authority_expired(now, now)),
        }
    }
}

/// The system's root certificates for these values of the variables. They are loaded once for each set of values.
fn system(root_paths: &RootPaths) -> Result<Arc<Trusted>, TlsError> {
    /// What was loaded in this process, by the values of the variables.
    static LOADED: Mutex<Vec<(RootPaths, Arc<Trusted>)>> = Mutex::new(Vec::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, trusted)) = loaded.iter().find(|(of, _)| of == root_paths) {
        return Ok(Arc::clone(trusted));
    }
    let mut trusted = Trusted::default();
    // rustls-native-certs reads SSL_CERT_FILE and SSL_CERT_DIR itself.
    let found = rustls_native_certs::load_native_certs();
    for certificate in &found.certs {
        // The system may have certificates that webpki cannot read. They are left out.
        let _ = trusted.add(certificate, false);
    }
    let mut faults: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    for (variable, path) in VARIABLES.iter().zip(root_paths).filter(|(variable, _)| **variable != "SSL_CERT_DIR") {
        let Some(path) = path else { continue };
        let named = std::fs::read(path)
            .map_err(|error| error.to_string())
            .and_then(|bytes| pem::certificates(variable, &[Material::Bytes(bytes)]).map_err(|error| error.reason));
        match named {
            Ok(certificates) => {
                for certificate in &certificates {
                    let _ = trusted.add(certificate, true);
                }
            }
            // As in Node, the certificates of this variable are left out.
            Err(reason) => faults.push(format!("{variable}: {reason}")),
        }
    }
    if trusted.authorities.is_empty() {
        let faults =
            if faults.is_empty() { "none were found".to_owned() } else { quoted::sentence(&faults.join("; ")) };
        return Err(TlsError::new(
            "ERR_TLS_NO_ROOTS",
            format!(
                "this system has no root certificates to verify the peer with ({faults}). Install them (ca-certificates), point SSL_CERT_FILE at them, or give `ca`"
            ),
        ));
    }
    let trusted = Arc::new(trusted);
    loaded.push((root_paths.clone(), Arc::clone(&trusted)));
    Ok(trusted)
}
