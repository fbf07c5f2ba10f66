//! rustls's unbuffered connections, either side, behind one name: records in, records out, no buffer kept between.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use rustls::{CommonState, Error, HandshakeKind, ProtocolVersion};

use super::config::{ClientSetup, ServerSetup};
use super::error::TlsError;
use super::verify::{self, Verdict, Verifier};
use crate::net::hooks;
use crate::net::memory::{self, NoMemory};

/// What records may be longer than what is in them: header, nonce, tag and type.
pub const OVERHEAD: usize = 64;
/// The longest fragment that a record carries.
pub const FRAGMENT: usize = 16 * 1024;

thread_local! {
    /// The name that the client whose hello is being processed asks for.
    static NAME: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// After a panic: what was noted of the connection that was being processed is not the next one's.
pub fn forget_notes() {
    NAME.set(None);
    verify::take_verdict();
}

/// rustls asks for a certificate by this name, while it processes a connection's records.
pub fn note_name(name: Option<&str>) {
    NAME.set(name.map(str::to_owned));
}

/// `SecureTransportInfo`.
#[derive(Clone, Debug)]
pub struct Info {
    /// "TLSv1.3".
    pub protocol: &'static str,
    /// The standard's name of the cipher suite.
    pub cipher: String,
    /// The application protocol agreed on.
    pub alpn: Option<String>,
    /// The name that the client asked for.
    pub sni: Option<String>,
    /// DER, leaf first.
    pub peer_certificates: Vec<Vec<u8>>,
    /// Whether the peer's certificate is good.
    pub authorized: bool,
    /// Why it is not.
    pub authorization_error: Option<&'static str>,
    /// A session of before goes on.
    pub resumed: bool,
}

/// Bytes to be written; its memory is used again and never cleared.
#[derive(Default)]
pub struct Output {
    bytes: Vec<u8>,
    used: usize,
}

impl Output {
    /// What is to be written.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Nothing is to be written any more.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Memory for `length` bytes more.
    pub fn reserve(&mut self, length: usize) -> Result<(), NoMemory> {
        memory::reserve(&mut self.bytes, self.used + length)
    }

    /// Room for `length` bytes.
    fn room(&mut self, length: usize) -> &mut [u8] {
        if self.bytes.len() < self.used + length {
            self.bytes.resize(self.used + length, 0);
        }
        &mut self.bytes[self.used..]
    }
}

enum Side {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// One TLS connection's state.
pub struct Connection {
    side: Side,
    verifier: Option<Arc<Verifier>>,
    /// Client: what is verified. Server: what was asked for.
    name: Option<ServerName<'static>>,
    asked: Option<String>,
    verdict: Option<Verdict>,
    /// close_notify has come: nothing more will.
    pub has_peer_closed: bool,
}

/// What one state of rustls's asks for.
enum Next {
    Again,
    Stop,
}

impl Connection {
    /// A client's, about to say hello.
    pub fn client(setup: &ClientSetup, name: ServerName<'static>, remote: std::net::SocketAddr) -> Result<Self, Error> {
        let side = Side::Client(UnbufferedClientConnection::new(setup.config(remote), name.clone())?);
        let asked = match &name {
            ServerName::DnsName(name) => Some(name.as_ref().to_owned()),
            _ => None,
        };
        Ok(Self {
            side,
            verifier: Some(Arc::clone(&setup.verifier)),
            name: Some(name),
            asked,
            verdict: None,
            has_peer_closed: false,
        })
    }

    /// A server's, waiting for a hello.
    pub fn server(setup: &ServerSetup) -> Result<Self, Error> {
        let side = Side::Server(UnbufferedServerConnection::new(Arc::clone(&setup.config))?);
        let verifier = setup.verifier.clone();
        Ok(Self { side, verifier, name: None, asked: None, verdict: None, has_peer_closed: false })
    }

    fn common(&self) -> &CommonState {
        match &self.side {
            Side::Client(connection) => connection,
            Side::Server(connection) => connection,
        }
    }

    /// Whether the handshake is under way.
    pub fn is_handshaking(&self) -> bool {
        self.common().is_handshaking()
    }

    /// Processes the records in `incoming`; what they carry goes to `plain`, what is to be answered to `out`. Returns
    /// how many bytes are done with: the rest is to come again, with what follows it.
    pub fn process(
        &mut self,
        incoming: &mut [u8],
        out: &mut Output,
        plain: &mut dyn FnMut(&[u8]),
    ) -> (usize, Result<(), TlsError>) {
        let mut done = 0;
        loop {
            let rest = &mut incoming[done..];
            let (discard, next) = match &mut self.side {
                Side::Client(connection) => {
                    step(connection.process_tls_records(rest), out, plain, &mut self.has_peer_closed)
                }
                Side::Server(connection) => {
                    step(connection.process_tls_records(rest), out, plain, &mut self.has_peer_closed)
                }
            };
            done += discard;
            hooks::pass("tls notes");
            match next {
                Ok(Next::Again) => {}
                Ok(Next::Stop) => {
                    self.note();
                    return (done, Ok(()));
                }
                Err(error) => {
                    self.note();
                    return (done, Err(self.told(&error)));
                }
            }
        }
    }

    /// After [`Connection::process`] has failed: what rustls still has to send, the alert that tells the peer why at its end.
    pub fn encode_rest(&mut self, out: &mut Output) {
        // rustls gives what it has to send before it looks at what came in. It must not look: the bytes that made it fail would be
        // processed a second time, and those before them, which it remembers by their places, are gone.
        while self.common().wants_write() {
            let encoded = match &mut self.side {
                Side::Client(connection) => {
                    step(connection.process_tls_records(&mut []), out, &mut |_| {}, &mut self.has_peer_closed)
                }
                Side::Server(connection) => {
                    step(connection.process_tls_records(&mut []), out, &mut |_| {}, &mut self.has_peer_closed)
                }
            };
            if !matches!(encoded.1, Ok(Next::Again)) {
                return;
            }
        }
    }

    /// Keeps what the verifier and the choice of certificate said of this connection.
    fn note(&mut self) {
        if let Some(verdict) = verify::take_verdict() {
            self.verdict = Some(verdict);
        }
        if let Some(name) = NAME.take() {
            self.asked = Some(name);
        }
    }

    fn told(&self, error: &Error) -> TlsError {
        match (error, &self.verdict) {
            // It knows more than rustls was told. (General: no certificate of ours for the name that was asked for.)
            (Error::InvalidCertificate(_) | Error::General(_), Some(Verdict::Fatal(told))) => told.clone(),
            _ => TlsError::from_rustls(error),
        }
    }

    /// Encrypts `data` into `out`. `partial` is what [`Connection::process`] left.
    pub fn encrypt(&mut self, partial: &mut [u8], data: &[u8], out: &mut Output) -> Result<(), TlsError> {
        if data.is_empty() {
            return Ok(());
        }
        self.write(partial, out, data.len() + (data.len() / FRAGMENT + 2) * OVERHEAD, Some(data))
    }

    /// Encrypts close_notify into `out`.
    pub fn close_notify(&mut self, partial: &mut [u8], out: &mut Output) -> Result<(), TlsError> {
        self.write(partial, out, 4 * OVERHEAD, None)
    }

    fn write(
        &mut self,
        partial: &mut [u8],
        out: &mut Output,
        size: usize,
        data: Option<&[u8]>,
    ) -> Result<(), TlsError> {
        let mut size = size;
        loop {
            let written = match &mut self.side {
                Side::Client(connection) => write(connection.process_tls_records(partial), out, size, data),
                Side::Server(connection) => write(connection.process_tls_records(partial), out, size, data),
            };
            match written {
                Written::Done => return Ok(()),
                Written::Again => {}
                Written::Larger(required) => size = required,
                Written::Failed(error) => return Err(TlsError::new("ERR_TLS_PROTOCOL", error)),
            }
        }
    }

    /// What there is to tell once the handshake is done; an error where a resumed session's certificate is good no longer.
    pub fn info(&mut self) -> Result<Info, TlsError> {
        let common = self.common();
        let resumed = common.handshake_kind() == Some(HandshakeKind::Resumed);
        let chain: Vec<CertificateDer<'static>> = common.peer_certificates().unwrap_or_default().to_vec();
        let protocol = match common.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLSv1.2",
        };
        let cipher = common.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let cipher = cipher.unwrap_or_default().replacen("TLS13_", "TLS_", 1);
        let alpn = common.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned());
        if resumed
            && self.verdict.is_none()
            && let Some(verifier) = &self.verifier
            && !chain.is_empty()
        {
            self.verdict = Some(verifier.check_again(&chain, self.name.as_ref())?);
        }
        let is_client = matches!(self.side, Side::Client(_));
        let (authorized, authorization_error) = match &self.verdict {
            Some(Verdict::Good) => (true, None),
            Some(Verdict::Tolerated(error) | Verdict::Fatal(error)) => (false, Some(error.code)),
            None if !is_client && self.verifier.is_some() => (false, Some("ERR_TLS_CLIENT_CERT_REQUIRED")),
            None => (false, None),
        };
        Ok(Info {
            protocol,
            cipher,
            alpn,
            sni: self.asked.clone(),
            peer_certificates: chain.into_iter().map(|certificate| certificate.to_vec()).collect(),
            authorized,
            authorization_error,
            resumed,
        })
    }
}

