//! Makes rustls configurations from options. Equal options share one configuration. So a key is parsed only once, and a session is resumed
//! only by connections with the same options (R-tls-verify). No handshake happens here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{DnsName, ServerName};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    CipherSuite, ClientConfig, Error, InconsistentKeys, KeyLogFile, ServerConfig, SupportedCipherSuite,
    SupportedProtocolVersion,
};

use super::certificates::{self, Certificates, Chosen};
use super::error::{TlsError, own_key};
use super::options::{GivenCertificate, SecureOptions};
use super::pem::{self, Material};
use super::roots::{self, Roots, Trusted};
use super::verify::Verifier;
use super::x509;
use crate::net::endpoint::Endpoint;
use crate::net::{SocketError, memory, quoted};

/// The most setups that are kept, for clients and for servers each. Beyond that the least recently used one is dropped.
const MAX_SETUPS: usize = 64;
/// The most addresses for which one client setup keeps sessions.
const MAX_ADDRESSES: usize = 256;
/// The most sessions that are kept for one address. These sessions differ in the name that was verified.
const SESSIONS_PER_ADDRESS: usize = 8;

/// What all client handshakes with the same options share.
#[derive(Debug)]
pub struct ClientSetup {
    /// The configuration without a store of sessions.
    base: ClientConfig,
    /// Verifies servers' certificates.
    pub verifier: Arc<Verifier>,
    /// The configuration for each address, most recently used last. Each has its own sessions, so that a session of one server is not
    /// offered to another.
    by_address: Mutex<Vec<(Endpoint, Arc<ClientConfig>)>>,
}

/// What all server handshakes with the same options share.
#[derive(Debug)]
pub struct ServerSetup {
    /// The configuration.
    config: Arc<ServerConfig>,
    /// The certificates of the options.
    pub certificates: Arc<Certificates>,
    /// Verifies clients' certificates. None: clients are not asked for a certificate.
    pub verifier: Option<Arc<Verifier>>,
}

/// rustls's cryptography, with the cipher suites in our order of preference.
fn provider() -> Arc<CryptoProvider> {
    /// Made by the first call in this process.
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| {
        let mut provider = rustls::crypto::ring::default_provider();
        order_suites(&mut provider.cipher_suites, has_aes());
        Arc::new(provider)
    }))
}

/// Puts the suites in the order of preference. The newer protocol comes first. Within a protocol the cheapest suite comes first, as all
/// are strong enough: AES-128-GCM if the processor has instructions for AES, else ChaCha20.
fn order_suites(suites: &mut [SupportedCipherSuite], has_aes: bool) {
    let rank = |suite: &SupportedCipherSuite| match suite.suite() {
        CipherSuite::TLS13_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => 1,
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => {
            if has_aes {
                3
            } else {
                0
            }
        }
        _ => 2,
    };
    suites.sort_by_key(|suite| (suite.tls13().is_none(), rank(suite)));
}

/// Whether the processor has instructions for AES-GCM.
#[cfg(target_arch = "x86_64")]
fn has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq")
}

/// Whether the processor has instructions for AES-GCM.
#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes") && std::arch::is_aarch64_feature_detected!("pmull")
}

/// Whether the processor has instructions for AES-GCM. On this architecture it is not known.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has_aes() -> bool {
    false
}

/// The setup for clients with these options.
pub fn client(options: &SecureOptions) -> Result<Arc<ClientSetup>, TlsError> {
    /// The setups that this process used last, the latest one at the end.
    static CLIENTS: Mutex<Vec<(Digest, Arc<ClientSetup>)>> = Mutex::new(Vec::new());
    find_or_make(&CLIENTS, digest(options), || check_memory(options).and_then(|()| make_client(options)))
}

/// The setup for servers with these options.
pub fn server(options: &SecureOptions) -> Result<Arc<ServerSetup>, TlsError> {
    /// The setups that this process used last, the latest one at the end.
    static SERVERS: Mutex<Vec<(Digest, Arc<ServerSetup>)>> = Mutex::new(Vec::new());
    find_or_make(&SERVERS, digest(options), || check_memory(options).and_then(|()| make_server(options)))
}

