//! An end that is rustls alone, with its own buffers: a peer of another make, which can also be limited to TLS 1.2.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion,
};

use super::Party;

/// The name of the server.
pub const NAME: &str = "a.example";

/// The server's certificate for `a.example`, and its key.
pub struct ServerIdentity {
    /// The certificate in DER.
    pub certificate: Vec<u8>,
    /// The private key in DER (PKCS#8).
    pub key: Vec<u8>,
}

/// An end that is rustls's.
pub struct Theirs {
    connection: Connection,
    received: Vec<u8>,
    outgoing: Vec<u8>,
    has_failed: bool,
    /// True once the program has ended its direction.
    finishes: bool,
    /// True once close_notify was sent, and FIN behind it.
    has_sent_end: bool,
    /// True once the peer's close_notify has come.
    has_peer_ended: bool,
    /// True once the connection was reset.
    is_reset: bool,
}

/// The versions of such an end.
fn versions(is_old: bool) -> [&'static SupportedProtocolVersion; 1] {
    [if is_old { &TLS12 } else { &TLS13 }]
}

impl Theirs {
    /// A client that trusts the identity's certificate. `is_old`: it knows TLS 1.2 only; otherwise TLS 1.3 only.
    pub fn client(identity: &ServerIdentity, is_old: bool) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(identity.certificate.clone())).expect("the certificate is valid");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&versions(is_old))
            .expect("ring knows the version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(NAME).expect("the name is valid");
        Self::new(ClientConnection::new(Arc::new(config), name).expect("the options are valid").into())
    }

    /// A server with the identity. `is_old`: it knows TLS 1.2 only; otherwise TLS 1.3 only.
    pub fn server(identity: &ServerIdentity, is_old: bool) -> Self {
        let chain = vec![CertificateDer::from(identity.certificate.clone())];
        let key = PrivateKeyDer::try_from(identity.key.clone()).expect("the key is valid");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&versions(is_old))
            .expect("ring knows the version")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("the identity is valid");
        Self::new(ServerConnection::new(Arc::new(config)).expect("the options are valid").into())
    }

    fn new(mut connection: Connection) -> Self {
        connection.set_buffer_limit(None);
        Self {
            connection,
            received: Vec::new(),
            outgoing: Vec::new(),
            has_failed: false,
            finishes: false,
            has_sent_end: false,
            has_peer_ended: false,
            is_reset: false,
        }
    }

    /// Takes the plain bytes that rustls has decrypted.
    fn read(&mut self) {
        let mut buffer = [0; 4096];
        loop {
            match self.connection.reader().read(&mut buffer) {
                Ok(0) => {
                    self.has_peer_ended = true;
                    return;
                }
                Ok(length) => self.received.extend_from_slice(&buffer[..length]),
                Err(error) => {
                    self.has_failed |= error.kind() != ErrorKind::WouldBlock;
                    return;
                }
            }
        }
    }
}

impl Party for Theirs {
    fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.has_failed && !self.has_peer_ended {
            match self.connection.read_tls(&mut bytes) {
                Ok(0) => return,
                Ok(_) => {}
                Err(_) => self.has_failed = true,
            }
            self.has_failed |= self.connection.process_new_packets().is_err();
            self.read();
        }
    }

    fn receive_end(&mut self) {
        if !self.has_peer_ended {
            let _ = self.connection.read_tls(&mut &[][..]);
            self.read();
            self.has_failed |= !self.has_peer_ended;
        }
    }

    fn receive_reset(&mut self) {
        self.is_reset = true;
        self.has_failed = true;
    }

    fn work(&mut self) {
        if self.has_sent_end {
            return;
        }
        if self.finishes && !self.has_failed && !self.connection.is_handshaking() {
            self.connection.send_close_notify();
            self.has_sent_end = true;
        }
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.outgoing).expect("memory takes all bytes");
        }
        self.has_sent_end |= self.has_failed;
        if self.is_reset {
            self.outgoing.clear();
        }
    }

    fn take_sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    fn has_sent_end(&self) -> bool {
        self.has_sent_end
    }

    fn send(&mut self, bytes: &[u8]) {
        // After a failure rustls takes no bytes.
        if !self.has_failed {
            self.connection.writer().write_all(bytes).expect("there is no limit");
        }
    }

    fn finish(&mut self) {
        self.finishes = true;
    }

    /// A reader that is slow is the other end's affair: this one keeps what it writes.
    fn set_room(&mut self, _room: usize) {}

    fn received(&self) -> &[u8] {
        &self.received
    }

    fn has_failed(&self) -> bool {
        self.has_failed
    }

    fn has_peer_ended(&self) -> bool {
        self.has_peer_ended && !self.has_failed
    }
}
