//! One type for rustls's unbuffered connections, client and server. The type decrypts records into plain bytes and encrypts plain bytes
//! into records. It does no I/O and keeps no received bytes.

use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use rustls::{CommonState, Error, HandshakeKind, ProtocolVersion};

use super::certificates::Chosen;
use super::config::{ClientSetup, ServerSetup};
use super::error::TlsError;
use super::requested_name;
use super::verify::{self, Verdict, Verifier};
use crate::net::endpoint::Endpoint;
use crate::net::hooks;
use crate::net::memory::{self, NoMemory};

/// The most bytes by which a record is longer than its contents: header, nonce, tag and type.
pub const OVERHEAD: usize = 64;
/// By how much a record of TLS 1.3 is longer than its contents, in bytes: header, type and tag.
pub const RECORD_OVERHEAD: usize = 22;
/// The most contents of one record, in bytes.
pub const FRAGMENT: usize = 16 * 1024;

/// Discards what the verifier and the choice of certificate have reported on this thread. It is called after a panic, because the reports
/// of one connection must not reach the next one.
pub fn discard_reports() {
    requested_name::take();
    verify::take_verdict();
}

/// `SecureTransportInfo`: what a handshake has agreed on.
#[derive(Clone, Debug)]
pub struct Info {
    /// "TLSv1.3" or "TLSv1.2".
    pub protocol: &'static str,
    /// The cipher suite's name in the standard.
    pub cipher: String,
    /// The name of the key exchange: "X25519", "secp256r1". None: there was none, because TLS 1.2 has resumed a session.
    pub group: Option<&'static str>,
    /// The application protocol (ALPN). None: none was agreed on.
    pub alpn: Option<String>,
    /// The name that the client has asked for. None: it asked for none.
    pub sni: Option<String>,
    /// The peer's certificates in DER, leaf first. Empty: it sent none.
    pub peer_certificates: Vec<Vec<u8>>,
    /// True if the peer's certificate is valid.
    pub authorized: bool,
    /// The code of the reason why the certificate is not valid. None: it is valid, or no certificate was asked for.
    pub authorization_error: Option<&'static str>,
    /// True if the handshake has resumed an earlier session.
    pub resumed: bool,
}

/// Records to be written. The memory is used again and is not cleared before the next use.
#[derive(Default)]
pub struct Output {
    /// The memory. Bytes from `used` on have no meaning.
    bytes: Vec<u8>,
    /// How many bytes are to be written.
    used: usize,
}

impl Output {
    /// The bytes to be written.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Drops the bytes to be written, and keeps the memory.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Reserves memory for `length` bytes more.
    pub fn reserve(&mut self, length: usize) -> Result<(), NoMemory> {
        memory::reserve(&mut self.bytes, self.used + length)
    }

    /// The free memory after the bytes to be written: at least `length` bytes.
    fn room(&mut self, length: usize) -> &mut [u8] {
        if self.bytes.len() < self.used + length {
            self.bytes.resize(self.used + length, 0);
        }
        &mut self.bytes[self.used..]
    }
}

/// A connection of rustls.
enum Side {
    /// The connection of a client.
    Client(UnbufferedClientConnection),
    /// The connection of a server.
    Server(UnbufferedServerConnection),
}

/// One TLS connection's state.
pub struct Connection {
    /// rustls's state.
    side: Side,
    /// Verifies the peer's certificate. None: a server that asks for none.
    verifier: Option<Arc<Verifier>>,
    /// The name that a client verifies. None: a server's connection.
    name: Option<ServerName<'static>>,
    /// The name that the client asks for. None: it asks for none, or a server's connection has not processed a hello yet.
    requested_name: Option<String>,
    /// What the verifier has found. None: it was not called, as for a resumed session.
    verdict: Option<Verdict>,
    /// True once the peer's close_notify has arrived: no more bytes follow.
    pub has_peer_closed: bool,
}

/// What to do after handling one of rustls's states.
enum Progress {
    /// Ask rustls for the next state.
    Continue,
    /// Stop: rustls needs more received bytes, or is ready to send.
    Stop,
}

impl Connection {
    /// A client's connection to `remote`. Its hello is not sent yet.
    pub fn client(setup: &ClientSetup, name: ServerName<'static>, remote: &Endpoint) -> Result<Self, Error> {
        let side = Side::Client(UnbufferedClientConnection::new(setup.config(remote), name.clone())?);
        let requested_name = match &name {
            ServerName::DnsName(name) => Some(name.as_ref().to_owned()),
            _ => None,
        };
        Ok(Self {
            side,
            verifier: Some(Arc::clone(&setup.verifier)),
            name: Some(name),
            requested_name,
            verdict: None,
            has_peer_closed: false,
        })
    }

    /// A server's connection, which waits for a hello. `chosen` takes the place of the options' certificates. `None`: they are used.
    pub fn server(setup: &ServerSetup, chosen: Option<Chosen>) -> Result<Self, Error> {
        let side = Side::Server(UnbufferedServerConnection::new(setup.config(chosen))?);
        let verifier = setup.verifier.clone();
        Ok(Self { side, verifier, name: None, requested_name: None, verdict: None, has_peer_closed: false })
    }

    /// The part of rustls's state that clients and servers have in common.
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

