//! Opens Unix sockets (R-unix): checks a path, starts a client's connection, makes a server listen. From then on they are stream sockets
//! like TCP's.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::endpoint::Endpoint;
use super::options::{UnixOptions, UnixServerOptions};
use super::stream_handle::{PolledStream, StdStream};
use super::sys::{ListenFailure, ListenStep, PeerCredentials, UnixListener};
use super::syscall::Syscall;
use super::{SocketError, errno, quoted, socket_options, sys};

/// The pause before the first try to connect again, after the server's backlog was full.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The longest such pause. Each pause is twice as long as the one before.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// A path of a Unix socket, checked.
#[derive(Clone, Debug)]
pub struct UnixPath {
    /// The absolute path, or the abstract name, which begins with NUL. Bytes that are no UTF-8 are replaced.
    pub text: Arc<str>,
    /// The absolute path of the file. `None`: the name is abstract.
    file: Option<Arc<Path>>,
    /// The path or name for the system. If the absolute path is too long for it, the path as it was given.
    address: SockAddr,
    /// The given relative path, if `address` contains it instead of the absolute path. `None`: `address` does not depend on the working
    /// directory.
    relative: Option<Arc<Path>>,
}

impl UnixPath {
    /// Checks and resolves a path argument.
    pub fn parse(path: &str) -> Result<Self, SocketError> {
        let bad = |reason| Err(SocketError::BadOption { reason });
        if !sys::HAS_UNIX_SOCKETS {
            return Err(SocketError::NotSupported { reason: "there are no Unix sockets on this system".to_owned() });
        }
        let is_abstract = path.starts_with('\0');
        if is_abstract && !sys::HAS_ABSTRACT_NAMES {
            let reason = "only Linux has abstract names, which begin with NUL; give the path of a file".to_owned();
            return Err(SocketError::NotSupported { reason });
        }
        let most = sys::LONGEST_UNIX_PATH;
        if path.is_empty() {
            return bad("the path is empty; give the path of a socket, such as \"/run/example.sock\"".to_owned());
        }
        if path.chars().skip(1).any(|character| character == '\0') {
            let shown = quoted::beginning(path);
            return bad(format!("the path {shown:?} contains NUL, which only an abstract name has, and only in front"));
        }
        if path.len() > most {
            let (shown, length) = (quoted::beginning(path), path.len());
            return bad(format!(
                "the path {shown:?} has {length} bytes, and the system takes {most} at most; a path relative to the working directory may be shorter"
            ));
        }
        let address =
            |path: &Path| SockAddr::unix(path).map_err(|error| SocketError::BadOption { reason: errno::text(&error) });
        if is_abstract {
            return Ok(Self { text: path.into(), file: None, address: address(Path::new(path))?, relative: None });
        }
        let file = absolute(path)?;
        let text = file.to_string_lossy().into();
        if file.as_os_str().len() > most {
            let relative = Path::new(path);
            return Ok(Self {
                text,
                file: Some(file.into()),
                address: address(relative)?,
                relative: Some(relative.into()),
            });
        }
        Ok(Self { text, address: address(&file)?, file: Some(file.into()), relative: None })
    }

    /// The path as an end of a connection.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(Arc::clone(&self.text))
    }

    /// Whether the address still leads where it led when it was resolved. If it is relative, it does not after chdir(2).
    fn leads_there(&self) -> bool {
        let Some(relative) = &self.relative else { return true };
        std::path::absolute(relative).is_ok_and(|now| Some(now.as_path()) == self.file.as_deref())
    }
}

/// The absolute path. Only the working directory can be at fault.
fn absolute(path: &str) -> Result<PathBuf, SocketError> {
    std::path::absolute(path)
        .map_err(|error| SocketError::local(Syscall::WorkingDirectory, Endpoint::Unix(path.into()), error))
}

/// A client's connection attempt.
pub struct UnixAttempt {
    /// The socket, which is not connected yet.
    socket: Socket,
    /// Where it connects to.
    path: UnixPath,
    /// The pause before the next try.
    pause: Duration,
}

/// The result of connect(2) on a path, which the system gives at once.
pub enum UnixConnect {
    /// The connection is established.
    Connected(PolledStream, Option<PeerCredentials>),
    /// The server's backlog is full. The attempt is to be tried again after this time.
    Full(Box<UnixAttempt>, Duration),
    /// The attempt failed. Every failure that concerns the server's end is reported as an event (R-tcp-create).
    Failed(SocketError),
}

impl UnixAttempt {
    /// Makes the socket. An error means that an option is refused, or that the system is short of resources.
    pub fn new(options: &UnixOptions, path: UnixPath) -> Result<Self, SocketError> {
        let failed = |syscall, error| SocketError::system_at(syscall, path.endpoint(), error);
        let socket =
            sys::new_socket(Domain::UNIX, Type::STREAM, None).map_err(|error| failed(Syscall::Socket, error))?;
        socket_options::set_buffer_sizes(&socket, &options.buffers)?;
        Ok(Self { socket, path, pause: FIRST_PAUSE })
    }

    /// Calls connect(2).
    pub fn connect(mut self: Box<Self>) -> UnixConnect {
        if !self.path.leads_there() {
            return UnixConnect::Failed(SocketError::system_at(Syscall::Connect, self.path.endpoint(), moved()));
        }
        let connected = loop {
            match self.socket.connect(&self.path.address) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                connected => break connected,
            }
        };
        match connected {
            Ok(()) => {
                let credentials = sys::peer_credentials(&self.socket);
                UnixConnect::Connected(PolledStream::from_std(StdStream::from(self.socket)), credentials)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let pause = self.pause;
                self.pause = (pause * 2).min(LONGEST_PAUSE);
                UnixConnect::Full(self, pause)
            }
            Err(error) => UnixConnect::Failed(SocketError::system_at(Syscall::Connect, self.path.endpoint(), error)),
        }
    }
}

/// The error if the working directory changed while an attempt with a relative address waited for room in the backlog. The next try would
/// connect to another path.
fn moved() -> std::io::Error {
    let why = "the working directory has changed while the attempt waited, and the absolute path is too long";
    std::io::Error::new(ErrorKind::WouldBlock, why)
}

/// Makes a socket that listens at a path.
pub fn listen(options: &UnixServerOptions, path: &UnixPath) -> Result<UnixListener, SocketError> {
    if let Some(mode) = options.mode {
        if path.file.is_none() {
            let reason = "an abstract name has no file, so it has no mode: every process of its network namespace may connect; give a path for a mode".to_owned();
            return Err(SocketError::NotSupported { reason });
        }
        if mode & !sys::PERMISSIONS != 0 {
            let reason = format!("mode is 0o{mode:o}; it takes permissions from 0o0 to 0o777, such as 0o660");
            return Err(SocketError::BadOption { reason });
        }
    }
    let backlog = i32::try_from(options.listening.backlog).unwrap_or(i32::MAX);
    UnixListener::listen(&path.address, path.file.as_deref(), options.mode, backlog).map_err(
        |ListenFailure { step, error }| {
            let syscall = match step {
                ListenStep::Socket => Syscall::Socket,
                ListenStep::Bind => Syscall::Bind,
                ListenStep::Listen => Syscall::Listen,
            };
            SocketError::local(syscall, path.endpoint(), error)
        },
    )
}
