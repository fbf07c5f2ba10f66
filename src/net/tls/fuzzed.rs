//! What the fuzz targets of TLS do: see `src/fuzzing.rs`. The target `tls` itself is in `driver/fuzzing.rs`.

use rustls::pki_types::CertificateDer;

pub use super::driver::fuzzing::{ServerIdentity, run as tls};
use super::error::TlsError;
use super::pem::{self, Material};
use super::x509::{self, Certificate, PublicKey};

/// The longest message of an error about an option, in characters. Messages quote only the beginning of what they refuse.
const LONGEST_MESSAGE: usize = 1000;

/// Reads `bytes` as certificates and as a private key, as a string and as bytes.
pub fn pem(bytes: &[u8]) {
    let text = Material::Text(String::from_utf8_lossy(bytes).into_owned());
    for material in [Material::Bytes(bytes.to_vec()), text] {
        if let Err(error) = pem::private_key("key", &material) {
            check_error(&error);
        }
        match pem::certificates("cert", &[material]) {
            Ok(certificates) => {
                assert!(!certificates.is_empty());
                assert!(certificates.iter().all(|certificate| Certificate::read(certificate).is_some()));
            }
            Err(error) => check_error(&error),
        }
    }
}

fn check_error(error: &TlsError) {
    assert!(error.code.starts_with("ERR_TLS_"), "{error:?}");
    let message = error.to_string();
    assert!(!message.is_empty() && message.chars().count() <= LONGEST_MESSAGE, "{message:?}");
    assert!(!message.chars().any(char::is_control), "{message:?}");
}

/// Reads `bytes` as a certificate, and as the other kinds of DER that are recognized. What webpki reads as a name is a name here, too.
pub fn x509(bytes: &[u8]) {
    let der = CertificateDer::from(bytes);
    let webpki = webpki::EndEntityCert::try_from(&der);
    let Some(certificate) = Certificate::read(bytes) else {
        let _ = (x509::is_pkcs12(bytes), x509::is_encrypted_key(bytes), x509::is_sequence(bytes));
        return;
    };
    assert!(x509::first_element(bytes).is_some_and(|length| length <= bytes.len()));
    let names = certificate.names();
    if let Ok(webpki) = webpki {
        for name in webpki.valid_dns_names() {
            assert!(names.iter().any(|shown| shown == name), "{name:?} is not in {names:?}");
        }
    }
    if let Some(key) = PublicKey::read(certificate.key) {
        assert!(!key.kind().is_empty());
        assert!(key.rsa_size().is_none_or(|bits| bits <= key.bits.len() * 8));
    }
}
