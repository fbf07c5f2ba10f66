//! The TLS options of a socket or a server, as the binding passes them. `config.rs` checks them and makes rustls's configuration.

use std::time::Duration;

use super::pem::Material;

/// `SecureTransportOptions`, converted to Rust types. The values are checked later, when a rustls configuration is made.
#[derive(Clone, Debug)]
pub struct SecureOptions {
    /// Client: the name to ask for and to verify. None: the host name or the address of the connection.
    pub sni: Option<String>,
    /// The application protocols (ALPN), most preferred first. Empty: ALPN is not used.
    pub alpn: Vec<String>,
    /// The root certificates to trust; no others are trusted. None: the system's root certificates.
    pub ca: Option<Vec<Material>>,
    /// Our own certificate chain, leaf first. None: no certificate.
    pub cert: Option<Vec<Material>>,
    /// The private key of `cert`. None: no key is given.
    pub key: Option<Material>,
    /// Server: certificates for certain host names. Clients that ask for another name get `cert`.
    pub server_certificates: Vec<NamedCertificate>,
    /// Server: true if JavaScript has a function `certificateFor`. It is asked for the certificates of names that `server_certificates` lacks.
    pub certificate_for: bool,
    /// True: the handshake fails if the peer's certificate is not valid. False: it goes on.
    pub reject_unauthorized: bool,
    /// Server: true if clients are asked for a certificate.
    pub request_cert: bool,
    /// The SHA-256 digests in hexadecimal of the certificates that the peer may have. Empty: the peer may have any.
    pub pins: Vec<String>,
    /// True: TLS 1.3 is the oldest version that is accepted. False: TLS 1.2 is.
    pub only_tls13: bool,
    /// True: the session keys are written to the file that the environment variable SSLKEYLOGFILE names.
    pub key_log: bool,
}

impl Default for SecureOptions {
    fn default() -> Self {
        Self {
            sni: None,
            alpn: Vec::new(),
            ca: None,
            cert: None,
            key: None,
            server_certificates: Vec::new(),
            certificate_for: false,
            reject_unauthorized: true,
            request_cert: false,
            pins: Vec::new(),
            only_tls13: false,
            key_log: false,
        }
    }
}

/// A `ServerCertificate` that `certificateFor` has given.
#[derive(Clone, Debug)]
pub struct GivenCertificate {
    /// What it is in messages: `certificateFor("a.example")`.
    pub what: String,
    /// The certificate chain, leaf first.
    pub cert: Vec<Material>,
    /// The private key of `cert`.
    pub key: Material,
    /// How long later handshakes use it without asking again.
    pub ttl: Duration,
}

/// A `ServerCertificate` with the host name that it is for.
#[derive(Clone, Debug)]
pub struct NamedCertificate {
    /// The host name: "a.example", or "*.example" for any single label.
    pub name: String,
    /// The certificate chain, leaf first.
    pub cert: Vec<Material>,
    /// The private key of `cert`.
    pub key: Material,
}
