use super::pem::Material;

/// `SecureTransportOptions`, converted to Rust types. Their values are checked when a configuration is made of them.
#[derive(Clone, Debug)]
pub struct SecureOptions {
    /// Client: the name to ask for and to verify. None: the host name or the address of the connection.
    pub sni: Option<String>,
    /// The application protocols, preferred first. Empty: no ALPN.
    pub alpn: Vec<String>,
    /// The root certificates to trust, and no others. None: the system's.
    pub ca: Option<Vec<Material>>,
    /// Our own certificate chain, leaf first. None: no certificate.
    pub cert: Option<Vec<Material>>,
    /// The private key of `cert`.
    pub key: Option<Material>,
    /// Server: certificates for single host names.
    pub server_certificates: Vec<NamedCertificate>,
    /// True: the peer's certificate must be valid, or the handshake fails.
    pub reject_unauthorized: bool,
    /// Server: true asks clients for a certificate.
    pub request_cert: bool,
    /// The SHA-256 digests of the certificates that a peer may have, in hexadecimal. Empty: any.
    pub pins: Vec<String>,
    /// True: TLS 1.3 is the oldest version that is accepted. False: TLS 1.2 is.
    pub only_tls13: bool,
    /// True: write session keys to the file that SSLKEYLOGFILE names.
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
            reject_unauthorized: true,
            request_cert: false,
            pins: Vec::new(),
            only_tls13: false,
            key_log: false,
        }
    }
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
