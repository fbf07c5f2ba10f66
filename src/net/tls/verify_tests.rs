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

/// Makes a server use one certificate and one key, even if they do not belong together.
#[derive(Debug)]
struct Only(Arc<CertifiedKey>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A certificate and a key, in the type that rustls needs.
fn certified(certificate: &CertificateDer<'static>, key: &rcgen::KeyPair) -> Arc<CertifiedKey> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let key = provider().key_provider.load_private_key(key).unwrap();
    Arc::new(CertifiedKey::new(vec![certificate.clone()], key))
}

/// A certificate and a key. If `own_key` is false, the key belongs to another certificate.
fn identity(own_key: bool) -> Arc<CertifiedKey> {
    let make = || rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let (one, other) = (make(), make());
    certified(one.cert.der(), &if own_key { &one } else { &other }.signing_key)
}

/// Does a handshake in memory. Returns the error of the client.
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

/// A verifier that trusts only the certificate of `identity`.
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
    // The first handshake has an unknown issuer, which is tolerated, and then a wrong signature, which is not.
    handshake(&forged, trusting(&other, false), &TLS13).unwrap_err();
    assert!(matches!(take_verdict(), Some(Verdict::Tolerated(_))));
    handshake(&forged, trusting(&other, true), &TLS13).unwrap_err();
    assert!(matches!(take_verdict(), Some(Verdict::Fatal(_))));
}

/// The error that a client reports about the server `of` if it trusts only `other`.
fn reported(of: &Arc<CertifiedKey>, other: &CertifiedKey) -> TlsError {
    handshake(of, trusting(other, true), &TLS13).unwrap_err();
    match take_verdict() {
        Some(Verdict::Fatal(error)) => error,
        verdict => panic!("{verdict:?}"),
    }
}

/// The error is recognized by its type, which belongs to webpki. So this test fails if our dependency is another version of webpki than the
/// one that rustls uses.
#[test]
fn an_authority_s_certificate_as_a_leaf_is_reported_as_self_signed() {
    let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let authority = certified(certificate.der(), &key);
    assert_eq!(reported(&authority, &identity(true)), error::self_signed());
    let unknown = reported(&identity(true), &authority);
    assert_eq!(unknown.code, "ERR_TLS_UNKNOWN_ISSUER");
    assert_ne!(unknown, error::self_signed());
}

#[test]
fn a_wrong_name_is_reported_with_the_certificate_s_own() {
    let named = rcgen::generate_simple_self_signed(["b.example".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let named = certified(named.cert.der(), &named.signing_key);
    let error = reported(&named, &named);
    assert_eq!(error.code, "ERR_TLS_NAME_MISMATCH");
    assert!(error.reason.contains("not for \"a.example\" but for \"b.example\", \"127.0.0.1\"."), "{}", error.reason);
}

#[test]
fn an_error_of_our_own_travels_through_rustls() {
    let own = TlsError::new("ERR_TLS_PIN_MISMATCH", "it is another one");
    assert_eq!(TlsError::from_rustls(&Refusal::own(own.clone()).error), own);
}