/// The name that a client asks for and verifies: the option `sni`, or `default` (a host name or an address) if `sni` is not set.
pub fn server_name(options: &SecureOptions, default: &str) -> Result<ServerName<'static>, TlsError> {
    let text = options.sni.as_deref().unwrap_or(default);
    check_copies(text.len())?;
    // An IPv6 zone is meaningful on this host only, and the names in a certificate have no final dot. So both are removed.
    let bare = text.split_once('%').filter(|(address, _)| address.contains(':')).map_or(text, |(address, _)| address);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    ServerName::try_from(bare.to_owned()).map_err(|_| {
        let what = if options.sni.is_some() { "sni " } else { "" };
        let hint = if text.is_ascii() { "" } else { ", international names in their ASCII form (xn--…)" };
        TlsError::option(
            "ERR_TLS_BAD_OPTION",
            format!(
                "{what}{:?} is no name to verify a server by; a host name or an IP address is{hint}",
                quoted::beginning(text)
            ),
        )
    })
}

impl ClientSetup {
    /// The configuration for connections to `address`.
    pub fn config(&self, address: &Endpoint) -> Arc<ClientConfig> {
        let mut known = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = known.iter().position(|(of, _)| of == address) {
            let found = known.remove(at);
            let config = Arc::clone(&found.1);
            known.push(found);
            return config;
        }
        let mut config = self.base.clone();
        config.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(SESSIONS_PER_ADDRESS)));
        let config = Arc::new(config);
        if known.len() >= MAX_ADDRESSES {
            known.remove(0);
        }
        known.push((address.clone(), Arc::clone(&config)));
        config
    }
}

impl ServerSetup {
    /// The configuration for one handshake. `chosen` takes the place of the options' certificates. `None`: they are used. All
    /// configurations of a setup share its sessions.
    pub fn config(&self, chosen: Option<Chosen>) -> Arc<ServerConfig> {
        let Some(chosen) = chosen else { return Arc::clone(&self.config) };
        let mut config = ServerConfig::clone(&self.config);
        config.cert_resolver = Arc::new(chosen);
        Arc::new(config)
    }
}

impl GivenCertificate {
    /// The certificate and its key, as rustls takes them.
    pub fn certified(&self) -> Result<Arc<CertifiedKey>, SocketError> {
        let parsed = check_copies(self.cert.iter().chain([&self.key]).map(|material| material.as_bytes().len()).sum())
            .and_then(|()| certified(&self.what, &self.cert, &self.key));
        parsed.map(Arc::new).map_err(|error| SocketError::Tls { error, address: None })
    }
}

/// SHA-256 of a set of options.
type Digest = [u8; 32];

/// Returns the setup whose options have this digest. Makes it if there is none.
fn find_or_make<T>(
    setups: &Mutex<Vec<(Digest, Arc<T>)>>,
    digest: Digest,
    make: impl FnOnce() -> Result<T, TlsError>,
) -> Result<Arc<T>, TlsError> {
    let mut setups = setups.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = setups.iter().position(|(of, _)| *of == digest) {
        let found = setups.remove(at);
        let setup = Arc::clone(&found.1);
        setups.push(found);
        return Ok(setup);
    }
    let made = Arc::new(make()?);
    if setups.len() >= MAX_SETUPS {
        setups.remove(0);
    }
    setups.push((digest, Arc::clone(&made)));
    Ok(made)
}

/// Checks that there is memory to parse the options. Parsing copies them in code that cannot report a lack of memory.
fn check_memory(options: &SecureOptions) -> Result<(), TlsError> {
    let named = options.server_certificates.iter().flat_map(|named| named.cert.iter().chain([&named.key]));
    let given = [&options.ca, &options.cert].into_iter().flatten().flatten().chain(&options.key).chain(named);
    let texts = options.alpn.iter().chain(&options.pins).map(String::len);
    check_copies(given.map(|material| material.as_bytes().len()).chain(texts).sum())
}

/// Checks that there is memory for all copies of `bytes` bytes.
fn check_copies(bytes: usize) -> Result<(), TlsError> {
    /// The most copies that exist at a time: as text, decoded, in a vector that grows, and in error messages.
    const COPIES: usize = 8;
    memory::check(bytes.saturating_mul(COPIES)).map_err(|_| TlsError::no_memory(bytes))
}

