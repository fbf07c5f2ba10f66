//! The loads over TLS. They do the same as the plain ones, with rustls at this end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

use crate::arguments::Arguments;
use crate::measure::{Measure, PATIENCE, Report};
use crate::system::{EPOLLIN, EPOLLOUT, Epoll};

/// Bytes of one read, and bytes that are encrypted at once.
const PIECE: usize = 256 * 1024;

/// Checks signatures, as every client must, but not the issuer of the certificate, because each server has its own.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A configuration without resumption: every handshake is a full one.
fn configuration() -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("ring has suites for both versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// A connection whose handshake is under way.
struct Secure {
    stream: TcpStream,
    session: ClientConnection,
}

impl Secure {
    fn connect(arguments: &Arguments, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let stream = TcpStream::connect(arguments.address())?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").expect("a host name");
        let mut session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
        session.set_buffer_limit(Some(2 * PIECE));
        Ok(Self { stream, session })
    }

    /// A connection whose handshake is done, watched in the set.
    fn open(
        arguments: &Arguments,
        config: &Arc<ClientConfig>,
        epoll: &Epoll,
        interest: i32,
        token: usize,
    ) -> io::Result<Self> {
        let mut secure = Self::connect(arguments, config)?;
        while secure.session.is_handshaking() {
            secure.session.complete_io(&mut secure.stream)?;
        }
        secure.stream.set_nonblocking(true)?;
        epoll.add(&secure.stream, interest, token)?;
        Ok(secure)
    }

    /// Reads once, and decrypts all of it. Returns the number of bytes, or None at the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let count = match self.stream.read(buffer) {
            Ok(0) => return Ok(None),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Some(0)),
            Err(error) => return Err(error),
        };
        let mut rest = &buffer[..count];
        let mut bytes = 0;
        let mut plain = [0; 16 * 1024];
        while !rest.is_empty() {
            self.session.read_tls(&mut rest)?;
            let state = self.session.process_new_packets().map_err(io::Error::other)?;
            let ended = state.peer_has_closed();
            loop {
                match self.session.reader().read(&mut plain) {
                    Ok(0) => break,
                    Ok(count) => bytes += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            if ended {
                return Ok(None);
            }
        }
        Ok(Some(bytes))
    }

    /// Writes encrypted bytes. Returns whether none are left.
    fn flush(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.stream) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn has_ended() -> io::Error {
    io::Error::other("the server has ended a connection")
}

fn open_all(arguments: &Arguments, epoll: &Epoll, interest: i32) -> io::Result<Vec<Secure>> {
    let config = configuration();
    (0..arguments.connections).map(|token| Secure::open(arguments, &config, epoll, interest, token)).collect()
}

/// Writes on every connection, as fast as the server reads.
pub fn upload(arguments: &Arguments) -> io::Result<Report> {
    let pattern = vec![b'x'; PIECE];
    pump(arguments, EPOLLOUT, |secure| {
        if !secure.flush()? {
            return Ok(0);
        }
        let taken = secure.session.writer().write(&pattern)?;
        secure.flush()?;
        Ok(taken)
    })
}

/// Reads on every connection, as fast as the server writes.
pub fn download(arguments: &Arguments) -> io::Result<Report> {
    let mut buffer = vec![0; PIECE];
    pump(arguments, EPOLLIN, |secure| secure.read(&mut buffer)?.ok_or_else(has_ended))
}

fn pump(
    arguments: &Arguments,
    interest: i32,
    mut step: impl FnMut(&mut Secure) -> io::Result<usize>,
) -> io::Result<Report> {
    let mut epoll = Epoll::new()?;
    let mut connections = open_all(arguments, &epoll, interest)?;
    let mut measure = Measure::begin(arguments);
    let mut bytes = 0;
    loop {
        for (token, _) in epoll.wait(PATIENCE)? {
            bytes += step(&mut connections[token])? as u64;
        }
        if let Some(report) = measure.tick(bytes)? {
            return Ok(report);
        }
    }
}

/// Each connection keeps `depth` messages under way: when one returns, it sends the next.
pub fn echo(arguments: &Arguments) -> io::Result<Report> {
    let Arguments { size, depth, .. } = *arguments;
    let mut epoll = Epoll::new()?;
    let pattern = vec![b'x'; size * depth];
    let mut buffer = vec![0; PIECE];
    let mut connections = open_all(arguments, &epoll, EPOLLIN)?;
    let mut received = vec![0; connections.len()];
    for secure in &mut connections {
        secure.session.writer().write_all(&pattern)?;
        secure.flush()?;
    }
    let mut measure = Measure::begin(arguments);
    let mut done = 0;
    let mut ready = Vec::new();
    loop {
        ready.clear();
        ready.extend(epoll.wait(PATIENCE)?);
        for &(token, readiness) in &ready {
            let secure = &mut connections[token];
            if readiness & !EPOLLOUT != 0 {
                received[token] += secure.read(&mut buffer)?.ok_or_else(has_ended)?;
                let messages = received[token] / size;
                received[token] %= size;
                done += messages as u64;
                secure.session.writer().write_all(&pattern[..messages * size])?;
            }
            let interest = if secure.flush()? { EPOLLIN } else { EPOLLIN | EPOLLOUT };
            // The awaited readiness changes only if the connection's buffers are full.
            if interest & EPOLLOUT != 0 || readiness & EPOLLOUT != 0 {
                epoll.change(&secure.stream, interest, token)?;
            }
        }
        if let Some(report) = measure.tick(done)? {
            return Ok(report);
        }
    }
}

/// `connections` clients at a time. Each connects, makes a full handshake, sends a byte, receives one and the end, and ends too. Then
/// the next one follows.
pub fn handshakes(arguments: &Arguments) -> io::Result<Report> {
    let config = configuration();
    let mut epoll = Epoll::new()?;
    let begin = |epoll: &Epoll, token: usize| {
        let mut secure = Secure::connect(arguments, &config)?;
        secure.stream.set_nonblocking(true)?;
        epoll.add(&secure.stream, EPOLLIN, token)?;
        // The byte is kept until the handshake is done.
        secure.session.writer().write_all(b"x")?;
        secure.flush()?;
        Ok::<_, io::Error>(secure)
    };
    let mut clients = (0..arguments.connections).map(|token| begin(&epoll, token)).collect::<io::Result<Vec<_>>>()?;
    let mut buffer = vec![0; 16 * 1024];
    let mut measure = Measure::begin(arguments);
    let mut done = 0;
    let mut ready = Vec::new();
    loop {
        ready.clear();
        ready.extend(epoll.wait(PATIENCE)?);
        for &(token, _) in &ready {
            match clients[token].read(&mut buffer)? {
                Some(_) => {
                    clients[token].flush()?;
                }
                None if clients[token].session.is_handshaking() => {
                    return Err(io::Error::other("the server has ended a handshake"));
                }
                None => {
                    done += 1;
                    clients[token] = begin(&epoll, token)?;
                }
            }
        }
        if let Some(report) = measure.tick(done)? {
            return Ok(report);
        }
    }
}
