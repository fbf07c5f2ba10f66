use super::pem::Material;

/// `SecureTransportOptions`, converted and not yet checked.
#[derive(Clone, Debug)]
pub struct SecureOptions {
    /// Client: the name to ask for and to verify.
    pub sni: Option<String>,
    /// Application protocols, preferred first.
    pub alpn: Vec<String>,
    /// Trust these roots and no others.
    pub ca: Option<Vec<Material>>,
    /// Own chain, leaf first.
    pub cert: Option<Vec<Material>>,
    /// Its key.
    pub key: Option<Material>,
    /// Server: by name.
    pub server_certificates: Vec<NamedCertificate>,
    /// Verify the peer.
    pub reject_unauthorized: bool,
    /// Server: ask clients for a certificate.
    pub request_cert: bool,
    /// SHA-256 of certificates, hexadecimal.
    pub pins: Vec<String>,
    /// Nothing older than TLS 1.3.
    pub only_tls13: bool,
    /// Honour SSLKEYLOGFILE.
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

/// `ServerCertificate`, and the name that it is for.
#[derive(Clone, Debug)]
pub struct NamedCertificate {
    /// "a.example" or "*.example".
    pub name: String,
    /// Chain, leaf first.
    pub cert: Vec<Material>,
    /// Its key.
    pub key: Material,
}
