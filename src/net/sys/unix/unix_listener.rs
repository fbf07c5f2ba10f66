//! A listening Unix socket, and the file that it is bound to (R-unix).

use std::ffi::CString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::net::{TcpStream, UnixListener as PolledListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::peer_credentials::peer_credentials;
use crate::net::sys::vocabulary::{AcceptedUnix, ListenFailure, ListenStep, PERMISSIONS};

/// The longest wait for the lock of a folder.
const LOCK_TIMEOUT: Duration = Duration::from_millis(200);
/// The pause between two tries to get the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(2);
/// Why a server does not listen whose new file is gone from its path.
const REPLACED: &str = "the new file has been replaced at once";

/// A Unix socket that listens. Dropping it removes its file, and then closes the socket: so no other server finds a file without a server.
pub struct UnixListener {
    /// The file, which is removed first. `None`: the name is abstract, or the file is removed already.
    file: Option<SocketFile>,
    /// The socket.
    listener: PolledListener,
}

impl UnixListener {
    /// Makes a socket that listens at `address`. `file` is the absolute path of its file, and `address` has that or a relative path;
    /// `None`: the name is abstract. `mode` is the file's permissions; `None`: the process's umask decides.
    ///
    /// A file that a server of the same user has left behind is replaced. From that to listen(2), the file's folder is locked, so that two
    /// servers that start at once do not take each other's file for one that was left behind.
    pub fn listen(
        address: &SockAddr,
        file: Option<&Path>,
        mode: Option<u32>,
        backlog: i32,
    ) -> Result<Self, ListenFailure> {
        let at = |step| move |error| ListenFailure { step, error };
        let socket = stream_socket().map_err(at(ListenStep::Socket))?;
        file.map_or(Ok(()), |path| check_folder(address, path)).map_err(at(ListenStep::Bind))?;
        let lock = file.and_then(FolderLock::take);
        let file = match file {
            Some(path) => Some(bind(&socket, address, path, mode, lock.is_some()).map_err(at(ListenStep::Bind))?),
            None => {
                socket.bind(address).map_err(at(ListenStep::Bind))?;
                None
            }
        };
        socket.listen(backlog).map_err(at(ListenStep::Listen))?;
        Ok(Self { file, listener: PolledListener::from_std(OwnedFd::from(socket).into()) })
    }

    /// Removes the file now, and leaves the socket as it is.
    pub fn remove_file(&mut self) {
        self.file = None;
    }

    /// Accepts the next connection. It does not block.
    pub fn accept(&self) -> io::Result<AcceptedUnix> {
        let (stream, from) = self.listener.accept()?;
        let credentials = peer_credentials(&SockRef::from(&stream));
        let name = match from.as_pathname() {
            Some(path) => path.to_string_lossy().into_owned(),
            // Nearly all clients.
            None if from.is_unnamed() => String::new(),
            None => abstract_name(&stream),
        };
        let stream = std::os::unix::net::UnixStream::from(stream);
        Ok(AcceptedUnix { stream: TcpStream::from_std(OwnedFd::from(stream).into()), name, credentials })
    }
}

impl Source for UnixListener {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.listener.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.listener.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.listener.deregister(registry)
    }
}

/// The peer's name in Linux's abstract namespace, with the NUL in front. Empty: it has none.
fn abstract_name(stream: &mio::net::UnixStream) -> String {
    let Ok(peer) = SockRef::from(stream).peer_addr() else { return String::new() };
    peer.as_abstract_namespace().map_or_else(String::new, |name| format!("\0{}", String::from_utf8_lossy(name)))
}

fn stream_socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Checks that a relative path in `address` leads to the folder of `path`, so that close() finds the file. It does not where `path` is too
/// long for every call, or leads through a folder that this process may not search.
fn check_folder(address: &SockAddr, path: &Path) -> io::Result<()> {
    let (Some(relative), Some(folder)) = (address.as_pathname().filter(|bound| bound.is_relative()), path.parent())
    else {
        return Ok(());
    };
    let near = match relative.parent() {
        Some(near) if near != Path::new("") => near,
        _ => Path::new("."),
    };
    if Identity::of(&fs::metadata(near)?) == Identity::of(&fs::metadata(folder)?) {
        return Ok(());
    }
    // The working directory has just been moved.
    Err(io::Error::from_raw_os_error(libc::ENOENT))
}

/// Binds the socket to a file. `may_replace`: the file's folder is locked, so a file that was left behind may be replaced.
fn bind(
    socket: &Socket,
    address: &SockAddr,
    path: &Path,
    mode: Option<u32>,
    may_replace: bool,
) -> io::Result<SocketFile> {
    if let Some(mode) = mode {
        set_mode_before_bind(socket, mode)?;
    }
    match socket.bind(address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            remove_stale(address, path, may_replace)?;
            socket.bind(address)?;
        }
        bound => bound?,
    }
    let (file, metadata) = SocketFile::bound(path)?;
    match mode {
        Some(mode) if metadata.mode() & PERMISSIONS != mode => set_mode(&file, mode)?,
        _ => {}
    }
    Ok(file)
}

