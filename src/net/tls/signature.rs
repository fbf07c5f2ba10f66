//! Verifies the signature of a handshake with the public key in the peer's certificate (R-tls-verify). It checks nothing else of the
//! certificate, because no other fault of it may end the handshake if rejectUnauthorized is false.

use ring::signature::{RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY};
use ring::signature::{UnparsedPublicKey, VerificationAlgorithm};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};

use super::error::TlsError;
use super::refusal::Refusal;
use super::x509::{Certificate, PublicKey};

/// The size in bits of the shortest RSA key that ring accepts, except for old PKCS#1 signatures.
const SHORTEST_RSA: usize = 2048;

/// Verifies a signature of TLS 1.3.
pub fn verify13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let der = key_of(certificate)?;
    let key = parse(der)?;
    if let Some(size) = key.rsa_size().filter(|size| *size < SHORTEST_RSA) {
        return Err(too_short(size, "under TLS 1.3"));
    }
    verify_tls13_signature_with_raw_key(message, &SubjectPublicKeyInfoDer::from(der), signed, algorithms)
        .map_err(|error| of_kind(error, &key))
}

/// Verifies a signature of TLS 1.2. There a signature scheme names no curve, so the key decides which algorithm is used. `strict` is
/// rejectUnauthorized. If it is true, short RSA keys are refused.
pub fn verify12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
    strict: bool,
) -> Result<HandshakeSignatureValid, Error> {
    let unadvertised = || Error::from(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme);
    let (_, candidates) =
        algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme).ok_or_else(unadvertised)?;
    let key = parse(key_of(certificate)?)?;
    let bad = |()| Error::InvalidCertificate(CertificateError::BadSignature);
    if let Some(size) = key.rsa_size().filter(|size| *size < SHORTEST_RSA) {
        let legacy = legacy(signed.scheme).filter(|_| !strict);
        let legacy = legacy.ok_or_else(|| too_short(size, "with this signature, or while verification is on"))?;
        let verified = UnparsedPublicKey::new(legacy, key.bits).verify(message, signed.signature());
        return verified.map(|()| HandshakeSignatureValid::assertion()).map_err(|_| bad(()));
    }
    let fitting = candidates.iter().find(|algorithm| algorithm.public_key_alg_id().as_ref() == key.algorithm);
    let fitting = fitting.ok_or_else(|| unusable(&key))?;
    fitting
        .verify_signature(key.bits, message, signed.signature())
        .map(|()| HandshakeSignatureValid::assertion())
        .map_err(|_| bad(()))
}

/// The algorithm of this scheme that accepts RSA keys from 1,024 bits on. `None`: the scheme has no such algorithm.
fn legacy(scheme: SignatureScheme) -> Option<&'static dyn VerificationAlgorithm> {
    match scheme {
        SignatureScheme::RSA_PKCS1_SHA256 => Some(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        SignatureScheme::RSA_PKCS1_SHA512 => Some(&RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        _ => None,
    }
}

/// The public key of a certificate, in DER.
fn key_of<'a>(certificate: &'a CertificateDer<'_>) -> Result<&'a [u8], Error> {
    let read = Certificate::read(certificate);
    read.map(|certificate| certificate.key).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
}

/// Reads a public key from DER.
fn parse(der: &[u8]) -> Result<PublicKey<'_>, Error> {
    PublicKey::read(der).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
}

/// If the error says that the key does not fit the signature, returns an error that names the kind of the key. Otherwise returns `error`.
fn of_kind(error: Error, key: &PublicKey<'_>) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::BadSignature | CertificateError::BadEncoding) => error,
        Error::InvalidCertificate(_) => unusable(key),
        _ => error,
    }
}

/// The error if keys of this kind cannot verify the signature.
fn unusable(key: &PublicKey<'_>) -> Error {
    let reason = format!(
        "the peer's certificate has {}, which cannot verify this handshake's signature: RSA keys from 2,048 bits, ECDSA keys on P-256 or P-384, and Ed25519 keys can",
        key.kind()
    );
    Refusal::own(TlsError::new("ERR_TLS_CERT_INVALID", reason)).error
}

/// The error for an RSA key of `size` bits. `when` says in which case that is too short.
fn too_short(size: usize, when: &str) -> Error {
    let reason = format!(
        "the peer's certificate has an RSA key of {size} bits, which is too short {when}: at least {SHORTEST_RSA} bits are needed"
    );
    Refusal::own(TlsError::new("ERR_TLS_CERT_INVALID", reason)).error
}
