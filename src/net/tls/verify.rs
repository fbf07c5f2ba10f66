//! Whether the peer's certificate is good (R-tls-verify): webpki's checks, certificates that are trusted byte for byte, pins.
//! The signature of the handshake is `signature`'s.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::error::{self, TlsError};
use super::refusal::Refusal;
use super::roots::{Roots, Trusted};
use super::{signature, x509};

/// The most bytes that the names of authorities in a request for a certificate may take. In TLS 1.3 the extension that carries them has at
/// most 65,535 bytes, of which the list's length takes 2.
const MOST_HINTS: usize = 65_535 - 2;

/// What was decided in a handshake: about the peer's certificate, or about which certificate of ours it gets.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The peer's certificate is good.
    Good,
    /// The peer's certificate is bad, but verification is off: the handshake goes on.
    Tolerated(TlsError),
    /// The handshake ends with this error.
    Fatal(TlsError),
}

thread_local! {
    /// The verdict on the connection whose records are being processed. rustls calls the verifier without saying which one that is.
    static VERDICT: RefCell<Option<Verdict>> = const { RefCell::new(None) };
}

/// Takes the verdict that was given on this thread since the last call.
pub fn take_verdict() -> Option<Verdict> {
    VERDICT.take()
}

/// Notes why a handshake ends, for a callback that cannot give rustls an error of its own.
pub fn note_fatal(error: TlsError) {
    VERDICT.set(Some(Verdict::Fatal(error)));
}

/// Verifies servers for clients, and clients for servers.
#[derive(Debug)]
pub struct Verifier {
    /// The authorities that a chain may end in.
    roots: Roots,
    /// SHA-256 of the certificates that the peer may have; empty: any.
    pins: Vec<[u8; 32]>,
    /// rejectUnauthorized: a bad certificate ends the handshake.
    strict: bool,
    /// The algorithms that signatures are verified by.
    provider: Arc<CryptoProvider>,
    /// The names of the authorities in `ca`, which a server's request for a certificate lists. Empty: the client chooses by itself.
    hints: Vec<DistinguishedName>,
}

impl Verifier {
    /// A verifier of chains that end in `roots`. `strict` is rejectUnauthorized.
    pub fn new(roots: Roots, pins: Vec<[u8; 32]>, strict: bool, provider: Arc<CryptoProvider>) -> Self {
        let hints = match &roots {
            Roots::Given(trusted) => trusted.subjects(),
            Roots::System(_) => Vec::new(),
        };
        // Each name has its length before it. A list that is too long is left out.
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

    /// Checks the chain of a resumed session like any other (R-tls-verify: resuming skips no check). An error ends the
    /// connection.
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
        self.check_pin(leaf).map_err(|refusal| refusal.reported)?;
        match checked {
            Ok(()) => Ok(Verdict::Good),
            Err(Refusal { reported, .. }) if self.strict => Err(reported),
            Err(Refusal { reported, .. }) => Ok(Verdict::Tolerated(reported)),
        }
    }

    /// Notes the verdict on the connection whose records are being processed. An error ends the handshake.
    fn conclude(&self, checked: Result<(), Refusal>, pinned: Result<(), Refusal>) -> Result<(), Error> {
        let (verdict, result) = match (checked, pinned) {
            (Err(Refusal { error, reported }), _) if self.strict => (Verdict::Fatal(reported), Err(error)),
            (_, Err(Refusal { error, reported })) => (Verdict::Fatal(reported), Err(error)),
            (Err(Refusal { reported, .. }), Ok(())) => (Verdict::Tolerated(reported), Ok(())),
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
    ) -> Result<(), Refusal> {
        let read = x509::Certificate::read(leaf);
        if read.as_ref().is_some_and(|certificate| certificate.is_old) {
            // webpki calls it badly encoded. What it lacks is a name that counts: those are in extensions, and it has none.
            let error = Error::InvalidCertificate(CertificateError::BadEncoding);
            return Err(Refusal { error, reported: error::no_san(name) });
        }
        let parsed = ParsedCertificate::try_from(leaf)?;
        let roots = self.roots.load().map_err(Refusal::own)?;
        if roots.is_exact(leaf) {
            check_dates(leaf, now)?;
        } else {
            let algorithms = self.provider.signature_verification_algorithms.all;
            self.check_chain(&roots, now, |store| {
                verify_server_cert_signed_by_trust_anchor(&parsed, store, intermediates, now, algorithms)
            })?;
        }
        verify_server_name(&parsed, name).map_err(|error| {
            let wrong_name =
                matches!(&error, Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. }));
            match &read {
                Some(certificate) if certificate.alt_names.is_none() => {
                    Refusal { error, reported: error::no_san(name) }
                }
                Some(certificate) if wrong_name => {
                    Refusal { error, reported: error::wrong_name(name, &certificate.names()) }
                }
                _ => Refusal::from(error),
            }
        })
    }

    fn check_client(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Refusal> {
        let roots = self.roots.load().map_err(Refusal::own)?;
        if roots.is_exact(leaf) {
            ParsedCertificate::try_from(leaf)?;
            return check_dates(leaf, now);
        }
        self.check_chain(&roots, now, |store| {
            let made = WebPkiClientVerifier::builder_with_provider(Arc::clone(store), Arc::clone(&self.provider));
            let made = made.build().map_err(|error| Error::General(error.to_string()))?;
            made.verify_client_cert(leaf, intermediates, now).map(|_| ())
        })
    }

    /// Verifies a chain by the authorities that are valid now: webpki does not look at an authority's own dates. Where only an
    /// authority that is not valid would do, the error says so.
    fn check_chain(
        &self,
        roots: &Trusted,
        now: UnixTime,
        verify: impl Fn(&Arc<RootCertStore>) -> Result<(), Error>,
    ) -> Result<(), Refusal> {
        let (valid, others) = roots.valid_at(now);
        let Err(error) = verify(&valid) else { return Ok(()) };
        match others.iter().find(|other| verify(&other.store()).is_ok()) {
            Some(other) => {
                let (error, reported) = other.complaint(now);
                Err(Refusal { error: Error::InvalidCertificate(error), reported })
            }
            None => Err(Refusal::of_chain(error)),
        }
    }

    fn check_pin(&self, leaf: &CertificateDer<'_>) -> Result<(), Refusal> {
        if self.pins.is_empty() {
            return Ok(());
        }
        let digest = ring::digest::digest(&ring::digest::SHA256, leaf);
        if self.pins.iter().any(|pin| pin == digest.as_ref()) {
            return Ok(());
        }
        Err(Refusal::own(TlsError::new(
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
            // Under TLS 1.2 a peer may choose the first scheme that it has, and a short RSA key can only be verified with PKCS#1.
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

/// Checks the dates of a certificate that is trusted byte for byte: webpki does not see it.
fn check_dates(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), Refusal> {
    let Some(x509::Certificate { not_before, not_after, .. }) = x509::Certificate::read(leaf) else {
        return Err(Error::InvalidCertificate(CertificateError::BadEncoding).into());
    };
    let error = if now.as_secs() < not_before.as_secs() {
        CertificateError::NotValidYetContext { time: now, not_before }
    } else if now.as_secs() > not_after.as_secs() {
        CertificateError::ExpiredContext { time: now, not_after }
    } else {
        return Ok(());
    };
    Err(Error::InvalidCertificate(error).into())
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
