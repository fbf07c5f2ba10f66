"use strict";

// interface UnixSocket : EventTarget (R-unix)

const { throwIfAborted, toSignal } = require("./abort.js");
const { channels } = require("./channels.js");
const { beginConnecting, constructed } = require("./diagnostics.js");
const { checkFraming, storeFraming, toFraming } = require("./framing.js");
const { LIVE, checkLive, defineSetOptions } = require("./live-options.js");
const { Kind, binding } = require("./native.js");
const { open } = require("./package-instance.js");
const { requirePathPermission } = require("./permission.js");
const { chooseSecureTransport, toSecureTransport } = require("./secure-transport.js");
const { handle } = require("./sockets.js");
const { transmit } = require("./stream-send.js");
const { adoptConnection, defineStreamSocket, fireOpen, followSignal, newStreamRecord, storeSecure, streamKind } = require("./stream-socket.js");
const { checkUnknown } = require("./unknown-options.js");
const {
  bare,
  brandCheck,
  defineInterface,
  dictionary,
  missingArguments,
  nameInterface,
  toBoolean,
  toDOMString,
  toEnforcedUnsignedLong,
} = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * The credentials of the process at the other end, at the moment of its connect(). `pid` is null where the system does not report it.
 *
 * @typedef {{ readonly pid: number | null, readonly uid: number, readonly gid: number }} PeerCredentials
 */

/**
 * If the first argument is this object, the constructor makes the UnixSocket of a connection that a server has accepted. Only establish()
 * has the object.
 */
const ESTABLISHED = Object.freeze({});

/**
 * A connection that a server has accepted.
 *
 * @typedef {{ id: number, remotePath: string, localPath: string, credentials: PeerCredentials | null, secureTransport: import("./secure-transport.js").SecureTransportKind, server: SocketRecord }} Established
 */

/** dictionary UnixOptions. */
const toUnixOptions = dictionary({
  ...LIVE.UnixSocket,
  allowHalfOpen: toBoolean,
  connectTimeout: toEnforcedUnsignedLong,
  framing: toFraming,
  secureTransport: toSecureTransport,
  signal: toSignal,
  useSecureTransport: toBoolean,
});

/** What all sockets of this interface have in common. */
const KIND = streamKind("UnixSocket");

/** The record of a UnixSocket; undefined for anything else. @type {(socket: any) => SocketRecord | undefined} */
let recordOf = () => undefined;

class UnixSocket extends EventTarget {
  /** The record. Its presence also shows that an object is a UnixSocket. */
  #record;
  /** The value of the attribute `remotePath`. @type {string} */
  #remotePath;
  /** The value of the attribute `localPath`. A client's end has no name. @type {string} */
  #localPath = "";
  /** The value of the attribute `peerCredentials`. @type {Readonly<PeerCredentials> | null} */
  #peerCredentials = null;

  /**
   * @param {unknown} path
   * @param {unknown} [options]
   */
  constructor(path, options = undefined) {
    super();
    if (path === ESTABLISHED) {
      const established = /** @type {Established} */ (options);
      const record = newStreamRecord(this, KIND);
      record.server = established.server;
      this.#record = record;
      this.#remotePath = established.remotePath;
      this.#localPath = established.localPath;
      this.#peerCredentials = Object.freeze(established.credentials);
      storeSecure(record, established.secureTransport, undefined);
      adoptConnection(record, established.id);
      return;
    }
    const where = "UnixSocket constructor";
    if (arguments.length < 1) {
      throw missingArguments(where, 1, arguments.length);
    }
    const remotePath = toDOMString(path, "path");
    const { secureTransport, signal, useSecureTransport, ...settings } = toUnixOptions(options, "options");
    requirePathPermission(where, remotePath);
    checkUnknown(options, toUnixOptions.names, "unix", where);

    // R-unix. The native half checks and resolves the path.
    checkLive(settings, where);
    checkFraming(settings.framing, where);
    const { kind, secure } = chooseSecureTransport(secureTransport, useSecureTransport, where);
    throwIfAborted(signal);
    // R-tcp-create: when open() returns, the connection attempt has started.
    const record = newStreamRecord(this, KIND);
    storeSecure(record, kind, settings.connectTimeout);
    storeFraming(record, settings.framing);
    const opened = beginConnecting(record, { path: remotePath }, () =>
      open(record, binding.openUnix, bare({ ...settings, path: remotePath, secure }), () => {
        followSignal(signal, record);
      }),
    );
    this.#record = record;
    this.#remotePath = opened.remotePath;
    constructed(record, channels.unixClient);
  }

  /** The path of the other end; "" if it has none. */
  get remotePath() {
    brandCheck(#record in this, "UnixSocket.remotePath");
    return this.#remotePath;
  }

  /** The path of this end; "" if it has none. */
  get localPath() {
    brandCheck(#record in this, "UnixSocket.localPath");
    return this.#localPath;
  }

  /** The credentials of the peer; null until the socket is open, and where the system does not report them. */
  get peerCredentials() {
    brandCheck(#record in this, "UnixSocket.peerCredentials");
    return this.#peerCredentials;
  }

  /** @param {unknown} data */
  send(data) {
    brandCheck(#record in this, "UnixSocket.send");
    if (arguments.length === 0) {
      throw missingArguments("UnixSocket.send()", 1, 0);
    }
    return transmit(this.#record, data);
  }

  static {
    nameInterface(this, "UnixSocket");
    recordOf = (socket) => (typeof socket === "object" && socket !== null && #record in socket ? socket.#record : undefined);
    defineStreamSocket(
      this,
      recordOf,
      (record) => {
        const socket = /** @type {UnixSocket} */ (record.socket);
        return { remotePath: socket.#remotePath, localPath: socket.#localPath };
      },
      // A path is no name that a certificate could have.
      (record) => ({ address: /** @type {UnixSocket} */ (record.socket).#remotePath, verified: undefined }),
    );

    defineSetOptions(this, recordOf);

    handle(Kind.UNIX_OPEN, (record, credentials) => {
      const socket = /** @type {UnixSocket} */ (record.socket);
      socket.#peerCredentials = Object.freeze(credentials);
      fireOpen(record);
    });
  }
}

/**
 * The UnixSocket of a connection that a server has accepted. It is "open" at once (R-srv-connect).
 *
 * @param {Established} established
 */
function establish(established) {
  return new UnixSocket(ESTABLISHED, established);
}

defineInterface(UnixSocket, "UnixSocket", ["remotePath", "localPath", "peerCredentials", "send"]);

module.exports = { UnixSocket, establish, recordOf };