    /// Processes the records in `incoming`. Calls `plain` with the decrypted bytes, and appends the records to be sent to `out`. Returns
    /// how many bytes of `incoming` rustls has finished with. The caller passes the other bytes again, with the bytes that follow them.
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
            hooks::pass("tls reports");
            match next {
                Ok(Progress::Continue) => {}
                Ok(Progress::Stop) => {
                    self.take_reports();
                    return (done, Ok(()));
                }
                Err(error) => {
                    self.take_reports();
                    return (done, Err(self.tls_error(&error)));
                }
            }
        }
    }

    /// For use after [`Connection::process`] has failed: appends to `out` what rustls still has to send. Its last record is the alert,
    /// which gives the peer the reason.
    pub fn encode_rest(&mut self, out: &mut Output) {
        // rustls returns what it has to send before it processes received bytes. So it is given no received bytes here. It would process
        // the bytes that caused the failure a second time, and it refers to earlier bytes by their position in a buffer that does not exist
        // any more.
        while self.common().wants_write() {
            let encoded = match &mut self.side {
                Side::Client(connection) => {
                    step(connection.process_tls_records(&mut []), out, &mut |_| {}, &mut self.has_peer_closed)
                }
                Side::Server(connection) => {
                    step(connection.process_tls_records(&mut []), out, &mut |_| {}, &mut self.has_peer_closed)
                }
            };
            if !matches!(encoded.1, Ok(Progress::Continue)) {
                return;
            }
        }
    }

    /// Takes over what the verifier and the choice of certificate have reported of this connection.
    fn take_reports(&mut self) {
        if let Some(verdict) = verify::take_verdict() {
            self.verdict = Some(verdict);
        }
        if let Some(name) = requested_name::take() {
            self.requested_name = Some(name);
        }
    }

    /// The error that the program gets for an error of rustls.
    fn tls_error(&self, error: &Error) -> TlsError {
        match (error, &self.verdict) {
            // The verifier's own error is more precise than the one that it returned to rustls. Error::General stands for the case that a
            // server has no certificate for the requested name.
            (Error::InvalidCertificate(_) | Error::General(_), Some(Verdict::Fatal(fatal))) => fatal.clone(),
            _ => TlsError::from_rustls(error),
        }
    }

    /// Encrypts `data` and appends the records to `out`. `partial` is the received bytes that [`Connection::process`] has not finished
    /// with.
    pub fn encrypt(&mut self, partial: &mut [u8], data: &[u8], out: &mut Output) -> Result<(), TlsError> {
        if data.is_empty() {
            return Ok(());
        }
        self.write(partial, out, data.len() + (data.len() / FRAGMENT + 2) * OVERHEAD, Some(data))
    }

    /// Appends close_notify to `out`.
    pub fn close_notify(&mut self, partial: &mut [u8], out: &mut Output) -> Result<(), TlsError> {
        self.write(partial, out, 4 * OVERHEAD, None)
    }

    /// Encrypts `data` and appends the records to `out`. Where `data` is None, it appends close_notify instead. `size` is the expected size
    /// of the records in bytes.
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
                Written::Continue => {}
                Written::NeedsRoom(required) => size = required,
                Written::Failed(error) => return Err(TlsError::new("ERR_TLS_PROTOCOL", error)),
            }
        }
    }

    /// What the handshake has agreed on. For a resumed session the certificate is checked again; it is an error if it is not valid any
    /// more.
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
        let group = common.negotiated_key_exchange_group().and_then(|group| group.name().as_str());
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
            group,
            alpn,
            sni: self.requested_name.clone(),
            peer_certificates: chain.into_iter().map(|certificate| certificate.to_vec()).collect(),
            authorized,
            authorization_error,
            resumed,
        })
    }
}

/// Handles one of rustls's states while receiving. Returns how many received bytes rustls has finished with. `closed` becomes true if the
/// peer has sent close_notify.
fn step<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    out: &mut Output,
    plain: &mut dyn FnMut(&[u8]),
    closed: &mut bool,
) -> (usize, Result<Progress, Error>) {
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
                None => break Ok(Progress::Continue),
            }
        },
        Ok(ConnectionState::EncodeTlsData(data)) => {
            encode(data, out);
            Ok(Progress::Continue)
        }
        // The caller writes `out` before it sends anything else.
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Ok(Progress::Continue)
        }
        Ok(ConnectionState::PeerClosed) => {
            *closed = true;
            Ok(Progress::Continue)
        }
        // The states of early data do not occur: it is neither offered nor accepted.
        Ok(_) => Ok(Progress::Stop),
    };
    (discard, next)
}

/// Appends to `out` a record that rustls has produced itself, for example of the handshake.
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

/// The result of handling one of rustls's states while sending.
enum Written {
    /// All records are in the output.
    Done,
    /// Ask rustls for the next state.
    Continue,
    /// Nothing was written, because the records need this many bytes of room.
    NeedsRoom(usize),
    /// The records cannot be made. The text is the reason.
    Failed(String),
}

/// Handles one of rustls's states while sending `data`, or close_notify where `data` is None.
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
                    Written::NeedsRoom(required_size)
                }
                Err(error) => Written::Failed(error.to_string()),
            }
        }
        Ok(ConnectionState::EncodeTlsData(chunk)) => {
            encode(chunk, out);
            Written::Continue
        }
        Ok(ConnectionState::TransmitTlsData(chunk)) => {
            chunk.done();
            Written::Continue
        }
        // close_notify was sent before, or nothing can be sent any more.
        Ok(ConnectionState::Closed) => Written::Done,
        Ok(state) => Written::Failed(format!("nothing can be sent in the state {state:?}")),
        Err(error) => Written::Failed(error.to_string()),
    }
}