/// Sets the permissions that bind(2) gives to the file, minus those of the umask. So the file never has more permissions than asked for.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_mode_before_bind(socket: &Socket, mode: u32) -> io::Result<()> {
    // SAFETY: a system call without pointers, on a descriptor that is open because `socket` is borrowed.
    let result = unsafe { libc::fchmod(socket.as_raw_fd(), mode as libc::mode_t) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Does nothing: on this system bind(2) takes no permissions from the socket. Nobody can connect before listen(2), which comes after
/// [`set_mode`].
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_mode_before_bind(_socket: &Socket, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Sets the permissions of the file, and of no other that has taken its path meanwhile.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_mode(file: &SocketFile, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let located = File::from(locate(&file.path)?);
    if Identity::of(&located.metadata()?) != file.identity {
        return Err(in_use(REPLACED));
    }
    fs::set_permissions(format!("/proc/self/fd/{}", located.as_raw_fd()), fs::Permissions::from_mode(mode))
}

/// Opens a file with O_PATH: the descriptor only says which file it is. A socket's file cannot be opened otherwise, and fchmod(2) does not
/// take such a descriptor. On musl, [`OpenOptions`] drops O_PATH, because there it is a part of O_ACCMODE.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn locate(path: &Path) -> io::Result<OwnedFd> {
    use std::os::fd::FromRawFd;
    let text = c_path(path)?;
    // SAFETY: the pointer is that of `text`, which ends with NUL and lives until the call returns. The call only reads it.
    let descriptor = unsafe { libc::open(text.as_ptr(), libc::O_PATH | libc::O_NOFOLLOW | libc::O_CLOEXEC) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn c_path(path: &Path) -> io::Result<CString> {
    use std::os::unix::ffi::OsStrExt;
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

/// Sets the permissions of the file. It does not follow a symbolic link.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_mode(file: &SocketFile, mode: u32) -> io::Result<()> {
    let text = c_path(&file.path)?;
    // SAFETY: the pointer is that of `text`, which ends with NUL and lives until the call returns. The call only reads it.
    let result =
        unsafe { libc::fchmodat(libc::AT_FDCWD, text.as_ptr(), mode as libc::mode_t, libc::AT_SYMLINK_NOFOLLOW) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Removes the file in the way if it is a socket of this user on which no server listens. If it is anything else, returns an error of the
/// kind AddrInUse, whose text says what is in the way.
fn remove_stale(address: &SockAddr, path: &Path, may_replace: bool) -> io::Result<()> {
    let before = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // The file is gone already.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(in_use(format!("the file in the way cannot be looked at: {error}"))),
    };
    let kind = before.file_type();
    if kind.is_symlink() {
        return Err(in_use("a symbolic link is in the way, and is never replaced"));
    }
    if !kind.is_socket() {
        return Err(in_use("a file that is no socket is in the way, and is never replaced"));
    }
    // SAFETY: geteuid(2) takes no arguments and always succeeds.
    if before.uid() != unsafe { libc::geteuid() } {
        return Err(in_use("a socket of another user is in the way, and is never replaced"));
    }
    match stream_socket()?.connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        // A full backlog (WouldBlock) has a server, too.
        Ok(()) => return Err(in_use("a server listens there")),
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(in_use("a server listens there")),
        Err(error) => {
            return Err(in_use(format!("a socket is in the way that does not answer as an old one: {error}")));
        }
    }
    if !may_replace {
        return Err(in_use(
            "a server that has ended has left the file, which is not replaced, since its folder cannot be locked",
        ));
    }
    match fs::symlink_metadata(path) {
        Ok(now) if Identity::of(&now) == Identity::of(&before) => fs::remove_file(path),
        Ok(_) => Err(in_use("the file in the way has just been replaced")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn in_use(why: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::AddrInUse, why.into())
}

/// The identity of a file. It does not depend on the path.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    /// The number of the file system's device.
    device: u64,
    /// The number of the inode.
    inode: u64,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// The file of a listening socket. Dropping it removes the file, if it is still the one that was bound.
struct SocketFile {
    /// The absolute path.
    path: PathBuf,
    /// The file's identity. No other file gets it while the socket is open.
    identity: Identity,
}

impl SocketFile {
    /// The file that bind(2) has just made.
    fn bound(path: &Path) -> io::Result<(Self, Metadata)> {
        let metadata = fs::symlink_metadata(path)?;
        if !metadata.file_type().is_socket() {
            return Err(in_use(REPLACED));
        }
        Ok((Self { path: path.to_owned(), identity: Identity::of(&metadata) }, metadata))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_same = fs::symlink_metadata(&self.path).is_ok_and(|now| Identity::of(&now) == self.identity);
        if is_same {
            // If the folder does not allow it any more, the file stays. The next server replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The lock of a folder (flock(2)). Closing the folder releases it.
struct FolderLock {
    /// The folder.
    _folder: File,
}

impl FolderLock {
    /// Locks the folder of `path`. `None`: the folder cannot be opened or locked, or another process holds the lock for too long.
    fn take(path: &Path) -> Option<Self> {
        // O_DIRECTORY: a fifo or a device in place of the folder would block, or do something, when it is opened.
        let folder = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(path.parent()?).ok()?;
        let start = Instant::now();
        loop {
            // SAFETY: a system call without pointers, on a descriptor that `folder` keeps open.
            if unsafe { libc::flock(folder.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
                return Some(Self { _folder: folder });
            }
            let is_taken = matches!(io::Error::last_os_error().kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
            if !is_taken || start.elapsed() >= LOCK_TIMEOUT {
                return None;
            }
            thread::sleep(LOCK_PAUSE);
        }
    }
}
