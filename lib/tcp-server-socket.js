"use strict";

// interface TCPServerSocket : EventTarget

const { follow, throwIfAborted, toSignal } = require("./abort.js");
const { fromFailure, invalidState } = require("./errors.js");
const { defineEventHandlers } = require("./event-handler.js");
const { ConnectEvent } = require("./events.js");
const { closeAtOnce } = require("./closing.js");
const { fireError } = require("./failing.js");
const { defineIteration, takerOf } = require("./iteration.js");
const { fire, observeListeners } = require("./listeners.js");
const { Kind, binding } = require("./native.js");
const { open } = require("./package-instance.js");
const { requirePermission } = require("./permission.js");
const { definePromises } = require("./promises.js");
const { chooseSecureTransport, toSecureTransport, toSecureTransportOptions } = require("./secure-transport.js");
const { defineSocketMembers } = require("./socket-members.js");
const { SocketRecord } = require("./socket-record.js");
const { handle } = require("./sockets.js");
const { defineStreams, openInfo, serverReadable } = require("./streams.js");
const { establish } = require("./tcp-socket.js");
const { checkUnknown } = require("./unknown-options.js");
const {
  bare,
  brandCheck,
  checkPort,
  defineInterface,
  dictionary,
  refuseZero,
  toBoolean,
  toDOMString,
  toEnforcedUnsignedLong,
  toPositiveUnsignedLong,
  toNumber,
} = require("./webidl.js");

const { connections, openServer, setSecureContext } = binding;

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** The bits of listen() by event type. */
const LISTEN_BITS = new Map([["connect", 1]]);

/** dictionary TCPServerOptions. */
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

/** The record of a TCPServerSocket; undefined for anything else. @type {(socket: any) => SocketRecord | undefined} */
let recordOf = () => undefined;

class TCPServerSocket extends EventTarget {
  /** The record. Its presence also shows that an object is a TCPServerSocket. */
  #record;
  /** The value of the attribute `localAddress`. @type {string} */
  #localAddress;
  /** The value of the attribute `localPort`. @type {number} */
  #localPort;
  /** The value of `connections` when the server was closed, because attributes keep their last values (R-task). */
  #lastConnections = 0;
  /** "on" if the options ask for TLS with the clients. */
  #secureTransport;

  /** @param {unknown} [options] */
  constructor(options = undefined) {
    super();
    const where = "TCPServerSocket constructor";
    const { secureTransport, signal, useSecureTransport, ...settings } = toTCPServerOptions(options, "options");
    requirePermission(where);
    checkUnknown(options, toTCPServerOptions.names, "server", where);

    // R-port, R-range. The native half checks the address when it parses it.
    if (settings.localPort !== undefined) {
      checkPort(settings.localPort, 0, `${where}: options.localPort`);
    }
    refuseZero(settings, ["backlog"], where);
    const { kind, secure } = chooseSecureTransport(secureTransport, useSecureTransport, where);
    this.#secureTransport = kind;
    throwIfAborted(signal);
    // Steps 1 to 5, R-srv-bind.
    const record = new SocketRecord(this, "TCPServerSocket", LISTEN_BITS);
    const opened = open(record, openServer, bare({ ...settings, secure }), () => {
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
    brandCheck(#record in this, "TCPServerSocket.localAddress");
    return this.#localAddress;
  }

  get localPort() {
    brandCheck(#record in this, "TCPServerSocket.localPort");
    return this.#localPort;
  }

  /** The number of accepted sockets that are not yet "closed". */
  get connections() {
    brandCheck(#record in this, "TCPServerSocket.connections");
    return this.#record.closed ? this.#lastConnections : connections(this.#record.id);
  }

  close() {
    brandCheck(#record in this, "TCPServerSocket.close");
    TCPServerSocket.#close(this.#record, "close() was called");
  }

  /**
   * Replaces the TLS options for later handshakes. Existing connections continue (R-srv-secure).
   *
   * @param {unknown} [options]
   */
  setSecureContext(options = undefined) {
    const where = "TCPServerSocket.setSecureContext()";
    brandCheck(#record in this, where);
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

  /**
   * Closes the server, for close() and for the signal.
   *
   * @param {SocketRecord} record
   * @param {string} why
   */
  static #close(record, why) {
    if (!record.closed) {
      /** @type {TCPServerSocket} */ (record.socket).#lastConnections = connections(record.id);
      closeAtOnce(record, why);
    }
  }

  static {
    recordOf = (socket) => (typeof socket === "object" && socket !== null && #record in socket ? socket.#record : undefined);
    defineSocketMembers(this, recordOf);
    observeListeners(this, recordOf);
    defineEventHandlers(this, recordOf, ["connect", "error"]);
    defineIteration(this, recordOf);
    const streams = { readable: serverReadable };
    defineStreams(this, recordOf, streams);
    definePromises(this, recordOf, (record) => {
      const server = /** @type {TCPServerSocket} */ (record.socket);
      return openInfo(record, streams, { localAddress: server.#localAddress, localPort: server.#localPort });
    });

    // The draft: "Upon a new successful connection to the TCP server socket".
    handle(Kind.SERVER_CONNECT, (record, id, remoteAddress, remotePort, localAddress) => {
      const server = /** @type {TCPServerSocket} */ (record.socket);
      const [localPort, secureTransport] = [server.#localPort, server.#secureTransport];
      const connectedSocket = establish({ id, remoteAddress, remotePort, localAddress, localPort, secureTransport });
      const taker = takerOf(record);
      if (taker === undefined) {
        fire(record, new ConnectEvent(connectedSocket));
      } else {
        taker.take(connectedSocket);
      }
    });
  }
}

handle(Kind.SERVER_ERROR, fireError);

defineInterface(TCPServerSocket, "TCPServerSocket", [
  "localAddress",
  "localPort",
  "connections",
  "close",
  "setSecureContext",
]);

module.exports = { TCPServerSocket, recordOf };
