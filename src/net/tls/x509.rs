//! Reads the parts of a certificate that webpki does not return: the version, the dates, the public key and the subject alternative names.
//! It also recognizes some other DER formats. It verifies nothing.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rustls::pki_types::UnixTime;

use super::error::hex;

// Tags of DER.

/// BOOLEAN.
const BOOLEAN: u8 = 0x01;
/// INTEGER.
const INTEGER: u8 = 0x02;
/// BIT STRING.
const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER.
const OID: u8 = 0x06;
/// SEQUENCE.
const SEQUENCE: u8 = 0x30;
/// UTCTime, whose years have two digits.
const UTC_TIME: u8 = 0x17;
/// GeneralizedTime, whose years have four digits.
const GENERALIZED_TIME: u8 = 0x18;
/// The field `version` of a certificate.
const VERSION: u8 = 0xa0;
/// The field `extensions` of a certificate.
const EXTENSIONS: u8 = 0xa3;
/// The tag of a GeneralName that is a dNSName.
const DNS_NAME: u8 = 0x82;
/// The tag of a GeneralName that is a uniformResourceIdentifier.
const URI: u8 = 0x86;
/// The tag of a GeneralName that is an iPAddress.
const IP_ADDRESS: u8 = 0x87;
/// The tag of a GeneralName that is a directoryName.
const DIRECTORY_NAME: u8 = 0xa4;
/// The bits of a GeneralName's tag that are not its number: the class (context-specific), and whether it is constructed.
const TAG_CLASS: u8 = 0xa0;

// Object identifiers, encoded.

/// rsaEncryption.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-RSASSA-PSS.
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
/// id-ecPublicKey.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// The curve P-256.
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// The curve P-384.
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// The curve P-521.
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
/// Ed25519.
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// Ed448.
const ED448: &[u8] = &[0x2b, 0x65, 0x71];
/// id-ce-subjectAltName.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// The beginning of the identifiers of all PKCS#7 types. The outermost type of a PKCS#12 file is one of them (pkcs7-data).
const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
/// The beginning of the identifiers of all PKCS#5 algorithms that encrypt a private key.
const PKCS5: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05];
/// The beginning of the identifiers of all PKCS#12 algorithms that encrypt a private key.
const PKCS12_PBE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c];

/// The parts of a certificate.
#[derive(Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// True if the certificate is older than X.509 v3. Then it has no extensions.
    pub is_old: bool,
    /// The public key: the whole SubjectPublicKeyInfo, in DER.
    pub key: &'a [u8],
    /// The first second in which the certificate is valid.
    pub not_before: UnixTime,
    /// The last second in which the certificate is valid.
    pub not_after: UnixTime,
    /// The names in the subject alternative name, in DER. `None`: the certificate has no subject alternative name.
    pub alt_names: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate from DER. None: the bytes are not a certificate.
    pub fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader(Reader(der).take(SEQUENCE)?);
        let mut fields = Reader(outer.take(SEQUENCE)?);
        // The version numbers are 0 for v1 (which may also be left out), 1 for v2, 2 for v3.
        let is_old = match fields.tag() {
            Some(VERSION) => Reader(fields.take(VERSION)?).take(INTEGER)? != [2],
            _ => true,
        };
        // Skips the serial number.
        fields.take(INTEGER)?;
        // Skips the signature's algorithm and the issuer.
        fields.take(SEQUENCE)?;
        fields.take(SEQUENCE)?;
        let mut validity = Reader(fields.take(SEQUENCE)?);
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        // Skips the subject. The public key follows it.
        fields.take(SEQUENCE)?;
        let key = fields.take_whole(SEQUENCE)?;
        let mut alt_names = None;
        while let Some(tag) = fields.tag() {
            let field = fields.take(tag)?;
            if tag == EXTENSIONS {
                let mut extensions = Reader(Reader(field).take(SEQUENCE)?);
                while !extensions.0.is_empty() {
                    let mut extension = Reader(extensions.take(SEQUENCE)?);
                    if extension.take(OID)? == SUBJECT_ALT_NAME {
                        alt_names = Some(extension.extension_value().unwrap_or_default());
                    }
                }
            }
        }
        Some(Self { is_old, key, not_before, not_after, alt_names })
    }

    /// The names in the subject alternative name, in the form for error messages.
    pub fn names(&self) -> Vec<String> {
        let mut names = Reader(self.alt_names.unwrap_or_default());
        std::iter::from_fn(|| {
            let tag = names.tag()?;
            Some(shown_name(tag, names.take(tag)?))
        })
        .collect()
    }
}

