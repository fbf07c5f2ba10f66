//! An end that is a [`Driver`], with the session's part done here.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;

use super::super::{Direct, Driver, Outcome, Wire};
use super::Party;
use super::theirs::{NAME, ServerIdentity};
use crate::net::SocketError;
use crate::net::endpoint::Endpoint;
use crate::net::send_queue::{Pool, SendQueue};
use crate::net::tls::config;
use crate::net::tls::connection::Connection;
use crate::net::tls::options::SecureOptions;
use crate::net::tls::pem::Material;
use crate::net::tls::place::Place;
use crate::net::tls::shared_session::{SharedSession, Target};

/// Calls of the driver in a row after which it must not want another one.
const MOST_CALLS: usize = 1000;

/// A system's socket in memory.
#[derive(Default)]
struct MemoryWire {
    /// Received bytes that the driver has not read.
    incoming: VecDeque<u8>,
    /// True: FIN follows `incoming`.
    peer_ended: bool,
    /// True: the connection was reset.
    is_reset: bool,
    /// Bytes that the driver has written.
    outgoing: Vec<u8>,
    /// How many bytes more the driver may write.
    room: usize,
    /// True once the driver has sent FIN.
    has_sent_end: bool,
}

impl Wire for MemoryWire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.incoming.is_empty() {
            return self.incoming.read(buffer);
        }
        match () {
            () if self.is_reset => Err(ErrorKind::ConnectionReset.into()),
            () if self.peer_ended => Ok(0),
            () => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!self.has_sent_end, "bytes follow FIN");
        if self.is_reset {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let length = bytes.len().min(self.room);
        if length == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.room -= length;
        self.outgoing.extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn shut_down(&mut self) {
        self.has_sent_end = true;
    }
}

/// A driver's end.
pub struct Ours {
    driver: Driver,
    shared: Arc<SharedSession>,
    wire: MemoryWire,
    /// True once the handshake has begun.
    has_begun: bool,
    /// True once the driver has nothing more to do.
    is_over: bool,
    received: Vec<u8>,
    has_failed: bool,
    /// True once TLS itself has failed, or was cut off. After a fault of the system, bytes that it has received before may still come.
    is_distrusted: bool,
}

impl Ours {
    /// A client that trusts the identity's certificate only.
    pub fn client(identity: &ServerIdentity) -> Self {
        let ca = Some(vec![Material::Bytes(identity.certificate.clone())]);
        let options = SecureOptions { ca, sni: Some(NAME.to_owned()), ..SecureOptions::default() };
        let setup = config::client(&options).expect("the options are valid");
        let name = config::server_name(&options, NAME).expect("the name is valid");
        Self::new(Connection::client(&setup, name, &Endpoint::unnamed()).expect("the setup is valid"))
    }

    /// A server with the identity.
    pub fn server(identity: &ServerIdentity) -> Self {
        let options = SecureOptions {
            cert: Some(vec![Material::Bytes(identity.certificate.clone())]),
            key: Some(Material::Bytes(identity.key.clone())),
            ..SecureOptions::default()
        };
        let setup = config::server(&options).expect("the options are valid");
        Self::new(Connection::server(&setup, None).expect("the setup is valid"))
    }

    fn new(connection: Connection) -> Self {
        let shared = SharedSession::new(Target::None, Place::Turn);
        Self {
            driver: Driver::new(connection, Arc::clone(&shared), Endpoint::unnamed(), Vec::new(), None),
            shared,
            wire: MemoryWire { room: usize::MAX, ..MemoryWire::default() },
            has_begun: false,
            is_over: false,
            received: Vec::new(),
            has_failed: false,
            is_distrusted: false,
        }
    }

    /// One call of the driver.
    fn call(&mut self) -> Outcome {
        let (wire, begins) = (&mut self.wire, !std::mem::replace(&mut self.has_begun, true));
        self.driver.with_scratch(|driver, scratch| {
            if begins { driver.greet(wire, scratch) } else { driver.pump(wire, scratch, &mut Direct::none()) }
        })
    }

    /// Takes the driver's reports, as the session does.
    fn take_reports(&mut self) {
        let mut state = self.shared.state();
        let chunks = std::mem::take(&mut state.inbound);
        let fault = state.fault.take();
        drop(state);
        let bytes: Vec<u8> = chunks.into_iter().flatten().collect();
        assert!(bytes.is_empty() || self.driver.established, "bytes before the handshake was done");
        assert!(bytes.is_empty() || !self.is_distrusted, "bytes after a fault of TLS");
        self.has_failed |= fault.is_some();
        self.is_distrusted |= fault.is_some_and(|fault| matches!(fault.into_error(), SocketError::Tls { .. }));
        self.shared.room.take(bytes.len());
        self.received.extend(bytes);
    }
}

impl Party for Ours {
    fn receive(&mut self, bytes: &[u8]) {
        self.wire.incoming.extend(bytes);
    }

    fn receive_end(&mut self) {
        self.wire.peer_ended = true;
    }

    fn receive_reset(&mut self) {
        self.wire.is_reset = true;
    }

    fn work(&mut self) {
        for _ in 0..MOST_CALLS {
            if self.is_over {
                return;
            }
            let (outcome, before) = (self.call(), self.received.len());
            self.is_over = matches!(outcome, Outcome::Done | Outcome::Linger);
            self.take_reports();
            // Where the session has taken bytes, there is room for more, and it calls the driver again.
            if outcome == Outcome::Wait && self.received.len() == before {
                return;
            }
        }
        panic!("the driver spins");
    }

    fn take_sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.wire.outgoing)
    }

    fn has_sent_end(&self) -> bool {
        self.wire.has_sent_end || self.is_over
    }

    fn send(&mut self, bytes: &[u8]) {
        let (mut queue, mut pool) = (SendQueue::default(), Pool::default());
        queue.push(bytes, &mut pool).expect("there is memory");
        let mut state = self.shared.state();
        while let Some(piece) = queue.take() {
            state.outbound_len += piece.bytes().len();
            state.outbound.push_back(piece);
        }
    }

    fn finish(&mut self) {
        self.shared.state().finish = true;
    }

    fn set_room(&mut self, room: usize) {
        self.wire.room = room;
    }

    fn received(&self) -> &[u8] {
        &self.received
    }

    fn has_failed(&self) -> bool {
        self.has_failed
    }

    fn has_peer_ended(&self) -> bool {
        self.driver.reported.input && !self.has_failed
    }
}
