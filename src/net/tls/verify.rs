//! Decides whether the peer's certificate is valid (R-tls-verify). It uses webpki's checks, the certificates that are trusted without a
//! chain, and pins. `signature` verifies the signature of the handshake.

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

/// A decision in a handshake: about the peer's certificate, or about our own certificate for the peer.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The peer's certificate is valid.
    Good,
    /// The peer's certificate is not valid, but rejectUnauthorized is false, so the handshake goes on. The value is the reason.
    Tolerated(TlsError),
    /// The handshake ends with this error.
    Fatal(TlsError),
}

thread_local! {
    /// The verdict for the connection whose records this thread is processing. A thread-local variable is needed because rustls does not
    /// pass the connection to the verifier. None: there is no verdict.
    static VERDICT: RefCell<Option<Verdict>> = const { RefCell::new(None) };
}

/// Takes the verdict that this thread has stored since the last call.
pub fn take_verdict() -> Option<Verdict> {
    VERDICT.take()
}

/// Stores the error that ends a handshake. For callbacks that cannot return an error of their own to rustls.
pub fn note_fatal(error: TlsError) {
    VERDICT.set(Some(Verdict::Fatal(error)));
}

/// Verifies a server's certificate for a client, or a client's certificate for a server.
#[derive(Debug)]
pub struct Verifier {
    /// The authorities in which a chain may end.
    roots: Roots,
    /// The SHA-256 digests of the certificates that the peer may have. Empty: the peer may have any.
    pins: Vec<[u8; 32]>,
    /// The option rejectUnauthorized. True: a certificate that is not valid ends the handshake.
    strict: bool,
    /// The algorithms that verify signatures.
    provider: Arc<CryptoProvider>,
    /// The names of the authorities in `ca`. A server sends them when it asks for a certificate. Empty: the server sends no names, and the
    /// client chooses a certificate without them.
    hints: Vec<DistinguishedName>,
}

impl Verifier {
    /// A verifier that accepts chains that end in `roots`. `strict` is rejectUnauthorized.
    pub fn new(roots: Roots, pins: Vec<[u8; 32]>, strict: bool, provider: Arc<CryptoProvider>) -> Self {
        let hints = match &roots {
            Roots::Given(trusted) => trusted.subjects(),
            Roots::System(_) => Vec::new(),
        };
        // In the list two bytes before each name are its length. If the list is too long, no names are sent.
        let length: usize = hints.iter().map(|name| name.as_ref().len() + 2).sum();
        let hints = if length > MOST_HINTS { Vec::new() } else { hints };
        Self { roots, pins, strict, provider, hints }
    }

    /// Whether a certificate that is not valid ends the handshake.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Whether the option pinnedCertificates lists any certificates.
    pub fn has_pins(&self) -> bool {
        !self.pins.is_empty()
    }

    /// Checks the chain of a resumed session with all checks of a new one (R-tls-verify). `name` is the server's name, or None for a
    /// client's certificate. An error ends the connection.
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

    /// Stores the verdict for the connection whose records this thread is processing. An error ends the handshake.
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

    /// Checks a server's certificate: its chain, its dates and its name.
    fn check_server(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Refusal> {
        let read = x509::Certificate::read(leaf);
        if read.as_ref().is_some_and(|certificate| certificate.is_old) {
            // webpki would report a wrong encoding. The real fault is that the certificate has no host name: names are in extensions, which
            // certificates before X.509 v3 do not have.
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

    /// Checks a client's certificate: its chain and its dates.
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

    /// Verifies a chain with the authorities that are valid now, because webpki does not check the dates of an authority. If the chain is
    /// good only with an authority that is not valid now, the error says so.
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

    /// Checks that the certificate is one of the pinned ones, if there are any.
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

    /// The signature schemes that we offer to the peer, most preferred first.
    fn schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        if !self.strict {
            // In TLS 1.2 a peer may choose the first scheme that it supports, and a signature by a short RSA key can be verified only with
            // PKCS#1. So the PSS schemes come last.
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

/// Checks the dates of a certificate that is trusted without a chain. webpki does not check this certificate.
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