/// The digest of all options except `sni`, which may differ for each connection, and of the environment variables that change the result.
fn digest(options: &SecureOptions) -> Digest {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut field = |tag: u8, bytes: &[u8]| {
        context.update(&[tag]);
        context.update(&(bytes.len() as u64).to_le_bytes());
        context.update(bytes);
    };
    for protocol in &options.alpn {
        field(1, protocol.as_bytes());
    }
    match &options.ca {
        Some(ca) => ca.iter().for_each(|material| field(2, material.as_bytes())),
        None => {
            for path in roots::root_paths() {
                field(3, path.unwrap_or_default().as_encoded_bytes());
            }
        }
    }
    for material in options.cert.iter().flatten() {
        field(4, material.as_bytes());
    }
    if let Some(key) = &options.key {
        field(5, key.as_bytes());
    }
    for named in &options.server_certificates {
        field(6, named.name.as_bytes());
        named.cert.iter().for_each(|material| field(7, material.as_bytes()));
        field(8, named.key.as_bytes());
    }
    for pin in &options.pins {
        field(9, pin.as_bytes());
    }
    let flags = [options.reject_unauthorized, options.request_cert, options.only_tls13, options.certificate_for];
    field(10, &flags.map(u8::from));
    if options.key_log {
        field(11, std::env::var_os("SSLKEYLOGFILE").unwrap_or_default().as_encoded_bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// The protocol versions that the options allow.
fn versions(options: &SecureOptions) -> &'static [&'static SupportedProtocolVersion] {
    /// If the options allow only the newest version.
    static NEWEST: [&SupportedProtocolVersion; 1] = [&TLS13];
    /// Otherwise.
    static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    if options.only_tls13 { &NEWEST } else { &BOTH }
}

/// The error if rustls rejects options that were checked. No such case is known.
fn refused(error: impl std::fmt::Display) -> TlsError {
    TlsError::option(
        "ERR_TLS_BAD_OPTION",
        format!("the options cannot be used together: {}", quoted::sentence(&error.to_string())),
    )
}

/// Makes a client's setup.
fn make_client(options: &SecureOptions) -> Result<ClientSetup, TlsError> {
    let verifier = Arc::new(verifier(options)?);
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(options))
        .map_err(refused)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as _);
    let mut base = match own_certificate(options)? {
        Some(own) => builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(own))),
        None => builder.with_no_client_auth(),
    };
    base.alpn_protocols = alpn(options)?;
    if options.key_log {
        base.key_log = Arc::new(KeyLogFile::new());
    }
    Ok(ClientSetup { base, verifier, by_address: Mutex::new(Vec::new()) })
}

/// Makes a server's setup.
fn make_server(options: &SecureOptions) -> Result<ServerSetup, TlsError> {
    let default = own_certificate(options)?;
    let mut by_name = HashMap::new();
    for named in &options.server_certificates {
        let what = format!("serverCertificates[{:?}]", quoted::beginning(&named.name));
        let name = certificates::host_name(&named.name);
        let bare = name.strip_prefix("*.").unwrap_or(&name);
        if DnsName::try_from(bare).is_err() {
            return Err(TlsError::option(
                "ERR_TLS_BAD_OPTION",
                format!(
                    "{what} is for no host name: \"a.example\" is one, and \"*.example\" any one label before it{}",
                    if name.is_ascii() { "" } else { "; international names are given in their ASCII form (xn--…)" }
                ),
            ));
        }
        let key = certified(&what, &named.cert, &named.key)?;
        by_name.insert(name, key);
    }
    if default.is_none() && by_name.is_empty() && !options.certificate_for {
        return Err(TlsError::option(
            "ERR_TLS_BAD_OPTION",
            "a TLS server needs a certificate and its key: give secureTransport: { cert, key }, serverCertificates or certificateFor",
        ));
    }
    if options.request_cert && options.ca.is_none() && options.reject_unauthorized {
        return Err(TlsError::option(
            "ERR_TLS_BAD_OPTION",
            "requestCert needs `ca`, the authority that issued the clients' certificates (or rejectUnauthorized: false)",
        ));
    }
    if !options.pins.is_empty() && !options.request_cert {
        return Err(TlsError::option(
            "ERR_TLS_BAD_OPTION",
            "pinnedCertificates on a server are clients' certificates, which are asked for only with requestCert: true",
        ));
    }
    // The verifier is made even without requestCert, which does not use it. So a mistake in these options is reported before requestCert is
    // set.
    let verifier = Arc::new(verifier(options)?);
    let builder =
        ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions(options)).map_err(refused)?;
    let builder = if options.request_cert {
        builder.with_client_cert_verifier(Arc::clone(&verifier) as _)
    } else {
        builder.with_no_client_auth()
    };
    let certificates = Arc::new(Certificates::new(by_name, default, options.certificate_for));
    let mut config = builder.with_cert_resolver(Arc::clone(&certificates) as _);
    config.ignore_client_order = true;
    config.alpn_protocols = alpn(options)?;
    config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(refused)?;
    if options.key_log {
        config.key_log = Arc::new(KeyLogFile::new());
    }
    Ok(ServerSetup { config: Arc::new(config), certificates, verifier: options.request_cert.then_some(verifier) })
}

