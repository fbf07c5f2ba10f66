"use strict";

// Makes the DOMExceptions of the package, in the caller's realm (R-error). The reason is a Failure of the native half, or a state or an
// argument that lib/ refuses.

const process = require("node:process");
const { cut } = require("./shown.js");

const { DOMException } = globalThis;

/** More characters than any path of a Unix socket has. */
const LONGEST_PATH = 1024;

/**
 * The description of an error that the native half returns (docs/binding.md).
 *
 * @typedef {object} Failure
 * @property {string} name the DOMException's name
 * @property {string} [code] the name of the error, such as "ECONNREFUSED"
 * @property {string} [syscall]
 * @property {string} [address]
 * @property {number} [port]
 * @property {number} [question] the question that certificateFor has failed to answer
 * @property {string} reason why it failed, in words
 */

/** What the package tried to do, by the name of the system call that failed. In the message the address follows it. */
const ATTEMPTS = new Map(
  Object.entries({
    accept: "accept a connection on",
    bind: "bind to",
    CreateIoCompletionPort: "watch sockets: there is no room for",
    connect: "connect to",
    epoll_create: "watch sockets: there is no room for",
    epoll_ctl: "watch the socket for",
    fcntl: "prepare the socket for",
    getcwd: "resolve",
    getifaddrs: "list the network interfaces for",
    getsockname: "get the local address of the socket for",
    ioctlsocket: "prepare the socket for",
    kevent: "watch the socket for",
    kqueue: "watch sockets: there is no room for",
    listen: "listen on",
    NtDeviceIoControlFile: "watch the socket for",
    read: "receive from",
    recv: "receive from",
    recvfrom: "receive on",
    send: "send to",
    sendto: "send to",
    setsockopt: "set a socket option for",
    socket: "make a socket for",
    write: "send to",
  }),
);

/** The names of the calls that read from a connection or write to it. Windows calls them recv and send. */
const TRANSFERS = new Set(["read", "recv", "send", "write"]);

/**
 * Whether an error's system call reads from a connection or writes to it. (On some systems, calls for datagrams have the same names.)
 *
 * @param {string | undefined} syscall
 */
function isTransfer(syscall) {
  return syscall !== undefined && TRANSFERS.has(syscall);
}

/** The advice for EACCES. On Windows no port needs privileges. */
const FORBIDDEN =
  process.platform === "win32"
    ? "It is not permitted: a firewall forbids it, the system keeps the port for itself, or a broadcast address was not asked for."
    : "It is not permitted: ports below 1024 need privileges, and broadcast addresses have to be asked for.";

/** The probable cause of an error or what helps, by the name of the error. In the message it follows the reason. */
const CURES = new Map(
  Object.entries({
    EACCES: FORBIDDEN,
    EADDRINUSE: "Another socket has it: choose another port, or 0 for any free one.",
    EADDRNOTAVAIL: "A local address has to be one of this host's; without one, or with the wildcard, the system chooses.",
    EAFNOSUPPORT: "This host does not speak that family of addresses.",
    ECONNABORTED: "The attempt was given up.",
    ECONNREFUSED: "Nothing listens there, or a firewall refuses it.",
    EAI_AGAIN: "No name server answers: the network is down, or the resolver is not set up. It may work later.",
    ECONNRESET: "The peer, or something between, broke the connection off.",
    EHOSTUNREACH: "No route leads there from this host.",
    EMFILE: "This process has too many open files: close some, or raise its limit (ulimit -n).",
    ENETUNREACH: "No route leads there from this host.",
    ENOTFOUND: "There is no such name, or it has no address.",
    ENFILE: "This host has too many open files.",
    EPERM: "A firewall or the system's settings forbid it.",
    EPIPE: "The connection was over already.",
    ETIMEDOUT: "The peer does not answer: it is down, or a firewall drops what it is sent.",
  }),
);

/** The same for the path of a Unix socket. */
const PATH_CURES = new Map(
  Object.entries({
    EACCES: "It is not permitted: to connect needs permission to write the socket's file, to listen needs permission to write its folder.",
    EADDRINUSE: "Choose another path, or end what has this one.",
    EAGAIN: "The server's backlog is full.",
    ECONNREFUSED: "No server listens there: the file is left from one that has ended, or is no socket.",
    ECONNRESET: "The peer has ended without reading everything.",
    ELOOP: "Symbolic links lead in a circle.",
    EMFILE: CURES.get("EMFILE"),
    ENAMETOOLONG: "The absolute path is too long: choose a folder that is less deep.",
    ENFILE: CURES.get("ENFILE"),
    ENOENT: "There is no such file, or its folder does not exist.",
    ENOSPC: "The file system is full.",
    ENOTDIR: "A part of the path is no folder.",
    EPERM: "The file system has no socket files, or the system's settings forbid it: choose another folder.",
    EPIPE: "The peer has ended already.",
    EPROTOTYPE: "The socket there is of another type: it takes datagrams or packets.",
    EROFS: "The file system is read-only: choose a folder that can be written.",
    ETIMEDOUT: "The server does not accept it: it is busy, or stopped.",
  }),
);

/** The same for errors of which the name is not enough: cureFor() also looks at the system call, the address and the port. */
const OTHER_CURES = {
  linkLocal: "A link-local address needs its interface as zone, such as fe80::1%eth0.",
  noPortLeft: "No local port is left for that destination: too many connections go there (net.ipv4.ip_local_port_range), or no address of this host reaches it.",
  noFreePort: "No port is free: others have them all.",
  noName: "No server has that name.",
  noWatchLeft: "This user watches as many files as the system allows (fs.epoll.max_user_watches).",
  noWorkingDirectory: "The working directory does not exist any more: give an absolute path.",
};