/// A GeneralName in the form for error messages. If its kind names no host, the result is the number of the kind.
fn shown_name(tag: u8, value: &[u8]) -> String {
    match tag {
        DNS_NAME | URI => String::from_utf8_lossy(value).into_owned(),
        DIRECTORY_NAME => "DirectoryName".to_owned(),
        IP_ADDRESS => match (<[u8; 4]>::try_from(value), <[u8; 16]>::try_from(value)) {
            (Ok(v4), _) => Ipv4Addr::from(v4).to_string(),
            (_, Ok(v6)) => Ipv6Addr::from(v6).to_string(),
            _ => format!("[invalid: {}]", hex(value)),
        },
        _ => format!("0x{:02x}", tag & !TAG_CLASS),
    }
}

/// The parts of a SubjectPublicKeyInfo.
#[derive(Debug, PartialEq, Eq)]
pub struct PublicKey<'a> {
    /// The contents of the AlgorithmIdentifier.
    pub algorithm: &'a [u8],
    /// The key itself.
    pub bits: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// Reads a public key from DER. None: the bytes are not a public key.
    pub fn read(der: &'a [u8]) -> Option<Self> {
        let mut fields = Reader(Reader(der).take(SEQUENCE)?);
        let algorithm = fields.take(SEQUENCE)?;
        // The first byte is the number of unused bits, which is 0 for a key.
        let (0, bits) = fields.take(BIT_STRING)?.split_first().map(|(unused, bits)| (*unused, bits))? else {
            return None;
        };
        Some(Self { algorithm, bits })
    }

    /// The size of the key in bits. None: it is not an RSA key.
    pub fn rsa_size(&self) -> Option<usize> {
        if Reader(self.algorithm).take(OID)? != RSA_ENCRYPTION {
            return None;
        }
        let modulus = Reader(Reader(self.bits).take(SEQUENCE)?).take(INTEGER)?;
        let first = modulus.iter().position(|byte| *byte != 0)?;
        Some((modulus.len() - first) * 8 - modulus[first].leading_zeros() as usize)
    }

    /// The kind of the key, in words for an error message.
    pub fn kind(&self) -> String {
        if let Some(size) = self.rsa_size() {
            return format!("an RSA key of {size} bits");
        }
        let mut fields = Reader(self.algorithm);
        let (algorithm, curve) = (fields.take(OID), fields.take(OID));
        match (algorithm, curve) {
            (Some(EC_PUBLIC_KEY), Some(P521)) => "an ECDSA key on P-521".to_owned(),
            (Some(EC_PUBLIC_KEY), Some(P256 | P384)) => "an ECDSA key on P-256 or P-384".to_owned(),
            (Some(EC_PUBLIC_KEY), _) => "an ECDSA key on another curve".to_owned(),
            (Some(RSA_PSS), _) => "an RSA-PSS key".to_owned(),
            (Some(ED25519), _) => "an Ed25519 key".to_owned(),
            (Some(ED448), _) => "an Ed448 key".to_owned(),
            _ => "a key of another kind".to_owned(),
        }
    }
}

/// Whether the bytes look like a PKCS#12 file (.p12, .pfx): they begin with a version and then have pkcs7-data.
pub fn is_pkcs12(der: &[u8]) -> bool {
    let read = || {
        let mut outer = Reader(Reader(der).take_beginning(SEQUENCE)?);
        let version = outer.take(INTEGER)?;
        let mut content = Reader(outer.take_beginning(SEQUENCE)?);
        Some(version == [3] && content.take(OID)?.starts_with(PKCS7))
    };
    read().unwrap_or(false)
}

/// Whether the bytes look like an encrypted PKCS#8 key.
pub fn is_encrypted_key(der: &[u8]) -> bool {
    let read = || {
        let mut outer = Reader(Reader(der).take(SEQUENCE)?);
        let oid = Reader(outer.take(SEQUENCE)?).take(OID)?;
        outer.take(OCTET_STRING)?;
        Some(oid.starts_with(PKCS5) || oid.starts_with(PKCS12_PBE))
    };
    read().unwrap_or(false)
}

/// The length in bytes of the sequence at the beginning of `der`, including its header. None: the bytes do not begin with a whole sequence.
pub fn first_element(der: &[u8]) -> Option<usize> {
    Reader(der).take_whole(SEQUENCE).map(<[u8]>::len)
}

/// Whether bytes are exactly one DER sequence, as every certificate and every key is.
pub fn is_sequence(der: &[u8]) -> bool {
    let mut reader = Reader(der);
    reader.take(SEQUENCE).is_some() && reader.0.is_empty()
}

