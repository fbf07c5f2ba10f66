//! Chooses the certificate that a server presents in a handshake (R-srv-secure): by the options, or as `certificateFor` has answered. This
//! file does not ask `certificateFor`; `hello` does.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::error::TlsError;
use super::{requested_name, verify};

/// The certificates of a server's options.
#[derive(Debug)]
pub struct Certificates {
    /// The certificate for each host name, in lower case. "*.example" is for any single label before "example".
    by_name: HashMap<String, Arc<CertifiedKey>>,
    /// The certificate for all other clients. None: those clients get no certificate, and their handshake fails.
    default: Option<Arc<CertifiedKey>>,
    /// True if the options have `certificateFor`. It is named in the error of a client that gets no certificate.
    has_callback: bool,
}

impl Certificates {
    /// The certificates of `serverCertificates` and of `cert`.
    pub fn new(by_name: HashMap<String, CertifiedKey>, default: Option<CertifiedKey>, has_callback: bool) -> Self {
        let by_name = by_name.into_iter().map(|(name, key)| (name, Arc::new(key))).collect();
        Self { by_name, default: default.map(Arc::new), has_callback }
    }

    /// The certificate in `serverCertificates` for a name in lower case. An exact name has priority over a wildcard. None: there is none.
    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        self.by_name.get(name).or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        })
    }

    /// Whether `serverCertificates` has a certificate for a name in the form of [`host_name`].
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}

/// The host name that a client has asked for, in lower case and without a final dot. rustls has checked its syntax.
pub fn host_name(requested: &str) -> String {
    requested.strip_suffix('.').unwrap_or(requested).to_ascii_lowercase()
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let requested = hello.server_name();
        requested_name::set(requested);
        let named = requested.and_then(|name| self.find(&host_name(name)));
        let found = named.or(self.default.as_ref()).cloned();
        if found.is_none() {
            verify::note_fatal(TlsError::no_certificate(requested, self.has_callback));
        }
        found
    }
}

/// What takes the place of a server's certificates in one handshake.
#[derive(Debug)]
pub enum Chosen {
    /// The certificate that `certificateFor` has given.
    Certificate(Arc<CertifiedKey>),
    /// No certificate: the handshake fails with this error.
    Refused(TlsError),
}

impl ResolvesServerCert for Chosen {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        requested_name::set(hello.server_name());
        match self {
            Self::Certificate(key) => Some(Arc::clone(key)),
            Self::Refused(error) => {
                verify::note_fatal(error.clone());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::tls::options::GivenCertificate;
    use crate::net::tls::pem::Material;

    fn certificates(names: &[&str]) -> Certificates {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let given = GivenCertificate {
            what: "test".to_owned(),
            cert: vec![Material::Text(made.cert.pem())],
            key: Material::Bytes(made.signing_key.serialize_der()),
            ttl: Duration::ZERO,
        };
        let one = || CertifiedKey::clone(&given.certified().unwrap());
        Certificates::new(names.iter().map(|name| ((*name).to_owned(), one())).collect(), None, false)
    }

    #[test]
    fn r_srv_secure_an_exact_name_wins_and_a_wildcard_is_one_label() {
        let certificates = certificates(&["*.example", "b.example", "*.c.example"]);
        let is = |asked: &str, of: &str| {
            let found = certificates.find(&host_name(asked));
            found.is_some_and(|found| Arc::ptr_eq(found, &certificates.by_name[of]))
        };
        assert!(is("a.example", "*.example") && is("B.Example", "b.example") && is("x.c.example", "*.c.example"));
        assert!(is("b.example.", "b.example"));
        assert!(!certificates.has("x.b.example"));
        assert!(!certificates.has("example"));
    }
}
