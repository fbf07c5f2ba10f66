"use strict";

// interface TCPSocket : EventTarget

const { addressText } = require("./address.js");
const { channels } = require("./channels.js");
const { beginConnecting, constructed, made, secured } = require("./diagnostics.js");
const { defineStats } = require("./figures.js");
const { storeFraming } = require("./framing.js");
const { defineSetOptions } = require("./live-options.js");
const { Kind, binding } = require("./native.js");
const { open } = require("./package-instance.js");
const { requirePermission } = require("./permission.js");
const { handle } = require("./sockets.js");
const { transmit } = require("./stream-send.js");
const { adoptConnection, defineStreamSocket, fireOpen, followSignal, newStreamRecord, storeSecure, streamKind } = require("./stream-socket.js");
const { checkTCPOptions, membersOf, toTCPOptions } = require("./tcp-options.js");
const { checkUnknown } = require("./unknown-options.js");
const {
  brandCheck,
  checkPort,
  defineInterface,
  missingArguments,
  nameInterface,
  toDOMString,
  toNumber,
} = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * If the first argument is this object, the constructor makes the TCPSocket of an established connection. Only establish() has the object.
 */
const ESTABLISHED = Object.freeze({});

/**
 * A connection that is established already. A server gives its record as `server`. connect() also gives these: `record`, the record that it made for the socket; `signal` and
 * `connectTimeout` and `framing`, its options; `hostName`, the name that it looked up, or undefined if it was called with an address.
 *
 * @typedef {{ id: number, remoteAddress: number | string, remotePort: number, localAddress: number | string, localPort: number, server?: SocketRecord, record?: SocketRecord, signal?: AbortSignal | undefined, secureTransport?: import("./secure-transport.js").SecureTransportKind, connectTimeout?: number | undefined, hostName?: string | undefined, framing?: import("./framing.js").Framing | undefined }} Established
 */

/** What all sockets of this interface have in common. */
const KIND = streamKind("TCPSocket");

/** The record of a TCPSocket; undefined for anything else. @type {(socket: any) => SocketRecord | undefined} */
let recordOf = () => undefined;

class TCPSocket extends EventTarget {
  /** The record. Its presence also shows that an object is a TCPSocket. */
  #record;
  /** The value of the attribute `remoteAddress`; an IPv4 address may be a number (address.js). @type {number | string} */
  #remoteAddress;
  /** The value of the attribute `remotePort`, as a number. @type {number} */
  #remotePort;
  /** The value of the attribute `localAddress`; an IPv4 address may be a number (address.js). @type {number | string} */
  #localAddress;
  /** The value of the attribute `localPort`. @type {number} */
  #localPort;

  /**
   * @param {unknown} remoteAddress
   * @param {unknown} remotePort
   * @param {unknown} [options]
   */
  constructor(remoteAddress, remotePort, options = undefined) {
    super();
    if (remoteAddress === ESTABLISHED) {
      const established = /** @type {Established} */ (remotePort);
      const record = established.record ?? newRecord(this);
      record.server = established.server ?? null;
      record.socket = this;
      this.#record = record;
      this.#remoteAddress = established.remoteAddress;
      this.#remotePort = established.remotePort;
      this.#localAddress = established.localAddress;
      this.#localPort = established.localPort;
      storeSecure(record, established.secureTransport ?? "off", established.connectTimeout, established.hostName);
      storeFraming(record, established.framing);
      adoptConnection(record, established.id);
      followSignal(established.signal, record);
      return;
    }
    const where = "TCPSocket constructor";
    if (arguments.length < 2) {
      throw missingArguments(where, 2, arguments.length);
    }
    const address = toDOMString(remoteAddress, "remoteAddress");
    const port = toNumber(remotePort, "remotePort");
    const converted = toTCPOptions(options, "options");
    requirePermission(where);
    checkUnknown(options, toTCPOptions.names, "client", where);

    // Steps 1 to 3, R-port. The native half checks the addresses when it parses them.
    checkPort(port, 1, `${where}: remotePort`);
    const { kind, secure } = checkTCPOptions(converted, where);
    // Steps 4 to 8, R-tcp-create. When open() returns, the connection attempt has started.
    const record = newRecord(this);
    storeSecure(record, kind, converted.connectTimeout);
    storeFraming(record, converted.framing);
    const opened = beginConnecting(record, { host: address, port }, () =>
      open(
        record,
        (instance, given) => binding.openTcp(instance, address, port, given, membersOf(given)),
        Object.assign(converted, { secure }),
        () => followSignal(converted.signal, record),
      ),
    );
    this.#record = record;
    this.#remoteAddress = opened.remoteAddress;
    this.#remotePort = port;
    this.#localAddress = opened.localAddress;
    this.#localPort = opened.localPort;
    constructed(record, channels.tcpClient);
  }

  get remoteAddress() {
    brandCheck(#record in this, "TCPSocket.remoteAddress");
    return addressText(this.#remoteAddress);
  }

  /** The draft defines it as a DOMString, not as a number. */
  get remotePort() {
    brandCheck(#record in this, "TCPSocket.remotePort");
    return String(this.#remotePort);
  }

  get localAddress() {
    brandCheck(#record in this, "TCPSocket.localAddress");
    return addressText(this.#localAddress);
  }

  get localPort() {
    brandCheck(#record in this, "TCPSocket.localPort");
    return this.#localPort;
  }

  /** @param {unknown} data */
  send(data) {
    brandCheck(#record in this, "TCPSocket.send");
    if (arguments.length === 0) {
      throw missingArguments("TCPSocket.send()", 1, 0);
    }
    return transmit(this.#record, data);
  }

  static {
    nameInterface(this, "TCPSocket");
    recordOf = (socket) => (typeof socket === "object" && socket !== null && #record in socket ? socket.#record : undefined);
    defineStreamSocket(
      this,
      recordOf,
      (record) => {
        const socket = /** @type {TCPSocket} */ (record.socket);
        return {
          remoteAddress: addressText(socket.#remoteAddress),
          remotePort: socket.#remotePort,
          localAddress: addressText(socket.#localAddress),
          localPort: socket.#localPort,
        };
      },
      (record) => {
        const socket = /** @type {TCPSocket} */ (record.socket);
        const address = addressText(socket.#remoteAddress);
        return { address, port: socket.#remotePort, verified: record.secure?.hostName ?? address };
      },
    );

    defineSetOptions(this, recordOf);
    defineStats(this, recordOf);

    // The draft: "When a new TCP connection has been successfully established". From now on the local address and port are known.
    handle(Kind.STREAM_OPEN, (record, localAddress, localPort) => {
      const socket = /** @type {TCPSocket} */ (record.socket);
      socket.#localAddress = localAddress;
      socket.#localPort = localPort;
      fireOpen(record);
    });
  }
}

/**
 * The TCPSocket of an established connection. It is "open" at once (R-srv-connect, R-connect).
 *
 * @param {Established} established
 */
function establish(established) {
  const socket = new TCPSocket(ESTABLISHED, established);
  if (established.record !== undefined) {
    made(established.record, channels.tcpClient);
    if (established.record.secure?.kind === "on") {
      secured(established.record);
    }
  }
  return socket;
}

/** A record for a TCPSocket. @param {TCPSocket | undefined} socket undefined: establish() gives the record its socket later */
function newRecord(socket) {
  return newStreamRecord(socket, KIND);
}

defineInterface(TCPSocket, "TCPSocket", ["remoteAddress", "remotePort", "localAddress", "localPort", "send"]);

module.exports = { TCPSocket, establish, newRecord, recordOf };
