//! Opens sockets: for a constructor, and for a connection that a server has accepted.

use std::io;

use super::{Net, OpenSocket};
use crate::net::accepted::Accepted;
use crate::net::any_socket::AnySocket;
use crate::net::context::Context;
use crate::net::endpoint::Endpoint;
use crate::net::event::EventKind;
use crate::net::options::{ServerOptions, TcpOptions, UdpOptions, UnixOptions, UnixServerOptions};
use crate::net::server_socket::ServerSocket;
use crate::net::stream_handle::PolledStream;
use crate::net::stream_socket::StreamSocket;
use crate::net::syscall::Syscall;
use crate::net::tls::AcceptedTls;
use crate::net::udp_socket::UdpSocket;
use crate::net::{Id, SocketError};

impl Net {
    /// new TCPSocket().
    pub fn open_tcp(&mut self, owner: u32, options: &TcpOptions) -> Result<Id, SocketError> {
        self.open(owner, |id, context| Ok(AnySocket::Stream(Box::new(StreamSocket::connect(options, id, context)?))))
    }

    /// new UnixSocket().
    pub fn open_unix(&mut self, owner: u32, options: &UnixOptions) -> Result<Id, SocketError> {
        self.open(owner, |id, context| {
            Ok(AnySocket::Stream(Box::new(StreamSocket::connect_to_path(options, id, context)?)))
        })
    }

    /// new UnixServerSocket().
    pub fn open_unix_server(&mut self, owner: u32, options: &UnixServerOptions) -> Result<Id, SocketError> {
        self.open(owner, |id, context| {
            Ok(AnySocket::Server(Box::new(ServerSocket::listen_at_path(options, id, context)?)))
        })
    }

    /// new UDPSocket().
    pub fn open_udp(&mut self, owner: u32, options: &UdpOptions) -> Result<Id, SocketError> {
        self.open(owner, |id, context| Ok(AnySocket::Udp(Box::new(UdpSocket::bind(options, id, context)?))))
    }

    /// new TCPServerSocket().
    pub fn open_server(&mut self, owner: u32, options: &ServerOptions) -> Result<Id, SocketError> {
        self.open(owner, |id, context| Ok(AnySocket::Server(Box::new(ServerSocket::listen(options, id, context)?))))
    }

    pub(super) fn open(
        &mut self,
        owner: u32,
        make: impl FnOnce(Id, &mut Context) -> Result<AnySocket, SocketError>,
    ) -> Result<Id, SocketError> {
        let vacant = self.sockets.vacant_entry();
        let index = vacant.key();
        if self.generations.len() <= index {
            self.generations.resize(index + 1, 0);
        }
        self.generations[index] = self.generations[index].wrapping_add(1);
        let id = Id::new(index, self.generations[index])
            .ok_or_else(|| SocketError::system(Syscall::Socket, io::Error::from(io::ErrorKind::OutOfMemory)))?;
        let socket = make(id, &mut self.context)?;
        vacant.insert(OpenSocket { id, owner, referenced: true, socket });
        self.references += 1;
        let index = owner as usize;
        if self.owners.len() <= index {
            self.owners.resize(index + 1, 0);
        }
        self.owners[index] += 1;
        Ok(id)
    }

    /// Makes a socket for a connection that the server `id` accepted.
    pub(super) fn open_accepted(
        &mut self,
        id: Id,
        owner: u32,
        connection: Accepted<PolledStream>,
    ) -> Option<EventKind> {
        let options = self.server(id, |server, _| server.stream_options.clone())?;
        let connected = connected(&connection);
        let opened = self.open(owner, |accepted, context| {
            Ok(AnySocket::Stream(Box::new(StreamSocket::accepted(connection, &options, accepted, context)?)))
        });
        Some(match opened {
            Ok(accepted) => connected(accepted),
            Err(error) => EventKind::ServerError(error),
        })
    }

    /// Makes a socket for a client that has completed the TLS handshake with the server `id`.
    pub(super) fn open_accepted_tls(&mut self, id: Id, owner: u32, client: AcceptedTls) -> Option<EventKind> {
        let options = self.server(id, |server, _| server.stream_options.clone())?;
        let connected = connected(&client.connection);
        let opened = self.open(owner, |accepted, context| {
            Ok(AnySocket::Stream(Box::new(StreamSocket::accepted_tls(client, &options, accepted, context))))
        });
        Some(match opened {
            Ok(accepted) => connected(accepted),
            Err(error) => EventKind::ServerError(error),
        })
    }
}

/// Returns a function that makes the event of an accepted connection, from the id of its socket.
fn connected<Stream>(connection: &Accepted<Stream>) -> impl FnOnce(Id) -> EventKind + use<Stream> {
    let (remote, local) = (connection.remote.clone(), connection.local.clone());
    let credentials = connection.credentials;
    move |accepted| match (remote, local) {
        (Endpoint::Inet(remote), Endpoint::Inet(local)) => EventKind::Connect { accepted, remote, local },
        (remote, _) => EventKind::UnixConnect { accepted, remote, credentials },
    }
}