/**
 * Returns the probable cause of an error or what helps; undefined if nothing is known.
 *
 * @param {string | undefined} code
 * @param {string | undefined} syscall
 * @param {string | undefined} address
 * @param {number | undefined} port
 */
function cureFor(code, syscall, address, port) {
  if (syscall === "getcwd" && code === "ENOENT") {
    return OTHER_CURES.noWorkingDirectory;
  }
  if (code === "ENOSPC" && syscall === "epoll_ctl") {
    return OTHER_CURES.noWatchLeft;
  }
  if (address !== undefined && port === undefined && isPath(address)) {
    if (code === "ECONNREFUSED" && address.startsWith("\0")) {
      return OTHER_CURES.noName;
    }
    return code === undefined ? undefined : PATH_CURES.get(code);
  }
  if (code === "EINVAL" && address !== undefined && /^fe[89ab]/i.test(address) && !address.includes("%")) {
    return OTHER_CURES.linkLocal;
  }
  if (code === "EADDRNOTAVAIL" && syscall === "connect") {
    return OTHER_CURES.noPortLeft;
  }
  if (code === "EADDRINUSE" && port === 0) {
    return OTHER_CURES.noFreePort;
  }
  return code === undefined ? undefined : CURES.get(code);
}

/**
 * Makes a DOMException.
 *
 * @param {string} name
 * @param {string} message
 * @param {{ code?: string | undefined, syscall?: string | undefined, address?: string | undefined, port?: number | undefined, cause?: unknown }} [details]
 */
function exception(name, message, details = {}) {
  const error = new DOMException(message, name);
  for (const key of /** @type {const} */ (["code", "syscall", "address", "port"])) {
    // Each value that is given becomes an own property. If `code` is not given, the exception keeps DOMException's number (R-error).
    if (details[key] !== undefined) {
      Object.defineProperty(error, key, { value: details[key], writable: true, enumerable: true, configurable: true });
    }
  }
  if (details.cause !== undefined) {
    // Not enumerable, like the cause of an Error.
    Object.defineProperty(error, "cause", { value: details.cause, writable: true, configurable: true });
  }
  return error;
}

/**
 * The DOMException for a Failure.
 *
 * @param {Failure} failure
 * @param {string} where the constructor, method or interface that failed
 * @param {unknown} [cause]
 */
function fromFailure(failure, where, cause) {
  return exception(failure.name, `${where}: ${sentence(failure)}`, {
    code: failure.code,
    syscall: failure.syscall,
    address: failure.address,
    port: failure.port,
    cause,
  });
}

/**
 * Describes a Failure in a sentence: what failed, with which address, why, and what helps.
 *
 * @param {Failure} failure
 */
function sentence({ code, syscall, address, port, reason }) {
  if (syscall === undefined) {
    // If no system call failed, the package itself has written the reason, as a whole sentence. Only the address and an "ERR_…" code are
    // added.
    const added = [];
    if (code !== undefined && code.startsWith("ERR_")) {
      added.push(code);
    }
    if (address !== undefined && !reason.includes(address)) {
      added.push(endpoint(address, port));
    }
    return added.length === 0 ? reason : `${reason} (${added.join(", ")})`;
  }
  const isForNobody = syscall === "socket" && address === undefined;
  const what = isForNobody ? "make a socket" : `${ATTEMPTS.get(syscall) ?? `${syscall}:`} ${endpoint(address, port)}`;
  return `cannot ${what}: ${because(reason, code, cureFor(code, syscall, address, port))}`;
}

/**
 * The end of such a sentence: why something failed, and what helps.
 *
 * @param {string} reason
 * @param {string | undefined} code
 * @param {string | undefined} cure
 */
function because(reason, code, cure) {
  return reason + (code === undefined || reason.includes(code) ? "" : ` (${code})`) + (cure === undefined ? "" : `. ${cure}`);
}

/** Whether an address is the path of a Unix socket, or an abstract name, which begins with NUL. @param {string} address */
function isPath(address) {
  return /^[/\0]/.test(address);
}

/**
 * An address and a port, or a path, for a message. The NUL of an abstract name is shown as "@", as other programs do.
 *
 * @param {string | undefined} address
 * @param {number | undefined} port
 */
function endpoint(address, port) {
  if (address === undefined) {
    return port === undefined ? "this socket" : `port ${port}`;
  }
  if (isPath(address)) {
    return cut(address.replace(/^\0/, "@"), LONGEST_PATH);
  }
  const host = address.includes(":") ? `[${address}]` : address;
  return port === undefined ? address : `${host}:${port}`;
}

/** @param {string} message */
function invalidAccess(message) {
  return exception("InvalidAccessError", message);
}

/**
 * An InvalidStateError. Its `code` is always DOMException's number, never the name of an error (R-error).
 *
 * @param {string} message
 */
function invalidState(message) {
  return exception("InvalidStateError", message);
}

/** @param {string} message */
function notSupported(message) {
  return exception("NotSupportedError", message);
}

/** @param {string} message */
function securityError(message) {
  return exception("SecurityError", message);
}

/**
 * @param {string} message
 * @param {Parameters<typeof exception>[2]} details
 */
function networkError(message, details) {
  return exception("NetworkError", message, details);
}

module.exports = {
  because,
  cureFor,
  endpoint,
  fromFailure,
  invalidAccess,
  invalidState,
  isTransfer,
  networkError,
  notSupported,
  securityError,
  sentence,
};
