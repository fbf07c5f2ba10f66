//! All errors of TLS, with their codes and with messages that a user can act on. docs/tls.md lists them. This file does not verify
//! certificates; `verify` does.

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error, InconsistentKeys, InvalidMessage, PeerIncompatible};

use crate::net::quoted;

/// The most names of a certificate that a message shows.
const SHOWN_NAMES: usize = 4;

/// An error of TLS, as the program gets it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} ({code})")]
pub struct TlsError {
    /// The code, which begins with "ERR_TLS_"; or "ENOBUFS".
    pub code: &'static str,
    /// The message: it says what was wrong and how to correct it.
    pub reason: String,
    /// True: an option is wrong, and the exception is an InvalidAccessError. False: the connection failed with a NetworkError.
    pub argument: bool,
    /// The number of the question that certificateFor has failed to answer. None: the error has another reason.
    pub question: Option<u32>,
}

impl TlsError {
    /// The error of a connection that failed or was lost.
    pub fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), argument: false, question: None }
    }

    /// The error of an option that is wrong.
    pub fn option(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), argument: true, question: None }
    }

    /// There is not enough memory to process `bytes` bytes of TLS options (R-error).
    pub fn no_memory(bytes: usize) -> Self {
        Self::new("ENOBUFS", format!("there is no memory for what becomes of {bytes} bytes of TLS options"))
    }

    /// The handshake was not done within the time limit.
    pub fn timed_out(milliseconds: u128) -> Self {
        Self::new(
            "ERR_TLS_HANDSHAKE_TIMEOUT",
            format!("the TLS handshake was not done after {milliseconds} ms: the peer stayed silent or stalled in it"),
        )
    }

    /// The server has no certificate for the name that the client has asked for. `name` is `None` if it has asked for none. `has_callback`:
    /// the server's options have certificateFor.
    pub fn no_certificate(name: Option<&str>, has_callback: bool) -> Self {
        let reason = match (name, has_callback) {
            (None, _) => "the client asked for no name, and there is no `cert` for such clients",
            (Some(_), false) => {
                "no certificate in serverCertificates is for the name that the client asked for, and there is no `cert` for any other name"
            }
            (Some(_), true) => {
                "certificateFor gave null for the name that the client asked for, and there is no `cert` for any other name"
            }
        };
        Self::new("ERR_TLS_NO_CERTIFICATE_FOR_NAME", reason)
    }

    /// certificateFor has failed to answer a question. `reason` is a sentence that says why.
    pub fn no_answer(question: u32, reason: &str) -> Self {
        let error = Self::new("ERR_TLS_NO_CERTIFICATE_FOR_NAME", quoted::sentence(reason));
        Self { question: Some(question), ..error }
    }

    /// The peer has sent more bytes than a hello has, before it got an answer.
    pub fn no_hello() -> Self {
        Self::new("ERR_TLS_PROTOCOL", "the peer sent more than a TLS handshake begins with")
    }

    /// The peer has sent FIN during the handshake.
    pub fn handshake_ended() -> Self {
        Self::new(
            "ERR_TLS_HANDSHAKE_ENDED",
            "the peer ended the connection in the middle of the TLS handshake. Perhaps it does not speak TLS on this port, or refused what it was offered without saying why",
        )
    }

    /// The peer has sent FIN without close_notify (R-tls-end).
    pub fn truncated() -> Self {
        Self::new(
            "ERR_TLS_TRUNCATED",
            "the connection ended without TLS's close_notify: the peer crashed, or somebody cut the stream short. What came before is genuine, but may not be all",
        )
    }

    /// The peer's first bytes, `first`, are not TLS.
    pub fn not_tls(first: &[u8]) -> Self {
        let shown: String = first
            .iter()
            .take(32)
            .map(|&byte| if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '.' })
            .collect();
        let readable = first.iter().take(8).filter(|byte| (0x20..0x7f).contains(*byte)).count() >= 4;
        Self::new(
            "ERR_TLS_NOT_TLS",
            if readable {
                format!(
                    "the peer does not speak TLS but plain text (it began with {shown:?}). Is this the right port, or does the protocol want startTls() first?"
                )
            } else {
                format!("the peer does not speak TLS: its first bytes are {}", hex(&first[..first.len().min(8)]))
            },
        )
    }

    /// The error that the program gets for an error of rustls. If the error contains one of our own, that one is returned.
    pub fn from_rustls(error: &Error) -> Self {
        let protocol = |reason: String| Self::new("ERR_TLS_PROTOCOL", reason);
        let said = |error: &Error| words(&error.to_string());
        match error {
            Error::InvalidCertificate(error) => certificate(error),
            Error::AlertReceived(alert) => alert_received(*alert),
            Error::PeerIncompatible(why) => incompatible(why),
            Error::NoApplicationProtocol => Self::new(
                "ERR_TLS_NO_COMMON_ALPN",
                "the client offered application protocols (ALPN), none of which this server has in `alpn`",
            ),
            Error::NoCertificatesPresented => Self::new(
                "ERR_TLS_CLIENT_CERT_REQUIRED",
                "the client presented no certificate, and requestCert with rejectUnauthorized asks for one",
            ),
            Error::PeerSentOversizedRecord => {
                protocol("the peer sent a TLS record longer than the protocol allows".into())
            }
            Error::DecryptError => protocol(
                "a TLS record could not be decrypted: it was altered on its way, or the peer's keys are not ours"
                    .into(),
            ),
            Error::InvalidMessage(InvalidMessage::MessageTooLarge) => {
                protocol("the peer sent a TLS record longer than the protocol allows".into())
            }
            Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => {
                protocol("the peer sent a TLS record of an unknown version".into())
            }
            Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
                protocol(format!("the peer sent a TLS message at the wrong time: {}", said(error)))
            }
            Error::Other(other) => match other.0.downcast_ref::<TlsError>() {
                Some(own) => own.clone(),
                None => protocol(format!("the TLS handshake failed: {}", said(error))),
            },
            _ => protocol(format!("the peer broke the TLS protocol: {}", said(error))),
        }
    }
}

