//! The refusal of a peer's certificate, for rustls and for the program. `verify.rs` decides about certificates.

use std::sync::Arc;

use rustls::{CertificateError, Error, OtherError};

use super::error::{self, TlsError};

/// Why the peer's certificate is refused.
#[derive(Debug)]
pub struct Refusal {
    /// The error for rustls, which sends the alert that belongs to this error.
    pub error: Error,
    /// The error that the program gets.
    pub reported: TlsError,
}

impl Refusal {
    /// A refusal for a reason of our own. rustls passes on the error that contains `reported`, and [`TlsError::from_rustls`] takes
    /// `reported` out of it.
    pub fn own(reported: TlsError) -> Self {
        let error = Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(reported.clone()))));
        Self { error, reported }
    }

    /// A refusal for an error that webpki has about a chain. If the leaf is an authority's certificate, webpki refuses it before it looks
    /// for the issuer. For users this is a certificate with an unknown issuer, usually a self-signed one, so it is reported as such.
    pub fn of_chain(error: Error) -> Self {
        if let Error::InvalidCertificate(CertificateError::Other(OtherError(other))) = &error
            && let Some(webpki::Error::CaUsedAsEndEntity) = other.downcast_ref()
        {
            let error = Error::InvalidCertificate(CertificateError::UnknownIssuer);
            return Self { error, reported: error::self_signed() };
        }
        Self::from(error)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let reported = TlsError::from_rustls(&error);
        Self { error, reported }
    }
}
