//! The raw servers over TLS: one thread, one epoll set, rustls with whole records as input. They show the cost of encryption itself.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{CipherSuite, ServerConfig};

use crate::announce;
use crate::system::{EPOLLIN, EPOLLOUT, Epoll};

/// The token of the listening socket; connections have their index.
const LISTENER: usize = usize::MAX;
/// The most bytes of one read, and the most bytes that may wait to be written.
const PIECE: usize = 256 * 1024;
/// The most bytes that a record adds to its contents, and the most bytes of its contents.
const RECORD: usize = 16 * 1024;
const OVERHEAD: usize = 64;

/// How a server handles received bytes, and what it does when it can write.
pub enum Kind {
    Echo,
    Discard,
    Once,
    Send(usize),
}

/// A connection. `incoming` holds received bytes that are not yet decrypted: between two steps less than a record.
struct Peer {
    stream: TcpStream,
    session: UnbufferedServerConnection,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    is_watching: bool,
    is_over: bool,
}

/// The certificate and key that the benchmark passes.
fn configuration() -> io::Result<Arc<ServerConfig>> {
    let variable = |name| std::env::var(name).map_err(|_| io::Error::other(format!("{name} is not set")));
    let (cert, key) = (variable("BENCH_CERTIFICATE")?, variable("BENCH_KEY")?);
    let chain = CertificateDer::pem_slice_iter(cert.as_bytes()).collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(io::Error::other)?;
    let mut provider = ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(io::Error::other)?, key)
        .map_err(io::Error::other)?;
    // The cheapest cipher first, as in the package's server, whatever the client prefers.
    config.ignore_client_order = true;
    Ok(Arc::new(config))
}

/// Serves until the process ends.
pub fn serve(kind: &Kind) -> io::Result<()> {
    let config = configuration()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let mut epoll = Epoll::new()?;
    epoll.add(&listener, EPOLLIN, LISTENER)?;
    announce("port", listener.local_addr()?.port());
    let mut peers: Vec<Option<Peer>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut ready = Vec::new();
    let mut buffer = vec![0; PIECE];
    loop {
        ready.clear();
        ready.extend(epoll.wait(None)?);
        for &(token, _) in &ready {
            if token == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    stream.set_nonblocking(true)?;
                    let token = free.pop().unwrap_or_else(|| {
                        peers.push(None);
                        peers.len() - 1
                    });
                    epoll.add(&stream, EPOLLIN, token)?;
                    let session = UnbufferedServerConnection::new(config.clone()).map_err(io::Error::other)?;
                    let (incoming, outgoing) = (Vec::new(), Vec::new());
                    let peer = Peer { stream, session, incoming, outgoing, is_watching: false, is_over: false };
                    peers[token] = Some(peer);
                }
            } else if let Some(peer) = &mut peers[token]
                // A connection that failed is closed like one that ended.
                && !peer.step(kind, &mut buffer, &epoll, token).unwrap_or(false)
            {
                peers[token] = None;
                free.push(token);
            }
        }
    }
}

impl Peer {
    /// Reads once, decrypts all of it, answers, writes. Returns whether the connection goes on.
    fn step(&mut self, kind: &Kind, buffer: &mut [u8], epoll: &Epoll, token: usize) -> io::Result<bool> {
        if self.outgoing.len() < PIECE {
            // The rest of a record from the last step, then the new bytes, in one run.
            let kept = self.incoming.len();
            buffer[..kept].copy_from_slice(&self.incoming);
            let count = match self.stream.read(&mut buffer[kept..]) {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            };
            let used = self.advance(kind, &mut buffer[..kept + count])?;
            self.incoming.clear();
            self.incoming.extend_from_slice(&buffer[used..kept + count]);
        }
        if !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(written) => drop(self.outgoing.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        let watches = !self.outgoing.is_empty() || matches!(kind, Kind::Send(_));
        if watches != self.is_watching {
            self.is_watching = watches;
            epoll.change(&self.stream, if watches { EPOLLIN | EPOLLOUT } else { EPOLLIN }, token)?;
        }
        Ok(!(self.is_over && self.outgoing.is_empty()))
    }

    /// Runs the session until it needs more input. Returns how many bytes of `input` it has consumed.
    fn advance(&mut self, kind: &Kind, input: &mut [u8]) -> io::Result<usize> {
        let mut used = 0;
        let mut answer = Vec::new();
        loop {
            let UnbufferedStatus { mut discard, state } = self.session.process_tls_records(&mut input[used..]);
            match state.map_err(io::Error::other)? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(io::Error::other)?;
                        discard += record.discard;
                        if let Kind::Echo | Kind::Once = kind {
                            answer.extend_from_slice(record.payload);
                        }
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    let at = self.outgoing.len();
                    let mut room = RECORD;
                    loop {
                        self.outgoing.resize(at + room, 0);
                        match data.encode(&mut self.outgoing[at..]) {
                            Ok(count) => break self.outgoing.truncate(at + count),
                            Err(EncodeError::InsufficientSize(needed)) => room = needed.required_size,
                            Err(error) => return Err(io::Error::other(error)),
                        }
                    }
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::WriteTraffic(mut traffic) => {
                    let mut encrypt = |outgoing: &mut Vec<u8>, bytes: &[u8]| {
                        let at = outgoing.len();
                        outgoing.resize(at + bytes.len() + (bytes.len() / RECORD + 1) * OVERHEAD, 0);
                        let count = traffic.encrypt(bytes, &mut outgoing[at..])?;
                        outgoing.truncate(at + count);
                        Ok::<_, EncryptError>(())
                    };
                    if !answer.is_empty() {
                        encrypt(&mut self.outgoing, &answer).map_err(io::Error::other)?;
                    }
                    if let Kind::Send(size) = *kind {
                        let chunk = vec![b'x'; size];
                        while self.outgoing.len() < PIECE {
                            encrypt(&mut self.outgoing, &chunk).map_err(io::Error::other)?;
                        }
                    }
                    if matches!(kind, Kind::Once) && !answer.is_empty() && !self.is_over {
                        self.is_over = true;
                        let at = self.outgoing.len();
                        self.outgoing.resize(at + OVERHEAD, 0);
                        let count = traffic.queue_close_notify(&mut self.outgoing[at..]).map_err(io::Error::other)?;
                        self.outgoing.truncate(at + count);
                    }
                    return Ok(used + discard);
                }
                ConnectionState::PeerClosed | ConnectionState::Closed => {
                    self.is_over = true;
                    return Ok(used + discard);
                }
                ConnectionState::BlockedHandshake => return Ok(used + discard),
                _ => return Err(io::Error::other("early data was not offered")),
            }
            used += discard;
        }
    }
}