/// Makes the verifier for the peer's certificates.
fn verifier(options: &SecureOptions) -> Result<Verifier, TlsError> {
    let roots = match &options.ca {
        Some(materials) if materials.is_empty() => {
            return Err(TlsError::option(
                "ERR_TLS_BAD_OPTION",
                "ca is an empty list, which would trust nobody; leave it out for the system's roots",
            ));
        }
        Some(materials) => {
            let mut trusted = Trusted::default();
            for certificate in pem::certificates("ca", materials)? {
                trusted.add(&certificate, true).map_err(|error| {
                    let why = quoted::sentence(&error.to_string());
                    TlsError::option("ERR_TLS_BAD_CERTIFICATE", format!("a certificate in ca cannot be used: {why}"))
                })?;
            }
            Roots::Given(Arc::new(trusted))
        }
        None => Roots::System(roots::root_paths()),
    };
    Ok(Verifier::new(roots, pins(options)?, options.reject_unauthorized, provider()))
}

/// The certificate and key of the options `cert` and `key`. None: neither is given. It is an error if only one is given.
fn own_certificate(options: &SecureOptions) -> Result<Option<CertifiedKey>, TlsError> {
    match (&options.cert, &options.key) {
        (Some(cert), Some(key)) => certified("secureTransport", cert, key).map(Some),
        (None, None) => Ok(None),
        (Some(_), None) => Err(TlsError::option("ERR_TLS_BAD_OPTION", "`cert` is given without its `key`")),
        (None, Some(_)) => Err(TlsError::option("ERR_TLS_BAD_OPTION", "`key` is given without its `cert`")),
    }
}

/// A certificate chain with its key. `what` names the option in errors.
fn certified(what: &str, cert: &[Material], key: &Material) -> Result<CertifiedKey, TlsError> {
    let chain = pem::certificates(&format!("{what}.cert"), cert)?;
    let key = pem::private_key(&format!("{what}.key"), key)?;
    let key = provider().key_provider.load_private_key(key).map_err(|error| own_key(&error, what))?;
    // Compares the key with the certificate. rustls can do that too, but it reads certificates with webpki, which rejects those older than
    // X.509 v3.
    let of_certificate = chain.first().and_then(|leaf| x509::Certificate::read(leaf)).map(|leaf| leaf.key.to_vec());
    if let (Some(one), Some(other)) = (key.public_key(), of_certificate)
        && one.as_ref() != other
    {
        return Err(own_key(&Error::InconsistentKeys(InconsistentKeys::KeyMismatch), what));
    }
    Ok(CertifiedKey::new(chain, key))
}

/// The application protocols of the option `alpn`. It is an error if TLS cannot carry them.
fn alpn(options: &SecureOptions) -> Result<Vec<Vec<u8>>, TlsError> {
    let bad = |why: &str| {
        TlsError::option("ERR_TLS_BAD_OPTION", format!("alpn {why}; \"h2\" and \"http/1.1\" are names of protocols"))
    };
    for protocol in &options.alpn {
        match protocol.len() {
            0 => return Err(bad("has a name that is empty")),
            1..=255 => {}
            _ => return Err(bad("has a name of more than 255 bytes")),
        }
    }
    // TLS sends the names in one list of at most 65,535 bytes. In it two bytes are the length of the list, and each name has one byte for
    // its length.
    if options.alpn.iter().map(|protocol| protocol.len() + 1).sum::<usize>() > 65_535 - 2 {
        return Err(bad("has more names than TLS can carry (65,535 bytes)"));
    }
    Ok(options.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect())
}

/// The digests of the option `pinnedCertificates`.
fn pins(options: &SecureOptions) -> Result<Vec<[u8; 32]>, TlsError> {
    options.pins.iter().map(|text| pin(text)).collect()
}

/// Reads a SHA-256 digest in hexadecimal. Upper case and colons are allowed.
fn pin(text: &str) -> Result<[u8; 32], TlsError> {
    let digits: Vec<u32> =
        text.chars().filter(|&character| character != ':').filter_map(|digit| digit.to_digit(16)).collect();
    let others = text.chars().filter(|&character| character != ':' && !character.is_ascii_hexdigit()).count();
    let mut bytes = [0; 32];
    if digits.len() != 64 || others > 0 {
        return Err(TlsError::option(
            "ERR_TLS_BAD_OPTION",
            format!(
                "pinnedCertificates has {:?}, which is no SHA-256 in hexadecimal (64 digits). Print one: openssl x509 -in cert.pem -noout -fingerprint -sha256",
                quoted::beginning(text)
            ),
        ));
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = (pair[0] << 4 | pair[1]) as u8;
    }
    Ok(bytes)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
