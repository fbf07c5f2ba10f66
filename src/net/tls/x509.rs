//! What has to be known of a certificate beyond what webpki tells: its dates, and whether it names hosts at all.
//! Verifies nothing.

use std::time::Duration;

use rustls::pki_types::UnixTime;

/// Tags of DER.
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// id-ce-subjectAltName.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// pkcs7-data, the outermost type of what PKCS#12 holds.
const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
/// PKCS#5 and PKCS#12: how a private key was encrypted.
const PKCS5: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05];
const PKCS12_PBE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c];

/// The parts of a certificate.
#[derive(Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Valid from.
    pub not_before: UnixTime,
    /// Valid until, that second included.
    pub not_after: UnixTime,
    /// Whether it has a subject alternative name.
    pub has_san: bool,
}

impl Certificate {
    /// Reads one; `None` where that is no certificate.
    pub fn read(der: &[u8]) -> Option<Self> {
        let mut outer = Reader(Reader(der).take(SEQUENCE)?);
        let mut fields = Reader(outer.take(SEQUENCE)?);
        if fields.tag() == Some(VERSION) {
            fields.take(VERSION)?;
        }
        fields.take(INTEGER)?;
        // The signature's algorithm, the issuer.
        fields.take(SEQUENCE)?;
        fields.take(SEQUENCE)?;
        let mut validity = Reader(fields.take(SEQUENCE)?);
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        // The subject, its key.
        fields.take(SEQUENCE)?;
        fields.take(SEQUENCE)?;
        let mut has_san = false;
        while let Some(tag) = fields.tag() {
            let field = fields.take(tag)?;
            if tag == EXTENSIONS {
                let mut extensions = Reader(Reader(field).take(SEQUENCE)?);
                while !extensions.0.is_empty() {
                    has_san |= Reader(extensions.take(SEQUENCE)?).take(OID)? == SUBJECT_ALT_NAME;
                }
            }
        }
        Some(Self { not_before, not_after, has_san })
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

    /// [`Reader::take`], of an element whose end may be missing or written in BER's indefinite form.
    fn take_beginning(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() == Some(&tag) && self.0.get(1) == Some(&0x80) {
            return Some(&self.0[2..]);
        }
        let (start, length) = self.header(tag)?;
        let end = start.checked_add(length)?.min(self.0.len());
        Some(&self.0[start..end])
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
            let _ = (Certificate::read(&bytes), is_pkcs12(&bytes), is_encrypted_key(&bytes), is_sequence(&bytes));
        }
        assert_eq!(Certificate::read(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
