//! The system's root certificates: loaded once, by the first handshake that needs them, on the thread that runs it.

use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use rustls::{CertificateError, DistinguishedName, RootCertStore};

use super::error::{self, TlsError};
use super::pem::{self, Material};
use super::x509::Certificate;
use crate::net::quoted;

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
    Given(Arc<Trusted>),
    /// The system's, as the variables say.
    System(Places),
}

impl Roots {
    /// What is trusted: the system's are loaded late.
    pub fn load(&self) -> Result<Arc<Trusted>, TlsError> {
        match self {
            Self::Given(trusted) => Ok(Arc::clone(trusted)),
            Self::System(places) => system(places),
        }
    }
}

/// Authorities, and certificates that are trusted as they are (R-tls-verify).
#[derive(Debug, Default)]
pub struct Trusted {
    authorities: Vec<Authority>,
    exact: Vec<CertificateDer<'static>>,
    /// The store that was used last, and which authorities it holds.
    valid: Mutex<Option<(Vec<bool>, Arc<RootCertStore>)>>,
}

/// One authority.
#[derive(Debug)]
pub struct Authority {
    anchor: TrustAnchor<'static>,
    /// Valid from, until. `None`: its dates cannot be read, and nothing is held against it.
    dates: Option<(UnixTime, UnixTime)>,
}

impl Trusted {
    /// Trusts an authority. `exact`: also as a leaf, byte for byte.
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

    /// Whether a leaf is trusted as it is.
    pub fn is_exact(&self, leaf: &CertificateDer<'_>) -> bool {
        self.exact.iter().any(|certificate| certificate.as_ref() == leaf.as_ref())
    }

    /// The names of the authorities, as a server asks for certificates of theirs.
    pub fn subjects(&self) -> Vec<DistinguishedName> {
        RootCertStore { roots: self.authorities.iter().map(|one| one.anchor.clone()).collect() }.subjects()
    }

    /// The authorities that are valid now, and the others.
    pub fn valid_at(&self, now: UnixTime) -> (Arc<RootCertStore>, Vec<&Authority>) {
        let mask: Vec<bool> = self.authorities.iter().map(|authority| authority.is_valid_at(now)).collect();
        let with = |wanted: bool| self.authorities.iter().zip(&mask).filter(move |(_, is)| **is == wanted);
        let others = with(false).map(|(authority, _)| authority).collect();
        let mut valid = self.valid.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, store)) = &*valid
            && *known == mask
        {
            return (Arc::clone(store), others);
        }
        let roots = with(true).map(|(authority, _)| authority.anchor.clone()).collect();
        let store = Arc::new(RootCertStore { roots });
        *valid = Some((mask.clone(), Arc::clone(&store)));
        (store, others)
    }
}

impl Authority {
    fn is_valid_at(&self, now: UnixTime) -> bool {
        self.dates.is_none_or(|(from, until)| from <= now && now <= until)
    }

    /// A store with it alone.
    pub fn store(&self) -> Arc<RootCertStore> {
        Arc::new(RootCertStore { roots: vec![self.anchor.clone()] })
    }

    /// Why it does not count now.
    pub fn complaint(&self, now: UnixTime) -> (CertificateError, TlsError) {
        match self.dates {
            Some((from, _)) if now < from => (CertificateError::NotValidYet, error::authority_not_yet_valid(now, from)),
            Some((_, until)) => (CertificateError::Expired, error::authority_expired(now, until)),
            None => (CertificateError::Expired, error::authority_expired(now, now)),
        }
    }
}

fn system(places: &Places) -> Result<Arc<Trusted>, TlsError> {
    static LOADED: Mutex<Vec<(Places, Arc<Trusted>)>> = Mutex::new(Vec::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, trusted)) = loaded.iter().find(|(of, _)| of == places) {
        return Ok(Arc::clone(trusted));
    }
    let mut trusted = Trusted::default();
    // SSL_CERT_FILE and SSL_CERT_DIR are rustls-native-certs's own affair.
    let found = rustls_native_certs::load_native_certs();
    for certificate in &found.certs {
        // A system's store may hold what webpki cannot read.
        let _ = trusted.add(certificate, false);
    }
    let mut faults: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    for (variable, path) in VARIABLES.iter().zip(places).filter(|(variable, _)| **variable != "SSL_CERT_DIR") {
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
            // As Node does: without them.
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
    loaded.push((places.clone(), Arc::clone(&trusted)));
    Ok(trusted)
}