/// Reads DER elements one after the other. The field holds the bytes that are not read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The tag of the next element. None: there is no more element.
    fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The lengths in bytes of the next element's header and of its value. None: the element has another tag, or the header is not valid
    /// DER.
    fn header(&self, tag: u8) -> Option<(usize, usize)> {
        let (&[found, first], rest) = self.0.split_first_chunk::<2>()?;
        if found != tag {
            return None;
        }
        if first < 0x80 {
            return Some((2, first.into()));
        }
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let length = rest.get(..count)?.iter().fold(0usize, |length, &byte| length << 8 | usize::from(byte));
        Some((2 + count, length))
    }

    /// Reads the next element, which must have this tag. Returns its value.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (start, length) = self.header(tag)?;
        let value = self.0.get(start..start.checked_add(length)?)?;
        self.0 = &self.0[start + length..];
        Some(value)
    }

    /// Reads the next element, which must have this tag. Returns its header and its value.
    fn take_whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        let all = self.0;
        let (start, length) = self.header(tag)?;
        self.take(tag)?;
        all.get(..start + length)
    }

    /// Returns the value of the next element without skipping the element. The value may be incomplete, or in the indefinite form of BER.
    fn take_beginning(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() == Some(&tag) && self.0.get(1) == Some(&0x80) {
            return Some(&self.0[2..]);
        }
        let (start, length) = self.header(tag)?;
        let end = start.checked_add(length)?.min(self.0.len());
        Some(&self.0[start..end])
    }

    /// Reads the rest of an extension after its OID. Returns the contents of its value, which must be a sequence.
    fn extension_value(&mut self) -> Option<&'a [u8]> {
        if self.tag() == Some(BOOLEAN) {
            // Skips the flag that says whether the extension is critical.
            self.take(BOOLEAN)?;
        }
        Reader(self.take(OCTET_STRING)?).take(SEQUENCE)
    }

    /// Reads a UTCTime or a GeneralizedTime.
    fn time(&mut self) -> Option<UnixTime> {
        let tag = self.tag()?;
        let text = std::str::from_utf8(self.take(tag)?).ok()?;
        let (year, rest) = match tag {
            // The year has two digits: 50 to 99 mean 1950 to 1999, 00 to 49 mean 2000 to 2049.
            UTC_TIME => {
                let short = digits(text.get(..2)?)?;
                (short + if short >= 50 { 1900 } else { 2000 }, text.get(2..)?)
            }
            GENERALIZED_TIME => (digits(text.get(..4)?)?, text.get(4..)?),
            _ => return None,
        };
        let number = |at: usize| digits(rest.get(at..at + 2)?);
        let (month, day, hour, minute, second) = (number(0)?, number(2)?, number(4)?, number(6)?, number(8)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1900 {
            return None;
        }
        // The algorithm is Howard Hinnant's days_from_civil.
        let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
        let days = y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
        // Times before 1970 become 1970. Both are in the past, so this changes no result.
        let seconds = days.saturating_sub(719_468) * 86_400 + hour * 3600 + minute * 60 + second;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// The number that these digits are. `None`: there is another character among them.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(tag: u8, text: &str) -> Option<u64> {
        let mut der = vec![tag, text.len() as u8];
        der.extend_from_slice(text.as_bytes());
        Reader(&der).time().map(|time| time.as_secs())
    }

    #[test]
    fn both_forms_of_time_are_read() {
        assert_eq!(time(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(GENERALIZED_TIME, "20261122191437Z"), Some(1_795_374_877));
        assert_eq!(time(GENERALIZED_TIME, "99991231235959Z"), Some(253_402_300_799));
        assert_eq!(time(UTC_TIME, "7013"), None);
        assert_eq!(time(UTC_TIME, "70+1+1000000Z"), None);
    }

    #[test]
    fn the_names_of_a_certificate_are_read_as_people_write_them() {
        use rcgen::{CertificateParams, KeyPair, SanType};

        let mut params = CertificateParams::new(vec!["b.example".to_owned()]).unwrap();
        params.subject_alt_names.extend([
            SanType::IpAddress([127, 0, 0, 1].into()),
            SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()),
            SanType::URI("https://b.example/x".try_into().unwrap()),
            SanType::Rfc822Name("a@b.example".try_into().unwrap()),
        ]);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = Certificate::read(certificate.der()).unwrap();
        assert_eq!(read.names(), ["b.example", "127.0.0.1", "::1", "https://b.example/x", "0x01"]);

        let nameless = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = Certificate::read(nameless.der()).unwrap();
        assert_eq!((read.alt_names, read.names()), (None, Vec::new()));
    }

    #[test]
    fn other_names_are_shown_by_their_kind() {
        assert_eq!(shown_name(DIRECTORY_NAME, &[SEQUENCE, 0]), "DirectoryName");
        assert_eq!(shown_name(0x88, &[1]), "0x08");
        assert_eq!(shown_name(IP_ADDRESS, &[1, 2]), "[invalid: 0102]");
    }

    #[test]
    fn random_bytes_are_not_a_certificate_and_do_not_panic() {
        let mut state = 7u32;
        for length in 0..200 {
            let mut bytes: Vec<u8> = Vec::new();
            for _ in 0..length {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                bytes.push((state >> 24) as u8);
            }
            if let Some(first) = bytes.first_mut() {
                *first = SEQUENCE;
            }
            let _ = (
                Certificate::read(&bytes).map(|read| read.names()),
                is_pkcs12(&bytes),
                is_encrypted_key(&bytes),
                is_sequence(&bytes),
            );
        }
        assert_eq!(Certificate::read(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
