//! Reads certificates and keys from the options: PEM or DER, as a string or as bytes. An error message says what was found and what was
//! expected. This file does not verify certificates.

use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::TlsError;
use super::x509;
use crate::net::quoted;

/// The most labels of a PEM file that an error message lists.
const MAX_LABELS: usize = 4;

/// A `PEMOrDER`, copied when the program passed it.
#[derive(Clone)]
pub enum Material {
    /// A string: PEM.
    Text(String),
    /// Bytes: PEM or DER.
    Bytes(Vec<u8>),
}

impl Material {
    /// The bytes, unchanged.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// Shows only the length, because the contents may be a private key.
impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
        }
    }
}

/// One section of a PEM file, from "-----BEGIN …-----" to "-----END …-----".
struct Section {
    /// The text between "BEGIN " and the dashes.
    label: String,
    /// The decoded contents. Empty if `encrypted`.
    der: Vec<u8>,
    /// True if an RFC 1421 header says that the contents are encrypted ("Proc-Type: 4,ENCRYPTED").
    encrypted: bool,
}

/// The encoding of a [`Material`].
enum Encoding<'a> {
    /// PEM, with at least one section.
    Pem(Vec<Section>),
    /// Anything else, which is treated as DER.
    Der(&'a [u8]),
}

/// The certificates in all `materials`, in order. It is an error if one material contains no certificate. `what` names the option in
/// errors.
pub fn certificates(what: &str, materials: &[Material]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut certificates = Vec::new();
    for material in materials {
        match encoding_of(what, material, "CERTIFICATE")? {
            Encoding::Pem(sections) => {
                let before = certificates.len();
                for section in &sections {
                    let is_trusted = section.label == "TRUSTED CERTIFICATE";
                    if is_trusted || matches!(section.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE") {
                        certificates.push(certificate(what, section.der.clone(), is_trusted)?);
                    }
                }
                if certificates.len() == before {
                    let found = labels(&sections);
                    return Err(TlsError::option(
                        "ERR_TLS_BAD_PEM",
                        format!("{what} holds no certificate: found {found}, wanted \"-----BEGIN CERTIFICATE-----\""),
                    ));
                }
            }
            Encoding::Der(der) => certificates.push(certificate(what, der.to_vec(), false)?),
        }
    }
    if certificates.is_empty() {
        return Err(TlsError::option(
            "ERR_TLS_BAD_PEM",
            format!("{what} is an empty list: at least one certificate is needed"),
        ));
    }
    Ok(certificates)
}

/// Reads one certificate from DER. `is_trusted`: the bytes are a "TRUSTED CERTIFICATE" of OpenSSL, which has more data after the
/// certificate.
fn certificate(what: &str, mut der: Vec<u8>, is_trusted: bool) -> Result<CertificateDer<'static>, TlsError> {
    if is_trusted && let Some(length) = x509::first_element(&der) {
        der.truncate(length);
    }
    if x509::Certificate::read(&der).is_some() {
        return Ok(CertificateDer::from(der));
    }
    if x509::is_pkcs12(&der) {
        return Err(pkcs12(what));
    }
    let found = if PrivateKeyDer::try_from(der.as_slice()).is_ok() {
        "a private key"
    } else if x509::is_sequence(&der) {
        "some other DER"
    } else {
        "bytes that are no DER"
    };
    Err(TlsError::option(
        "ERR_TLS_BAD_CERTIFICATE",
        format!("{what} holds no X.509 certificate: found {found} ({} bytes)", der.len()),
    ))
}

