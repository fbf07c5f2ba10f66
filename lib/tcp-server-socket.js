"use strict";

// interface TCPServerSocket : EventTarget

const { follow, throwIfAborted, toSignal } = require("./abort.js");
const { fromFailure, invalidState } = require("./errors.js");
const { defineEventHandlers } = require("./event-handler.js");
const { ConnectEvent } = require("./events.js");
const { fireError } = require("./failing.js");
const { defineIteration } = require("./iteration.js");
const { fire, observeListeners } = require("./listeners.js");
const native = require("./native.js");
const { requirePermission } = require("./permission.js");
const progress = require("./progress.js");
const { definePromises } = require("./promises.js");
const { chooseSecureTransport, toSecureTransport, toSecureTransportOptions } = require("./secure-transport.js");
const { defineStreams, openInfo, serverReadable } = require("./streams.js");
const { establish } = require("./tcp-socket.js");
const { checkUnknown } = require("./unknown-options.js");
const {
  bare,
  checkPort,
  defineInterface,
  dictionary,
  illegalInvocation,
  refuseZero,
  toBoolean,
  toDOMString,
  toEnforcedUnsignedLong,
  toPositiveUnsignedLong,
  toNumber,
} = require("./webidl.js");

const { Kind } = native;
const { close, connections, openServer, setSecureContext } = native.binding;

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */

/** What listen() calls the event types that it wants to know of. */
const LISTEN_BITS = new Map([["connect", 1]]);

const toTCPServerOptions = dictionary({
  allowHalfOpen: toBoolean,
  backlog: toPositiveUnsignedLong,
  closeTimeout: toEnforcedUnsignedLong,
  handshakeTimeout: toEnforcedUnsignedLong,
  highWaterMark: toEnforcedUnsignedLong,
  ipv6Only: toBoolean,
  keepAliveDelay: toEnforcedUnsignedLong,
  localAddress: toDOMString,
  localPort: toNumber,
  maxBufferedAmount: toEnforcedUnsignedLong,
  maxConnections: toEnforcedUnsignedLong,
  noDelay: toBoolean,
  reusePort: toBoolean,
  secureTransport: toSecureTransport,
  signal: toSignal,
  useSecureTransport: toBoolean,
});

/** What the package keeps of a TCPServerSocket; undefined for anything else. @type {(socket: any) => SocketRecord | undefined} */
let recordOf = () => undefined;

class TCPServerSocket extends EventTarget {
  /** What says that an object is a TCPServerSocket, too. */
  #record;
  /** @type {string} */
  #localAddress;
  /** @type {number} */
  #localPort;
  /** `connections` once closed: attributes keep their last values (R-task). */
  #lastConnections = 0;
  /** What its options ask for: "on" where clients come in by TLS. */
  #secureTransport;

