use std::sync::Arc;

use rustls::{CertificateError, Error, OtherError};

use super::error::{self, TlsError};

/// Why a certificate is refused.
#[derive(Debug)]
pub struct Refusal {
    /// For rustls, which sends the alert that belongs to it.
    pub error: Error,
    /// For the program.
    pub reported: TlsError,
}

impl Refusal {
    /// An error of ours. rustls hands it through, and [`TlsError::from_rustls`] gets it back.
    pub fn own(reported: TlsError) -> Self {
        let error = Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(reported.clone()))));
        Self { error, reported }
    }

    /// An error of webpki's about a chain. It refuses an authority's certificate as a leaf before it asks who issued it; to users
    /// that is a certificate that nobody vouches for, as a rule a self-signed one.
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