/// The error if rustls or webpki refuses the peer's certificate.
pub fn certificate(error: &CertificateError) -> TlsError {
    let invalid = |reason: String| TlsError::new("ERR_TLS_CERT_INVALID", reason);
    match error {
        CertificateError::Expired => TlsError::new("ERR_TLS_CERT_EXPIRED", "the peer's certificate has expired"),
        CertificateError::ExpiredContext { time, not_after } => expired(*time, *not_after),
        CertificateError::NotValidYet => {
            TlsError::new("ERR_TLS_CERT_NOT_YET_VALID", "the peer's certificate is not valid yet")
        }
        CertificateError::NotValidYetContext { time, not_before } => not_yet_valid(*time, *not_before),
        CertificateError::UnknownIssuer => TlsError::new(
            "ERR_TLS_UNKNOWN_ISSUER",
            "the peer's certificate was not issued by an authority that is trusted here. If it is one of your own, give that authority's certificate as `ca`; if the chain lacks an intermediate, the peer has to send it",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsError::new("ERR_TLS_NAME_MISMATCH", "the peer's certificate is for another name")
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => TlsError::new(
            "ERR_TLS_CERT_PURPOSE",
            "the peer's certificate is not meant for this use: its extended key usage lacks serverAuth (for a server) or clientAuth (for a client)",
        ),
        CertificateError::BadEncoding => invalid("the peer's certificate cannot be read: its encoding is wrong, or it is older than X.509 v3".into()),
        CertificateError::BadSignature => invalid(
            "a signature in the peer's chain or handshake is wrong: the certificate was altered, the peer lacks its key, or an authority in `ca` is only a namesake of the one that issued it"
                .into(),
        ),
        CertificateError::Revoked => invalid("the peer's certificate has been revoked".into()),
        CertificateError::Other(other) => match other.0.downcast_ref::<TlsError>() {
            Some(own) => own.clone(),
            None => invalid(format!("the peer's certificate was refused: {}", words(&other.0.to_string()))),
        },
        error => invalid(format!("the peer's certificate was refused: {}", words(&format!("{error:?}")))),
    }
}

/// The peer uses the certificate of an authority as its own certificate.
pub fn self_signed() -> TlsError {
    TlsError::new(
        "ERR_TLS_UNKNOWN_ISSUER",
        "the peer's certificate is self-signed (an authority's own), and not trusted here. If it is yours, give exactly it as `ca`",
    )
}

/// The peer's certificate has expired.
pub fn expired(now: UnixTime, not_after: UnixTime) -> TlsError {
    let (now, end) = (date(now), date(not_after));
    TlsError::new(
        "ERR_TLS_CERT_EXPIRED",
        format!(
            "the peer's certificate expired on {end}, and it is {now} now: it has to be renewed (or this host's clock set)"
        ),
    )
}

/// The peer's certificate is not valid yet.
pub fn not_yet_valid(now: UnixTime, not_before: UnixTime) -> TlsError {
    let (now, start) = (date(now), date(not_before));
    TlsError::new(
        "ERR_TLS_CERT_NOT_YET_VALID",
        format!(
            "the peer's certificate is valid only from {start} on, and it is {now} now: is this host's clock right?"
        ),
    )
}

/// The certificate of the authority at the end of the chain has expired.
pub fn authority_expired(now: UnixTime, not_after: UnixTime) -> TlsError {
    let (now, end) = (date(now), date(not_after));
    TlsError::new(
        "ERR_TLS_CERT_EXPIRED",
        format!(
            "the peer's chain ends in an authority whose certificate expired on {end}, and it is {now} now: give its successor as `ca` (or set this host's clock)"
        ),
    )
}

/// The certificate of the authority at the end of the chain is not valid yet.
pub fn authority_not_yet_valid(now: UnixTime, not_before: UnixTime) -> TlsError {
    let (now, start) = (date(now), date(not_before));
    TlsError::new(
        "ERR_TLS_CERT_NOT_YET_VALID",
        format!(
            "the peer's chain ends in an authority whose certificate is valid only from {start} on, and it is {now} now: is this host's clock right?"
        ),
    )
}

/// None of the certificate's names is the expected one.
pub fn wrong_name(expected: &ServerName<'_>, presented: &[String]) -> TlsError {
    let expected = expected.to_str();
    // A certificate may have thousands of names, of any length.
    let shown = presented.iter().take(SHOWN_NAMES).map(|name| format!("{:?}", quoted::beginning(name)));
    let more = presented.len().checked_sub(SHOWN_NAMES).filter(|more| *more > 0);
    let more = more.map(|more| format!("{more} more"));
    let found: Vec<String> = shown.chain(more).collect();
    TlsError::new(
        "ERR_TLS_NAME_MISMATCH",
        format!(
            "the peer's certificate is not for {expected:?} but for {}. Connect by one of these names, or give one as `sni`",
            found.join(", ")
        ),
    )
}

/// The certificate has no subject alternative name. It may have a host name as its common name, but common names are not used.
pub fn no_san(expected: &ServerName<'_>) -> TlsError {
    let name = expected.to_str();
    let kind = if matches!(expected, ServerName::IpAddress(_)) { "IP" } else { "DNS" };
    TlsError::new(
        "ERR_TLS_NO_SAN",
        format!(
            "the peer's certificate names no host (it has no subject alternative name; the common name does not count). Make it with: openssl req -x509 … -addext \"subjectAltName={kind}:{name}\""
        ),
    )
}

/// The error if the peer and we have no TLS version, cipher suite, key exchange or signature in common.
fn incompatible(why: &PeerIncompatible) -> TlsError {
    match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        // Every client that supports TLS 1.2 or later sends this extension.
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => TlsError::new(
            "ERR_TLS_NO_COMMON_PROTOCOL",
            "the peer speaks no version of TLS that is allowed here: TLS 1.2 and 1.3 are (1.3 only, where minVersion says so)",
        ),
        PeerIncompatible::NoCipherSuitesInCommon
        | PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::NamedGroupsExtensionRequired
        | PeerIncompatible::NoEcPointFormatsInCommon => TlsError::new(
            "ERR_TLS_NO_COMMON_CIPHER",
            format!(
                "the peer has no cipher suite, key exchange or signature in common with this end ({}): AES-GCM or ChaCha20 with forward secrecy are wanted, over X25519, P-256 or P-384",
                words(&format!("{why:?}"))
            ),
        ),
        other => TlsError::new("ERR_TLS_PROTOCOL", format!("the peer's TLS lacks what is needed: {}", words(&format!("{other:?}")))),
    }
}

