//! The system calls that errors name (R-error). Each has the name that the system in use gives it.

use super::sys::{self, CallNames};

/// A system call that failed. JavaScript gets [`Syscall::name`], and lib/errors.js has a phrase for each name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syscall {
    /// Takes a connection from a server's backlog.
    Accept,
    /// Gives a socket its local address.
    Bind,
    /// Connects a socket.
    Connect,
    /// Makes a poll set.
    CreatePollSet,
    /// Lists the network interfaces.
    ListInterfaces,
    /// Makes a socket listen.
    Listen,
    /// Reads a socket's local address.
    LocalAddress,
    /// Looks up a host name.
    LookUp,
    /// Receives from a connection, into one buffer or several. A Unix socket is read by recvmsg(2), which also reports passed descriptors. Its
    /// errors have the same name as all other reads, on purpose: a program does not depend on how bytes are read.
    Read,
    /// Receives datagrams.
    Receive,
    /// Sends datagrams.
    Send,
    /// Makes a socket non-blocking.
    SetNonBlocking,
    /// Sets a socket option.
    SetOption,
    /// Makes a socket.
    Socket,
    /// Adds a socket to a poll set, or changes the events that it is watched for.
    Watch,
    /// Reads the path of the working directory.
    WorkingDirectory,
    /// Sends to a connection, from one buffer or several.
    Write,
}

impl Syscall {
    /// The call's name on this system. If a call has several forms (accept4, readv, recvmmsg), this is the name of the plain form.
    pub const fn name(self) -> &'static str {
        self.name_on(sys::CALL_NAMES)
    }

    const fn name_on(self, system: CallNames) -> &'static str {
        match (self, system) {
            (Self::Accept, _) => "accept",
            (Self::Bind, _) => "bind",
            (Self::Connect, _) => "connect",
            (Self::CreatePollSet, CallNames::Linux) => "epoll_create",
            (Self::CreatePollSet, CallNames::Bsd) => "kqueue",
            (Self::CreatePollSet, CallNames::Windows) => "CreateIoCompletionPort",
            (Self::ListInterfaces, _) => "getifaddrs",
            (Self::Listen, _) => "listen",
            (Self::LocalAddress, _) => "getsockname",
            (Self::LookUp, _) => "getaddrinfo",
            (Self::Read, CallNames::Linux | CallNames::Bsd) => "read",
            // Windows Sockets have no read() and no write().
            (Self::Read, CallNames::Windows) => "recv",
            (Self::Receive, CallNames::Linux) => "recv",
            // These systems receive and send each datagram with one call, which has the address as an argument.
            (Self::Receive, CallNames::Bsd | CallNames::Windows) => "recvfrom",
            (Self::Send, CallNames::Linux) => "send",
            (Self::Send, CallNames::Bsd | CallNames::Windows) => "sendto",
            (Self::SetNonBlocking, CallNames::Linux | CallNames::Bsd) => "fcntl",
            (Self::SetNonBlocking, CallNames::Windows) => "ioctlsocket",
            (Self::SetOption, _) => "setsockopt",
            (Self::Socket, _) => "socket",
            (Self::Watch, CallNames::Linux) => "epoll_ctl",
            (Self::Watch, CallNames::Bsd) => "kevent",
            // The call sends a request to the socket driver (AFD). The answer goes to the completion port.
            (Self::Watch, CallNames::Windows) => "NtDeviceIoControlFile",
            (Self::WorkingDirectory, _) => "getcwd",
            (Self::Write, CallNames::Linux | CallNames::Bsd) => "write",
            (Self::Write, CallNames::Windows) => "send",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_calls_it_by_its_own_name() {
        for (syscall, linux, bsd, windows) in [
            (Syscall::Accept, "accept", "accept", "accept"),
            (Syscall::Bind, "bind", "bind", "bind"),
            (Syscall::Connect, "connect", "connect", "connect"),
            (Syscall::CreatePollSet, "epoll_create", "kqueue", "CreateIoCompletionPort"),
            (Syscall::ListInterfaces, "getifaddrs", "getifaddrs", "getifaddrs"),
            (Syscall::Listen, "listen", "listen", "listen"),
            (Syscall::LocalAddress, "getsockname", "getsockname", "getsockname"),
            (Syscall::LookUp, "getaddrinfo", "getaddrinfo", "getaddrinfo"),
            (Syscall::Read, "read", "read", "recv"),
            (Syscall::Receive, "recv", "recvfrom", "recvfrom"),
            (Syscall::Send, "send", "sendto", "sendto"),
            (Syscall::SetNonBlocking, "fcntl", "fcntl", "ioctlsocket"),
            (Syscall::SetOption, "setsockopt", "setsockopt", "setsockopt"),
            (Syscall::Socket, "socket", "socket", "socket"),
            (Syscall::Watch, "epoll_ctl", "kevent", "NtDeviceIoControlFile"),
            (Syscall::WorkingDirectory, "getcwd", "getcwd", "getcwd"),
            (Syscall::Write, "write", "write", "send"),
        ] {
            let names = [CallNames::Linux, CallNames::Bsd, CallNames::Windows].map(|system| syscall.name_on(system));
            assert_eq!(names, [linux, bsd, windows]);
        }
    }

    #[test]
    fn the_name_is_this_system_s() {
        let watch = if cfg!(target_os = "linux") {
            "epoll_ctl"
        } else if cfg!(windows) {
            "NtDeviceIoControlFile"
        } else {
            "kevent"
        };
        assert_eq!(Syscall::Watch.name(), watch);
    }
}
