//! Whether the peer's certificate is good (R-tls-verify): webpki's checks, certificates that are trusted as they are, pins.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::error::{self, TlsError};
use super::roots::{Roots, Trusted};
use super::{signature, x509};

/// Bytes of the names of authorities that a request for a certificate can carry, beside the list's own length.
const MOST_HINTS: usize = 65_535 - 2;

/// What was found out about the peer's certificate.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It is good.
    Good,
    /// It is not, but verification is off: the handshake goes on all the same.
    Tolerated(TlsError),
    /// It is not, and that ends the handshake.
    Fatal(TlsError),
}

thread_local! {
    /// What the verifier said while records of one connection were processed: rustls does not tell it whose they are.
    static VERDICT: RefCell<Option<Verdict>> = const { RefCell::new(None) };
}

/// Takes what was said since the last call, on this thread.
pub fn take_verdict() -> Option<Verdict> {
    VERDICT.take()
}

/// Verifies servers for clients, and clients for servers.
#[derive(Debug)]
pub struct Verifier {
    roots: Roots,
    pins: Vec<[u8; 32]>,
    /// rejectUnauthorized.
    strict: bool,
    provider: Arc<CryptoProvider>,
    /// Which authorities a client is told of: those in `ca`.
    hints: Vec<DistinguishedName>,
}

/// An error as rustls wants it, so that it sends the right alert, and as we tell it.
pub type Bad = (Error, TlsError);

impl Verifier {
    /// Trusts chains that end in `roots`.
    pub fn new(roots: Roots, pins: Vec<[u8; 32]>, strict: bool, provider: Arc<CryptoProvider>) -> Self {
        let hints = match &roots {
            Roots::Given(trusted) => trusted.subjects(),
            Roots::System(_) => Vec::new(),
        };
        // A list of at most 65,535 bytes, each name with its length: a longer one is left out, and clients choose by themselves.
        let length: usize = hints.iter().map(|name| name.as_ref().len() + 2).sum();
        let hints = if length > MOST_HINTS { Vec::new() } else { hints };
        Self { roots, pins, strict, provider, hints }
    }

    /// Whether a bad certificate ends the handshake.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Whether there are pins.
    pub fn has_pins(&self) -> bool {
        !self.pins.is_empty()
    }

    /// Everything that is checked of a chain, once more: of a session that was resumed (R-tls-verify: it skips nothing).
    /// Returns what there is to tell, or why it must end.
    pub fn check_again(
        &self,
        chain: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
    ) -> Result<Verdict, TlsError> {
        let Some((leaf, intermediates)) = chain.split_first() else { return Ok(Verdict::Good) };
        let checked = match name {
            Some(name) => self.check_server(leaf, intermediates, name, UnixTime::now()),
            None => self.check_client(leaf, intermediates, UnixTime::now()),
        };
        self.check_pin(leaf).map_err(|(_, error)| error)?;
        match checked {
            Ok(()) => Ok(Verdict::Good),
            Err((_, error)) if self.strict => Err(error),
            Err((_, error)) => Ok(Verdict::Tolerated(error)),
        }
    }

    /// Notes the verdict for the connection at hand, and says whether the handshake goes on.
    fn conclude(&self, checked: Result<(), Bad>, pinned: Result<(), Bad>) -> Result<(), Error> {
        let (verdict, result) = match (checked, pinned) {
            (Err((error, told)), _) if self.strict => (Verdict::Fatal(told), Err(error)),
            (_, Err((error, told))) => (Verdict::Fatal(told), Err(error)),
            (Err((_, told)), Ok(())) => (Verdict::Tolerated(told), Ok(())),
            (Ok(()), Ok(())) => (Verdict::Good, Ok(())),
        };
        VERDICT.set(Some(verdict));
        result
    }