/// Makes a text of rustls or webpki readable: a type's name in it, such as `NoCipherSuitesInCommon`, becomes separate words.
fn words(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + 16);
    // After " {" the text has the fields of a value, which are mostly bytes. They are left out.
    let text = text.split(" {").next().unwrap_or_default();
    let is_name = |token: &str| {
        let mut letters = token.chars().zip(token.chars().skip(1));
        letters.any(|(one, next)| one.is_ascii_lowercase() && next.is_ascii_uppercase())
    };
    for token in text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
        if !is_name(token) {
            plain.push_str(token);
            continue;
        }
        for (index, letter) in token.chars().enumerate() {
            if letter.is_ascii_uppercase() && index > 0 {
                plain.push(' ');
            }
            plain.push(letter.to_ascii_lowercase());
        }
    }
    quoted::sentence(&plain)
}

/// The peer has sent an alert. The message says what this alert usually means.
fn alert_received(alert: AlertDescription) -> TlsError {
    use AlertDescription as Alert;
    let meaning = match alert {
        Alert::HandshakeFailure => {
            "nothing that this end offered suits it (cipher suites, signatures, or a client certificate that it wants)"
        }
        Alert::BadCertificate | Alert::UnsupportedCertificate | Alert::CertificateUnknown => {
            "it refuses our certificate"
        }
        Alert::CertificateExpired => "our certificate has expired",
        Alert::CertificateRevoked => "our certificate has been revoked",
        Alert::UnknownCA => "it does not trust the authority that issued our certificate",
        Alert::CertificateRequired => "it wants a client certificate: give `cert` and `key`",
        Alert::AccessDenied => "our certificate is valid, but not admitted",
        Alert::ProtocolVersion => "it speaks no version of TLS that is allowed here",
        Alert::InsufficientSecurity => "it wants stronger ciphers than it was offered",
        Alert::UnrecognisedName => "it has no certificate for the name that it was asked for (`sni`)",
        Alert::NoApplicationProtocol => "it has none of the application protocols in `alpn`",
        Alert::DecodeError | Alert::IllegalParameter | Alert::UnexpectedMessage | Alert::RecordOverflow => {
            "it could not make sense of what it was sent"
        }
        Alert::DecryptError | Alert::BadRecordMac => "what it was sent did not verify or decrypt",
        Alert::InternalError => "something failed at its end",
        Alert::UserCanceled => "it gave up",
        _ => "it gave up",
    };
    TlsError::new(
        "ERR_TLS_ALERT",
        format!(
            "the peer broke the connection off with the TLS alert {} ({}): {meaning}",
            alert_name(alert),
            u8::from(alert)
        ),
    )
}