/// The private key in `material`. `what` names the option in errors.
pub fn private_key(what: &str, material: &Material) -> Result<PrivateKeyDer<'static>, TlsError> {
    let der = match encoding_of(what, material, "PRIVATE KEY")? {
        Encoding::Pem(sections) => {
            let is_key = |section: &&Section| section.label.ends_with("PRIVATE KEY");
            let Some(section) = sections.iter().find(is_key) else {
                let found = labels(&sections);
                return Err(TlsError::option(
                    "ERR_TLS_BAD_PEM",
                    format!(
                        "{what} holds no private key: found {found}, wanted \"-----BEGIN PRIVATE KEY-----\" or the like"
                    ),
                ));
            };
            if section.encrypted || section.label == "ENCRYPTED PRIVATE KEY" {
                return Err(encrypted(what));
            }
            if !matches!(section.label.as_str(), "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY") {
                return Err(TlsError::option(
                    "ERR_TLS_BAD_KEY",
                    format!(
                        "{what} is a \"{}\", wanted is PKCS#8, PKCS#1 or SEC1. Convert it: openssl pkcs8 -topk8 -nocrypt -in key.pem",
                        quoted::plain(&section.label)
                    ),
                ));
            }
            section.der.clone()
        }
        Encoding::Der(der) => der.to_vec(),
    };
    if x509::is_encrypted_key(&der) {
        return Err(encrypted(what));
    }
    if x509::is_pkcs12(&der) {
        return Err(pkcs12(what));
    }
    let found = if x509::Certificate::read(&der).is_some() { "a certificate" } else { "something else" };
    let length = der.len();
    PrivateKeyDer::try_from(der).map_err(|_| {
        TlsError::option(
            "ERR_TLS_BAD_KEY",
            format!("{what} is no PKCS#8, PKCS#1 or SEC1 private key: found {found} ({length} bytes)"),
        )
    })
}

/// The error for an encrypted private key.
fn encrypted(what: &str) -> TlsError {
    TlsError::option(
        "ERR_TLS_ENCRYPTED_KEY",
        format!("{what} is an encrypted private key. Decrypt it first: openssl pkey -in key.pem -out plain.pem"),
    )
}

/// The error for a PKCS#12 file.
fn pkcs12(what: &str) -> TlsError {
    TlsError::option(
        "ERR_TLS_PKCS12",
        format!(
            "{what} is a PKCS#12 file (.p12, .pfx), not a certificate or key. Take them out first: openssl pkcs12 -in file.p12 -nodes -out both.pem, and give both.pem as `cert` and as `key`"
        ),
    )
}

/// Decides whether `material` is PEM, and reads the sections if so. A string is always PEM. `wanted` is the label that error messages ask
/// for.
fn encoding_of<'a>(what: &str, material: &'a Material, wanted: &str) -> Result<Encoding<'a>, TlsError> {
    match material {
        Material::Text(text) => sections(what, text.as_bytes(), wanted).map(Encoding::Pem),
        Material::Bytes(bytes) if find(bytes, b"-----BEGIN ").is_some() => {
            sections(what, bytes, wanted).map(Encoding::Pem)
        }
        // "-BE" in UTF-16, in either byte order.
        Material::Bytes(bytes) if find(bytes, b"-\0B\0E\0").or_else(|| find(bytes, b"\0-\0B\0E")).is_some() => {
            let reason = format!("{what} is PEM in UTF-16: save it as UTF-8 or ASCII");
            Err(TlsError::option("ERR_TLS_BAD_PEM", reason))
        }
        Material::Bytes(bytes) => Ok(Encoding::Der(bytes)),
    }
}

/// The labels of sections, for an error message: at most [`MAX_LABELS`] labels, and the number of the others.
fn labels(sections: &[Section]) -> String {
    let shown = sections
        .iter()
        .take(MAX_LABELS)
        .map(|section| format!("\"-----BEGIN {}-----\"", quoted::plain(&section.label)));
    let more = sections.len().checked_sub(MAX_LABELS).filter(|more| *more > 0);
    let labels: Vec<String> = shown.chain(more.map(|more| format!("{more} more"))).collect();
    labels.join(", ")
}

