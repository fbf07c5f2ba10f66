//! Whether the peer's certificate is good (R-tls-verify): webpki's checks, certificates that are trusted as they are, pins.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};

use super::error::{self, TlsError};
use super::roots::Roots;
use super::x509;

/// What was found out about the peer's certificate.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It is good.
    Good,
    /// It is not. With verification off the handshake goes on all the same.
    Bad(TlsError),
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
    /// The certificates in `ca`, to be compared byte for byte.
    exact: Vec<CertificateDer<'static>>,
    pins: Vec<[u8; 32]>,
    /// rejectUnauthorized.
    strict: bool,
    provider: Arc<CryptoProvider>,
    clients: OnceLock<Arc<dyn ClientCertVerifier>>,
    /// Which authorities a client is told of: those in `ca`.
    hints: Vec<DistinguishedName>,
}

/// An error as rustls wants it, so that it sends the right alert, and as we tell it.
type Bad = (Error, TlsError);

impl Verifier {
    /// Trusts chains that end in `roots`, and `exact`.
    pub fn new(
        roots: Roots,
        exact: Vec<CertificateDer<'static>>,
        pins: Vec<[u8; 32]>,
        strict: bool,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        let hints = match &roots {
            Roots::Given(store) => store.subjects(),
            Roots::System(_) => Vec::new(),
        };
        Self { roots, exact, pins, strict, provider, clients: OnceLock::new(), hints }
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
            Err((_, error)) => Ok(Verdict::Bad(error)),
        }
    }

    /// Notes the verdict for the connection at hand, and says whether the handshake goes on.
    fn conclude(&self, checked: Result<(), Bad>, pinned: Result<(), Bad>) -> Result<(), Error> {
        let (verdict, result) = match (checked, pinned) {
            (Err((error, told)), _) if self.strict => (Verdict::Bad(told), Err(error)),
            (_, Err((error, told))) => (Verdict::Bad(told), Err(error)),
            (Err((_, told)), Ok(())) => (Verdict::Bad(told), Ok(())),
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
        let parsed = ParsedCertificate::try_from(leaf).map_err(bad)?;
        if self.is_exact(leaf) {
            check_dates(leaf, now)?;
        } else {
            let roots = self.roots.store().map_err(own)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&parsed, &roots, intermediates, now, algorithms)
                .map_err(chain_error)?;
        }
        verify_server_name(&parsed, name).map_err(|error| {
            let no_san = x509::Certificate::read(leaf).is_some_and(|certificate| !certificate.has_san);
            let told = if no_san { error::no_san(name) } else { TlsError::from_rustls(&error) };
            (error, told)
        })
    }

    fn check_client(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Bad> {
        if self.is_exact(leaf) {
            ParsedCertificate::try_from(leaf).map_err(bad)?;
            return check_dates(leaf, now);
        }
        self.clients()?.verify_client_cert(leaf, intermediates, now).map(|_| ()).map_err(chain_error)
    }

    /// webpki's checks of clients, made when the first one comes: the system's roots are loaded late.
    fn clients(&self) -> Result<&Arc<dyn ClientCertVerifier>, Bad> {
        if let Some(clients) = self.clients.get() {
            return Ok(clients);
        }
        let roots = self.roots.store().map_err(own)?;
        let made = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&self.provider))
            .build()
            .map_err(|error| own(TlsError::new("ERR_TLS_NO_ROOTS", error.to_string())))?;
        Ok(self.clients.get_or_init(|| made))
    }

    fn is_exact(&self, leaf: &CertificateDer<'_>) -> bool {
        self.exact.iter().any(|certificate| certificate.as_ref() == leaf.as_ref())
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
        self.provider.signature_verification_algorithms.supported_schemes()
    }

    fn signature12(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn signature13(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
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

fn own(told: TlsError) -> Bad {
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
