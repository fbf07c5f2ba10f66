//! What has to be known of a certificate beyond what webpki tells: its version, its dates, its key, and its names. Verifies
//! nothing.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rustls::pki_types::UnixTime;

use super::error::hex;

/// Tags of DER.
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// Tags of a GeneralName: dNSName, uniformResourceIdentifier, iPAddress, directoryName.
const DNS_NAME: u8 = 0x82;
const URI: u8 = 0x86;
const IP_ADDRESS: u8 = 0x87;
const DIRECTORY_NAME: u8 = 0xa4;
/// The bits of a GeneralName's tag that do not tell the kinds apart: context-specific, constructed.
const TAG_CLASS: u8 = 0xa0;

/// Kinds of keys: rsaEncryption, id-RSASSA-PSS, id-ecPublicKey and its curves, Ed25519, Ed448.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const ED448: &[u8] = &[0x2b, 0x65, 0x71];
/// id-ce-subjectAltName.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// pkcs7-data, the outermost type of what PKCS#12 holds.
const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
/// PKCS#5 and PKCS#12: how a private key was encrypted.
const PKCS5: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05];
const PKCS12_PBE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c];

/// The parts of a certificate.
#[derive(Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// It is older than X.509 v3, and so has no extensions.
    pub is_old: bool,
    /// Its key: a whole SubjectPublicKeyInfo.
    pub key: &'a [u8],
    /// Valid from.
    pub not_before: UnixTime,
    /// Valid until, that second included.
    pub not_after: UnixTime,
    /// The names in its subject alternative name; `None`: it has none.
    pub alt_names: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    /// Reads one; `None` where that is no certificate.
    pub fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader(Reader(der).take(SEQUENCE)?);
        let mut fields = Reader(outer.take(SEQUENCE)?);
        // Absent, 0: v1; 1: v2; 2: v3.
        let is_old = match fields.tag() {
            Some(VERSION) => Reader(fields.take(VERSION)?).take(INTEGER)? != [2],
            _ => true,
        };
        fields.take(INTEGER)?;
        // The signature's algorithm, the issuer.
        fields.take(SEQUENCE)?;
        fields.take(SEQUENCE)?;
        let mut validity = Reader(fields.take(SEQUENCE)?);
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        // The subject, its key.
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

    /// The names in its subject alternative name, as a message shows them.
    pub fn names(&self) -> Vec<String> {
        let mut names = Reader(self.alt_names.unwrap_or_default());
        std::iter::from_fn(|| {
            let tag = names.tag()?;
            Some(shown_name(tag, names.take(tag)?))
        })
        .collect()
    }
}

/// A GeneralName as a message shows it. Of a kind that names no host it is the number.
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
    /// The contents of its AlgorithmIdentifier.
    pub algorithm: &'a [u8],
    /// The key itself.
    pub bits: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// Reads one; `None` where that is none.
    pub fn read(der: &'a [u8]) -> Option<Self> {
        let mut fields = Reader(Reader(der).take(SEQUENCE)?);
        let algorithm = fields.take(SEQUENCE)?;
        // No bits are unused.
        let (0, bits) = fields.take(BIT_STRING)?.split_first().map(|(unused, bits)| (*unused, bits))? else {
            return None;
        };
        Some(Self { algorithm, bits })
    }

    /// The size of an RSA key in bits; `None` where it is no RSA key.
    pub fn rsa_size(&self) -> Option<usize> {
        if Reader(self.algorithm).take(OID)? != RSA_ENCRYPTION {
            return None;
        }
        let modulus = Reader(Reader(self.bits).take(SEQUENCE)?).take(INTEGER)?;
        let first = modulus.iter().position(|byte| *byte != 0)?;
        Some((modulus.len() - first) * 8 - modulus[first].leading_zeros() as usize)
    }

    /// What kind of key it is, for people.
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

/// Whether bytes look like a PKCS#12 file (.p12, .pfx): a version, then pkcs7-data.
pub fn is_pkcs12(der: &[u8]) -> bool {
    let read = || {
        let mut outer = Reader(Reader(der).take_beginning(SEQUENCE)?);
        let version = outer.take(INTEGER)?;
        let mut content = Reader(outer.take_beginning(SEQUENCE)?);
        Some(version == [3] && content.take(OID)?.starts_with(PKCS7))
    };
    read().unwrap_or(false)
}

/// Whether bytes look like an encrypted PKCS#8 key.
pub fn is_encrypted_key(der: &[u8]) -> bool {
    let read = || {
        let mut outer = Reader(Reader(der).take(SEQUENCE)?);
        let oid = Reader(outer.take(SEQUENCE)?).take(OID)?;
        outer.take(OCTET_STRING)?;
        Some(oid.starts_with(PKCS5) || oid.starts_with(PKCS12_PBE))
    };
    read().unwrap_or(false)
}

/// The length of the sequence that bytes begin with.
pub fn first_element(der: &[u8]) -> Option<usize> {
    Reader(der).take_whole(SEQUENCE).map(<[u8]>::len)
}

/// Whether bytes are one DER sequence and nothing behind it: what a certificate or key is at least.
pub fn is_sequence(der: &[u8]) -> bool {
    let mut reader = Reader(der);
    reader.take(SEQUENCE).is_some() && reader.0.is_empty()
}

/// Reads tag, length and value.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

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

    /// The value of the next element, which must have this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (start, length) = self.header(tag)?;
        let value = self.0.get(start..start.checked_add(length)?)?;
        self.0 = &self.0[start + length..];
        Some(value)
    }

    /// The next element with its header, which must have this tag.
    fn take_whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        let all = self.0;
        let (start, length) = self.header(tag)?;
        self.take(tag)?;
        all.get(..start + length)
    }

    /// [`Reader::take`], of an element whose end may be missing or written in BER's indefinite form.
    fn take_beginning(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() == Some(&tag) && self.0.get(1) == Some(&0x80) {
            return Some(&self.0[2..]);
        }
        let (start, length) = self.header(tag)?;
        let end = start.checked_add(length)?.min(self.0.len());
        Some(&self.0[start..end])
    }

    /// What an extension holds, a sequence, behind its OID.
    fn extension_value(&mut self) -> Option<&'a [u8]> {
        if self.tag() == Some(BOOLEAN) {
            // Whether it is critical.
            self.take(BOOLEAN)?;
        }
        Reader(self.take(OCTET_STRING)?).take(SEQUENCE)
    }

    fn time(&mut self) -> Option<UnixTime> {
        let tag = self.tag()?;
        let text = std::str::from_utf8(self.take(tag)?).ok()?;
        let (year, rest) = match tag {
            // Two digits: 50 and above are the last century's.
            UTC_TIME => {
                let short: u64 = text.get(..2)?.parse().ok()?;
                (short + if short >= 50 { 1900 } else { 2000 }, text.get(2..)?)
            }
            GENERALIZED_TIME => (text.get(..4)?.parse().ok()?, text.get(4..)?),
            _ => return None,
        };
        let number = |at: usize| rest.get(at..at + 2)?.parse::<u64>().ok();
        let (month, day, hour, minute, second) = (number(0)?, number(2)?, number(4)?, number(6)?, number(8)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1900 {
            return None;
        }
        // Howard Hinnant's days_from_civil.
        let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
        let days = y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
        // Before 1970 it has long begun, or long ended.
        let seconds = days.saturating_sub(719_468) * 86_400 + hour * 3600 + minute * 60 + second;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
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
    fn rubbish_is_no_certificate_and_does_no_harm() {
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