/// The index of the first place where `bytes` contain `wanted`. None: there is none.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Reads all sections of a PEM file. It is an error if there is none.
fn sections(what: &str, bytes: &[u8], wanted: &str) -> Result<Vec<Section>, TlsError> {
    let bad = |why: String| TlsError::option("ERR_TLS_BAD_PEM", format!("{what} is no PEM: {why}"));
    let text = String::from_utf8_lossy(bytes);
    let mut sections = Vec::new();
    let mut rest: &str = &text;
    while let Some(start) = rest.find("-----BEGIN ") {
        let after = &rest[start + "-----BEGIN ".len()..];
        let Some((label, after)) = after.split_once("-----").filter(|(label, _)| !label.contains('\n')) else {
            return Err(bad("a line begins with \"-----BEGIN \" but does not end with \"-----\"".into()));
        };
        let end = format!("-----END {label}-----");
        let shown = quoted::plain(label);
        let Some((body, after)) = after.split_once(&end) else {
            return Err(bad(format!(
                "\"-----BEGIN {shown}-----\" is there, but not its \"-----END {shown}-----\": it was cut short"
            )));
        };
        // Keys in the old form of OpenSSL have RFC 1421 headers.
        let encrypted = body.contains("Proc-Type:") && body.contains("ENCRYPTED");
        let mut der = Vec::new();
        if !encrypted {
            der = decode(body, label.ends_with("PRIVATE KEY")).ok_or_else(|| {
                bad(if body.contains("\\n") {
                    "it has \\n as two characters where line breaks belong, as text from an environment variable often has: text.replaceAll(\"\\\\n\", \"\\n\") makes it right".into()
                } else {
                    format!("the base64 of \"-----BEGIN {shown}-----\" is damaged")
                })
            })?;
        }
        sections.push(Section { label: label.to_owned(), der, encrypted });
        rest = after;
    }
    if sections.is_empty() {
        let shown: String = text.chars().take(40).collect();
        return Err(bad(if text.trim().is_empty() {
            "it is empty".into()
        } else if shown.contains("BEGIN") {
            format!("it begins with {shown:?}, wanted is \"-----BEGIN {wanted}-----\" with five dashes on each side")
        } else {
            format!(
                "it begins with {shown:?}, wanted is \"-----BEGIN {wanted}-----\" (the contents, not the name, of a file; DER goes in a Uint8Array)"
            )
        }));
    }
    Ok(sections)
}

