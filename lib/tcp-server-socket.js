"use strict";

// interface TCPServerSocket : EventTarget

const { throwIfAborted, toSignal } = require("./abort.js");
const { channels } = require("./channels.js");
const { made } = require("./diagnostics.js");
const { checkFraming, storeFraming, toFraming } = require("./framing.js");
const { LIVE, checkLive, checkTypeOfService, defineSetOptions } = require("./live-options.js");
const { Kind, binding } = require("./native.js");
const { open } = require("./package-instance.js");
const { requirePermission } = require("./permission.js");
const { chooseSecureTransport, toSecureTransport } = require("./secure-transport.js");
const { ServerRecord, defineServerSocket, deliverConnection, followSignal, serverKind } = require("./server-socket.js");
const { handle } = require("./sockets.js");
const { establish, recordOf: acceptedRecordOf } = require("./tcp-socket.js");
const { checkUnknown } = require("./unknown-options.js");
const {
  bare,
  brandCheck,
  checkPort,
  defineInterface,
  dictionary,
  nameInterface,
  refuseZero,
  toBoolean,
  toDOMString,
  toEnforcedUnsignedLong,
  toPositiveUnsignedLong,
  toNumber,
} = require("./webidl.js");

/** dictionary TCPServerOptions. */
const toTCPServerOptions = dictionary({
  ...LIVE.TCPServerSocket,
  allowHalfOpen: toBoolean,
  backlog: toPositiveUnsignedLong,
  framing: toFraming,
  handshakeTimeout: toEnforcedUnsignedLong,
  ipv6Only: toBoolean,
  localAddress: toDOMString,
  localPort: toNumber,
  reusePort: toBoolean,
  secureTransport: toSecureTransport,
  signal: toSignal,
  useSecureTransport: toBoolean,
});

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** What all sockets of this interface have in common. */
const KIND = serverKind("TCPServerSocket");

/** The record of a TCPServerSocket; undefined for anything else. @type {(socket: any) => InstanceType<typeof ServerRecord> | undefined} */
let recordOf = () => undefined;

class TCPServerSocket extends EventTarget {
  /** The record. Its presence also shows that an object is a TCPServerSocket. */
  #record;
  /** The value of the attribute `localAddress`. @type {string} */
  #localAddress;
  /** The value of the attribute `localPort`. @type {number} */
  #localPort;

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
    checkLive(settings, where);
    checkTypeOfService(settings, where);
    checkFraming(settings.framing, where);
    const { kind, secure } = chooseSecureTransport(secureTransport, useSecureTransport, where);
    throwIfAborted(signal);
    // Steps 1 to 5, R-srv-bind.
    const record = new ServerRecord(this, KIND);
    record.setSecure(kind, secure);
    storeFraming(record, settings.framing);
    const opened = open(record, binding.openServer, bare({ ...settings, secure }), () => followSignal(signal, record));
    this.#localAddress = opened.localAddress;
    this.#localPort = opened.localPort;
    this.#record = record;
    record.opened = true;
    made(record, null);
  }

  get localAddress() {
    brandCheck(#record in this, "TCPServerSocket.localAddress");
    return this.#localAddress;
  }

  get localPort() {
    brandCheck(#record in this, "TCPServerSocket.localPort");
    return this.#localPort;
  }

  static {
    nameInterface(this, "TCPServerSocket");
    recordOf = (socket) => (typeof socket === "object" && socket !== null && #record in socket ? socket.#record : undefined);
    defineServerSocket(this, recordOf, (record) => {
      const server = /** @type {TCPServerSocket} */ (record.socket);
      return { localAddress: server.#localAddress, localPort: server.#localPort };
    });

    defineSetOptions(this, recordOf);

    handle(Kind.SERVER_CONNECT, (record, id, remoteAddress, remotePort, localAddress) => {
      const server = /** @type {TCPServerSocket} */ (record.socket);
      const localPort = server.#localPort;
      const { secureTransport } = server.#record;
      const socket = establish({ id, remoteAddress, remotePort, localAddress, localPort, secureTransport, server: record });
      deliverConnection(record, /** @type {SocketRecord} */ (acceptedRecordOf(socket)), channels.tcpServer);
    });
  }
}

defineInterface(TCPServerSocket, "TCPServerSocket", ["localAddress", "localPort"]);

module.exports = { TCPServerSocket, recordOf };
