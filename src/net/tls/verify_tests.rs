use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::*;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A server's one certificate and key, whether they belong together or not.
#[derive(Debug)]
struct Only(Arc<CertifiedKey>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A certificate, and a key that may be another one's.
fn identity(own_key: bool) -> Arc<CertifiedKey> {
    let make = || rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let (one, other) = (make(), make());
    let key = if own_key { &one } else { &other }.signing_key.serialize_der();
    let key = provider().key_provider.load_private_key(PrivateKeyDer::try_from(key).unwrap()).unwrap();
    Arc::new(CertifiedKey::new(vec![one.cert.der().clone()], key))
}

/// A handshake in memory. Returns what the client says of it.
fn handshake(
    identity: &Arc<CertifiedKey>,
    verifier: Verifier,
    version: &'static SupportedProtocolVersion,
) -> Result<(), Error> {
    let config = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[version]).unwrap();
    let verifier: Arc<dyn ServerCertVerifier> = Arc::new(verifier);
    let config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from("a.example").unwrap()).unwrap();
    let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[version]).unwrap();
    let config = config.with_no_client_auth().with_cert_resolver(Arc::new(Only(Arc::clone(identity))));
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    while client.is_handshaking() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        bytes.clear();
        server.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

fn trusting(identity: &CertifiedKey, strict: bool) -> Verifier {
    let mut trusted = Trusted::default();
    trusted.add(&identity.cert[0], true).unwrap();
    Verifier::new(Roots::Given(Arc::new(trusted)), Vec::new(), strict, provider())
}

#[test]
fn r_tls_verify_the_signature_of_the_handshake_is_verified_always() {
    for version in [&TLS12, &TLS13] {
        for strict in [true, false] {
            let good = identity(true);
            assert_eq!(handshake(&good, trusting(&good, strict), version), Ok(()));
            let forged = identity(false);
            let error = handshake(&forged, trusting(&forged, strict), version).unwrap_err();
            assert_eq!(error, Error::InvalidCertificate(CertificateError::BadSignature), "{version:?}, {strict}");
        }
    }
}

#[test]
fn a_verdict_that_was_tolerated_is_no_reason_for_another_failure() {
    let (forged, other) = (identity(false), identity(true));
    // Unknown, which is tolerated; then the signature is wrong, which is not.
    handshake(&forged, trusting(&other, false), &TLS13).unwrap_err();
    assert!(matches!(take_verdict(), Some(Verdict::Tolerated(_))));
    handshake(&forged, trusting(&other, true), &TLS13).unwrap_err();
    assert!(matches!(take_verdict(), Some(Verdict::Fatal(_))));
}