/// Decodes the base64 of a section, without its RFC 1421 headers. None: the base64 is damaged or empty. `is_secret`: the section is a
/// private key, so the decoder does not branch on its bytes.
fn decode(body: &str, is_secret: bool) -> Option<Vec<u8>> {
    // Another section begins or ends inside this one, so a part of the file is missing.
    if body.contains("-----") {
        return None;
    }
    let lines: Vec<&str> = body.lines().filter(|line| !line.contains(':')).collect();
    let label = if is_secret { "PRIVATE KEY" } else { "CERTIFICATE" };
    let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"));
    let (_, der) = <(SectionKind, Vec<u8>)>::from_pem_slice(text.as_bytes()).ok()?;
    Some(der).filter(|der| !der.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T>(result: Result<T, TlsError>) -> &'static str {
        result.err().map_or("none", |error| error.code)
    }

    fn text(pem: &str) -> Material {
        Material::Text(pem.to_owned())
    }

    #[test]
    fn base64_is_read_and_damage_noticed() {
        for is_secret in [false, true] {
            let read = |text: &str| decode(text, is_secret);
            assert_eq!(read("\naGVs bG8=\r\n").as_deref(), Some(&b"hello"[..]));
            assert_eq!(read("\nHeader: value\n\naGVsbA==\n").as_deref(), Some(&b"hell"[..]));
            for bad in ["aGVsbG8=x", "aGVs*G8=", "a", "", "aGVsbG8==", "aGVs\n-----END CERTIFICATE-----\n"] {
                assert_eq!(read(bad), None, "{bad}");
            }
        }
    }

    /// OpenSSL's "TRUSTED CERTIFICATE" has more data after the certificate, which says for which purposes the certificate is trusted.
    #[test]
    fn data_behind_a_trusted_certificate_is_ignored() {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let mut der = made.cert.der().to_vec();
        let plain = der.clone();
        der.extend_from_slice(&[0x30, 0x0c, 0x30, 0x0a, 0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 3, 1]);
        let lines: Vec<String> =
            made.cert.pem().lines().filter(|line| !line.starts_with('-')).map(str::to_owned).collect();
        assert_eq!(decode(&lines.join("\n"), false).as_deref(), Some(&plain[..]));
        let read = certificate("ca", der.clone(), true).unwrap();
        assert_eq!(read.as_ref(), plain);
        assert!(certificate("ca", plain, false).is_ok());
    }

    #[test]
    fn errors_about_pem_say_what_was_found() {
        for (bad, found) in [
            ("", "it is empty"),
            ("/etc/ssl/key.pem", "not the name, of a file"),
            ("--BEGIN CERTIFICATE--", "five dashes"),
            ("-----BEGIN CERTIFICATE-----\nAAAA", "cut short"),
            ("-----BEGIN CERTIFICATE-----\nA*AA\n-----END CERTIFICATE-----", "damaged"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "BEGIN PUBLIC KEY"),
        ] {
            let error = certificates("ca", &[text(bad)]).unwrap_err();
            assert_eq!(error.code, "ERR_TLS_BAD_PEM");
            assert!(error.argument && error.reason.contains(found), "{bad}: {}", error.reason);
        }
        assert_eq!(code(certificates("ca", &[])), "ERR_TLS_BAD_PEM");
        assert_eq!(code(certificates("ca", &[Material::Bytes(vec![1, 2, 3])])), "ERR_TLS_BAD_CERTIFICATE");
    }

    #[test]
    fn errors_show_few_labels_and_shorten_long_ones() {
        let section = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        let many = section("PUBLIC KEY").repeat(10_000) + &section(&"x".repeat(10_000_000));
        let error = certificates("ca", &[text(&many)]).unwrap_err();
        assert!(error.reason.len() < 500 && error.reason.contains("9997 more"), "{}", error.reason);
        let unprintable = certificates("ca", &[text(&section("\u{1b}[31m"))]).unwrap_err();
        assert!(!unprintable.reason.contains('\u{1b}'), "{}", unprintable.reason);
    }

    #[test]
    fn errors_about_encrypted_keys_and_pkcs12_name_the_command_that_helps() {
        let pem = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let error = private_key("key", &text(pem)).unwrap_err();
        assert_eq!(error.code, "ERR_TLS_ENCRYPTED_KEY");
        assert!(error.reason.contains("openssl pkey"), "{}", error.reason);
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----";
        assert_eq!(code(private_key("key", &text(old))), "ERR_TLS_ENCRYPTED_KEY");
        let mut pkcs12 = vec![0x30, 0x82, 0x09, 0x00, 0x02, 0x01, 0x03, 0x30, 0x82, 0x08, 0x00, 0x06, 0x09];
        pkcs12.extend_from_slice(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01]);
        assert_eq!(code(private_key("key", &Material::Bytes(pkcs12.clone()))), "ERR_TLS_PKCS12");
        assert_eq!(code(certificates("cert", &[Material::Bytes(pkcs12)])), "ERR_TLS_PKCS12");
    }

    #[test]
    fn keys_of_another_kind_are_refused() {
        let dsa = "-----BEGIN DSA PRIVATE KEY-----\nMAAA\n-----END DSA PRIVATE KEY-----";
        assert_eq!(code(private_key("key", &text(dsa))), "ERR_TLS_BAD_KEY");
        let certificate = "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----";
        assert_eq!(code(private_key("key", &text(certificate))), "ERR_TLS_BAD_PEM");
    }
}