/// The name of an alert in the standard, for example unknown_ca for `UnknownCA`.
fn alert_name(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => return "unknown_ca".into(),
        AlertDescription::UnrecognisedName => return "unrecognized_name".into(),
        AlertDescription::UnknownPSKIdentity => return "unknown_psk_identity".into(),
        _ => {}
    }
    let mut name = String::new();
    for letter in format!("{alert:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// The error if rustls refuses our own certificate and key. `what` names the option.
pub fn own_key(error: &Error, what: &str) -> TlsError {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::option(
            "ERR_TLS_KEY_MISMATCH",
            format!(
                "{what}: the key does not belong to the certificate (the first one in `cert` must be the key's own). Compare: openssl x509 -in cert.pem -noout -pubkey; openssl pkey -in key.pem -pubout"
            ),
        ),
        Error::InvalidCertificate(_) => TlsError::option(
            "ERR_TLS_BAD_CERTIFICATE",
            format!("{what}: the first certificate cannot be read: {}", words(&error.to_string())),
        ),
        error => TlsError::option(
            "ERR_TLS_BAD_KEY",
            format!(
                "{what}.key cannot be used ({}): RSA from 2,048 bits, ECDSA on P-256 or P-384, and Ed25519 keys can",
                words(&error.to_string())
            ),
        ),
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A time in the form 2026-11-22T19:14:37Z.
fn date(time: UnixTime) -> String {
    let seconds = time.as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // The algorithm is Howard Hinnant's civil_from_days, for days since 1970.
    let z = days + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_the_calendar_s() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_374_877, "2026-11-22T19:14:37Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(date(UnixTime::since_unix_epoch(Duration::from_secs(seconds))), text);
        }
    }

    #[test]
    fn an_alert_is_named_as_in_the_standard_and_explained() {
        let error = TlsError::from_rustls(&Error::AlertReceived(AlertDescription::UnknownCA));
        assert_eq!(error.code, "ERR_TLS_ALERT");
        assert!(error.reason.contains("unknown_ca (48)"), "{}", error.reason);
        let error = TlsError::from_rustls(&Error::AlertReceived(AlertDescription::HandshakeFailure));
        assert!(error.reason.contains("handshake_failure (40)"), "{}", error.reason);
    }

    #[test]
    fn a_wrong_name_s_message_has_the_expected_and_the_found_names() {
        let expected = ServerName::try_from("a.example").unwrap();
        let error = wrong_name(&expected, &["b.example".to_owned(), "127.0.0.1".to_owned()]);
        assert!(error.reason.contains("\"a.example\" but for \"b.example\", \"127.0.0.1\""), "{}", error.reason);
    }

    #[test]
    fn of_a_certificate_with_thousands_of_names_a_message_has_the_first_ones() {
        let expected = ServerName::try_from("a.example").unwrap();
        let long = "b".repeat(10_000);
        let error = wrong_name(&expected, &vec![long; 5_000]);
        assert!(error.reason.chars().count() < 500, "{}", error.reason);
        assert!(error.reason.contains("4996 more"), "{}", error.reason);
        let unprintable = wrong_name(&expected, &["\u{1b}[31m".to_owned()]);
        assert!(!unprintable.reason.contains('\u{1b}'), "{}", unprintable.reason);
        let other = certificate(&CertificateError::InvalidOcspResponse);
        assert!(other.reason.contains("invalid ocsp response"), "{}", other.reason);
    }

    #[test]
    fn names_of_types_become_words() {
        assert_eq!(words("NoCipherSuitesInCommon"), "no cipher suites in common");
        assert_eq!(words("peer misbehaved: IllegalWarningAlert(3)"), "peer misbehaved: illegal warning alert(3)");
        assert_eq!(words("UnsupportedKey { id: [1, 2] }"), "unsupported key");
        assert_eq!(words("a TLS record was lost"), "a TLS record was lost");
    }

    #[test]
    fn plain_text_is_shown_and_other_bytes_are_not_taken_for_it() {
        assert!(TlsError::not_tls(b"HTTP/1.1 400 Bad Request\r\n").reason.contains("HTTP/1.1 400"));
        assert!(TlsError::not_tls(&[0, 1, 2, 3]).reason.contains("00010203"));
    }
}