/// Handles one state while reading.
fn step<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    out: &mut Output,
    plain: &mut dyn FnMut(&[u8]),
    closed: &mut bool,
) -> (usize, Result<Next, Error>) {
    let mut discard = status.discard;
    let next = match status.state {
        Err(error) => Err(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
            match traffic.next_record() {
                Some(Ok(record)) => {
                    discard += record.discard;
                    plain(record.payload);
                }
                Some(Err(error)) => break Err(error),
                None => break Ok(Next::Again),
            }
        },
        Ok(ConnectionState::EncodeTlsData(data)) => {
            encode(data, out);
            Ok(Next::Again)
        }
        // `out` is written before anything else leaves.
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Ok(Next::Again)
        }
        Ok(ConnectionState::PeerClosed) => {
            *closed = true;
            Ok(Next::Again)
        }
        // Early data is never offered nor accepted.
        Ok(_) => Ok(Next::Stop),
    };
    (discard, next)
}

/// A record that rustls has made itself.
fn encode<Data>(mut record: EncodeTlsData<'_, Data>, out: &mut Output) {
    let mut size = FRAGMENT;
    loop {
        match record.encode(out.room(size)) {
            Ok(written) => {
                out.used += written;
                return;
            }
            Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => size = required_size,
            Err(EncodeError::AlreadyEncoded) => return,
        }
    }
}

enum Written {
    Done,
    Again,
    Larger(usize),
    Failed(String),
}

/// Handles one state while writing.
fn write<Data>(status: UnbufferedStatus<'_, '_, Data>, out: &mut Output, size: usize, data: Option<&[u8]>) -> Written {
    match status.state {
        Ok(ConnectionState::WriteTraffic(mut traffic)) => {
            let written = match data {
                Some(data) => traffic.encrypt(data, out.room(size)),
                None => traffic.queue_close_notify(out.room(size)),
            };
            match written {
                Ok(written) => {
                    out.used += written;
                    Written::Done
                }
                Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size }))
                    if required_size > size =>
                {
                    Written::Larger(required_size)
                }
                Err(error) => Written::Failed(error.to_string()),
            }
        }
        Ok(ConnectionState::EncodeTlsData(chunk)) => {
            encode(chunk, out);
            Written::Again
        }
        Ok(ConnectionState::TransmitTlsData(chunk)) => {
            chunk.done();
            Written::Again
        }
        // close_notify twice, or nothing that can be sent any more.
        Ok(ConnectionState::Closed) => Written::Done,
        Ok(state) => Written::Failed(format!("nothing can be sent in the state {state:?}")),
        Err(error) => Written::Failed(error.to_string()),
    }
}