  /** @param {unknown} [options] */
  constructor(options = undefined) {
    super();
    const where = "TCPServerSocket constructor";
    const { secureTransport, signal, useSecureTransport, ...settings } = toTCPServerOptions(options, "options");
    requirePermission(where);
    checkUnknown(options, toTCPServerOptions.names, "server", where);

    // R-port, R-range; the address is parsed by the native half, which knows it best.
    if (settings.localPort !== undefined) {
      checkPort(settings.localPort, 0, `${where}: options.localPort`);
    }
    refuseZero(settings, ["backlog"], where);
    const { kind, secure } = chooseSecureTransport(secureTransport, useSecureTransport, where);
    this.#secureTransport = kind;
    throwIfAborted(signal);
    // Steps 1 to 5, R-srv-bind.
    const record = new native.SocketRecord(this, "TCPServerSocket", LISTEN_BITS);
    const opened = native.open(record, openServer, bare({ ...settings, secure }), () => {
      if (signal !== undefined) {
        follow(signal, record, () => TCPServerSocket.#close(record, "its signal was aborted"));
      }
    });
    if (!("id" in opened)) {
      throw fromFailure(opened, where);
    }
    this.#localAddress = opened.localAddress;
    this.#localPort = opened.localPort;
    this.#record = record;
    record.opened = true;
  }

  get localAddress() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPServerSocket.localAddress");
    }
    return this.#localAddress;
  }

  get localPort() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPServerSocket.localPort");
    }
    return this.#localPort;
  }

  get readyState() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPServerSocket.readyState");
    }
    return native.readyState(this.#record);
  }

  /** Accepted sockets that are not yet "closed". */
  get connections() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPServerSocket.connections");
    }
    return this.#record.closed ? this.#lastConnections : connections(this.#record.id);
  }

  close() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPServerSocket.close");
    }
    TCPServerSocket.#close(this.#record, "close() was called");
  }

  /**
   * For handshakes from now on; connections that there are go on (R-srv-secure).
   *
   * @param {unknown} [options]
   */
  setSecureContext(options = undefined) {
    const where = "TCPServerSocket.setSecureContext()";
    if (!(#record in this)) {
      throw illegalInvocation(where);
    }
    const secure = toSecureTransportOptions(options, "options");
    const record = this.#record;
    if (record.closed) {
      throw invalidState(`${where}: the server is closed`);
    }
    if (this.#secureTransport !== "on") {
      throw invalidState(`${where}: the server is a plain one; TLS is asked for when it is made`);
    }
    const failure = setSecureContext(record.id, secure);
    if (failure !== undefined) {
      throw fromFailure(failure, where);
    }
  }

  suspend() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPServerSocket.suspend");
    }
    native.suspend(this.#record);
  }

  resume() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPServerSocket.resume");
    }
    native.resume(this.#record);
  }

  /** Keeps the process alive until the server is closed: as at first. Node's. */
  ref() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPServerSocket.ref");
    }
    native.setReferenced(this.#record, true);
    return this;
  }

  /** Lets the process end although the server is open. Node's. */
  unref() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPServerSocket.unref");
    }
    native.setReferenced(this.#record, false);
    return this;
  }

  /** Whether the server keeps the process alive. Node's. */
  hasRef() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPServerSocket.hasRef");
    }
    return native.isReferenced(this.#record);
  }

  /**
   * close(), by whatever brings it about.
   *
   * @param {SocketRecord} record
   * @param {string} why
   */
  static #close(record, why) {
    if (record.closed) {
      return;
    }
    /** @type {TCPServerSocket} */ (record.socket).#lastConnections = connections(record.id);
    // R-srv-close: a connection that was accepted already may still be delivered.
    record.closed = true;
    record.ending = why;
    const isGone = close(record.id);
    progress.closing(record, true);
    if (isGone) {
      native.retire(record);
      progress.finished(record);
    }
  }

  static {
    recordOf = (socket) => (typeof socket === "object" && socket !== null && #record in socket ? socket.#record : undefined);
    observeListeners(this, recordOf);
    defineEventHandlers(this, recordOf, ["connect", "error"]);
    defineIteration(this, recordOf);
    const streams = { readable: serverReadable };
    defineStreams(this, recordOf, streams);
    definePromises(this, recordOf, (record) => {
      const server = /** @type {TCPServerSocket} */ (record.socket);
      return openInfo(record, streams, { localAddress: server.#localAddress, localPort: server.#localPort });
    });

    // "Upon a new successful connection to the TCP server socket".
    native.handle(Kind.SERVER_CONNECT, (record, id, remoteAddress, remotePort, localAddress) => {
      const server = /** @type {TCPServerSocket} */ (record.socket);
      const [localPort, secureTransport] = [server.#localPort, server.#secureTransport];
      const connectedSocket = establish({ id, remoteAddress, remotePort, localAddress, localPort, secureTransport });
      const { intake, iteration } = record;
      const taker = iteration?.isAwaited ? iteration : intake;
      if (taker === null) {
        fire(record, new ConnectEvent(connectedSocket));
      } else {
        taker.take(connectedSocket);
      }
    });
  }
}

native.handle(Kind.SERVER_ERROR, fireError);

defineInterface(TCPServerSocket, "TCPServerSocket", [
  "localAddress",
  "localPort",
  "readyState",
  "connections",
  "close",
  "setSecureContext",
  "suspend",
  "resume",
  "ref",
  "unref",
  "hasRef",
]);

module.exports = { TCPServerSocket, recordOf };