    fn check_server(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Bad> {
        let read = x509::Certificate::read(leaf);
        if read.as_ref().is_some_and(|certificate| certificate.is_old) {
            // webpki calls it badly encoded. What it lacks is a name: only extensions have one that counts.
            let told = error::no_san(name);
            return Err((Error::InvalidCertificate(CertificateError::BadEncoding), told));
        }
        let parsed = ParsedCertificate::try_from(leaf).map_err(bad)?;
        let roots = self.roots.load().map_err(own)?;
        if roots.is_exact(leaf) {
            check_dates(leaf, now)?;
        } else {
            let algorithms = self.provider.signature_verification_algorithms.all;
            self.check_chain(&roots, now, |store| {
                verify_server_cert_signed_by_trust_anchor(&parsed, store, intermediates, now, algorithms)
            })?;
        }
        verify_server_name(&parsed, name).map_err(|error| {
            let told = if read.is_some_and(|certificate| !certificate.has_san) {
                error::no_san(name)
            } else {
                TlsError::from_rustls(&error)
            };
            (error, told)
        })
    }

    fn check_client(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Bad> {
        let roots = self.roots.load().map_err(own)?;
        if roots.is_exact(leaf) {
            ParsedCertificate::try_from(leaf).map_err(bad)?;
            return check_dates(leaf, now);
        }
        self.check_chain(&roots, now, |store| {
            let made = WebPkiClientVerifier::builder_with_provider(Arc::clone(store), Arc::clone(&self.provider));
            let made = made.build().map_err(|error| Error::General(error.to_string()))?;
            made.verify_client_cert(leaf, intermediates, now).map(|_| ())
        })
    }

    /// Verifies a chain by the authorities that are valid now: webpki does not look at an authority's own dates.
    fn check_chain(
        &self,
        roots: &Trusted,
        now: UnixTime,
        verify: impl Fn(&Arc<RootCertStore>) -> Result<(), Error>,
    ) -> Result<(), Bad> {
        let (valid, others) = roots.valid_at(now);
        let Err(error) = verify(&valid) else { return Ok(()) };
        match others.iter().find(|other| verify(&other.store()).is_ok()) {
            Some(other) => {
                let (error, told) = other.complaint(now);
                Err((Error::InvalidCertificate(error), told))
            }
            None => Err(chain_error(error)),
        }
    }

    fn check_pin(&self, leaf: &CertificateDer<'_>) -> Result<(), Bad> {
        if self.pins.is_empty() {
            return Ok(());
        }
        let digest = ring::digest::digest(&ring::digest::SHA256, leaf);
        if self.pins.iter().any(|pin| pin == digest.as_ref()) {
            return Ok(());
        }
        Err(own(TlsError::new(
            "ERR_TLS_PIN_MISMATCH",
            format!(
                "the peer's certificate is none of pinnedCertificates: its SHA-256 is {}",
                error::hex(digest.as_ref())
            ),
        )))
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        if !self.strict {
            // Under TLS 1.2 a peer with a short RSA key may go by our order, and PKCS#1 is what such a key verifies with.
            schemes.sort_by_key(|scheme| match scheme {
                SignatureScheme::RSA_PSS_SHA256 | SignatureScheme::RSA_PSS_SHA384 | SignatureScheme::RSA_PSS_SHA512 => {
                    1
                }
                _ => 0,
            });
        }
        schemes
    }

    fn signature12(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        signature::verify12(message, certificate, signed, algorithms, self.strict)
    }

    fn signature13(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::verify13(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }
}

/// webpki checks no dates of a certificate that is trusted as it is.
fn check_dates(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), Bad> {
    let Some(x509::Certificate { not_before, not_after, .. }) = x509::Certificate::read(leaf) else {
        return Err(bad(Error::InvalidCertificate(CertificateError::BadEncoding)));
    };
    let error = if now.as_secs() < not_before.as_secs() {
        CertificateError::NotValidYetContext { time: now, not_before }
    } else if now.as_secs() > not_after.as_secs() {
        CertificateError::ExpiredContext { time: now, not_after }
    } else {
        return Ok(());
    };
    Err(bad(Error::InvalidCertificate(error)))
}

fn bad(error: Error) -> Bad {
    let told = TlsError::from_rustls(&error);
    (error, told)
}

/// webpki refuses an authority's certificate as a leaf before it asks who issued it. To users it is one that nobody
/// vouches for: self-signed, as a rule.
fn chain_error(error: Error) -> Bad {
    if let Error::InvalidCertificate(CertificateError::Other(other)) = &error
        && other.0.to_string() == "CaUsedAsEndEntity"
    {
        return (Error::InvalidCertificate(CertificateError::UnknownIssuer), error::self_signed());
    }
    bad(error)
}

/// An error of our own, for rustls to hand through.
pub fn own(told: TlsError) -> Bad {
    (Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(told.clone())))), told)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let checked = self.check_server(end_entity, intermediates, server_name, now);
        self.conclude(checked, self.check_pin(end_entity)).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature12(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature13(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.strict || self.has_pins()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let checked = self.check_client(end_entity, intermediates, now);
        self.conclude(checked, self.check_pin(end_entity)).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature12(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature13(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
