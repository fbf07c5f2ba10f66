"use strict";

// interface TCPSocket : EventTarget

const { follow, throwIfAborted, toSignal } = require("./abort.js");
const { addressText } = require("./address.js");
const { PIECE_BYTES, answer } = require("./blob.js");
const { fromFailure, invalidState, networkError } = require("./errors.js");
const { defineEventHandlers } = require("./event-handler.js");
const { TCPMessageEvent } = require("./events.js");
const { fireError } = require("./failing.js");
const { fire, observeListeners } = require("./listeners.js");
const native = require("./native.js");
const { requirePermission } = require("./permission.js");
const progress = require("./progress.js");
const { definePromises } = require("./promises.js");
const { chooseSecureTransport, takeSecureInfo, toSecureTransport, toSecureTransportOptions } = require("./secure-transport.js");
const { relayed } = require("./send.js");
const { defineStreams, openInfo, tcpReadable, tcpWritable } = require("./streams.js");
const { transmit } = require("./tcp-send.js");
const { leadTo, traceAbove } = require("./trace.js");
const { checkUnknown } = require("./unknown-options.js");
const {
  bare,
  checkPort,
  defineInterface,
  dictionary,
  illegalInvocation,
  missingArguments,
  refuseZero,
  toBoolean,
  toDOMString,
  toEnforcedUnsignedLong,
  toPositiveUnsignedLong,
  toNumber,
} = require("./webidl.js");

const { Kind } = native;
const { abort, close, halfclose, openTcp, reset, startTls } = native.binding;

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */

/** What listen() calls the event types that it wants to know of. */
const LISTEN_BITS = new Map([["message", 1], ["halfclose", 2]]);

const toTCPOptions = dictionary({
  allowHalfOpen: toBoolean,
  closeTimeout: toEnforcedUnsignedLong,
  connectTimeout: toEnforcedUnsignedLong,
  highWaterMark: toEnforcedUnsignedLong,
  ipv6Only: toBoolean,
  keepAliveDelay: toEnforcedUnsignedLong,
  localAddress: toDOMString,
  localPort: toNumber,
  maxBufferedAmount: toEnforcedUnsignedLong,
  noDelay: toBoolean,
  receiveBufferSize: toPositiveUnsignedLong,
  sendBufferSize: toPositiveUnsignedLong,
  secureTransport: toSecureTransport,
  signal: toSignal,
  useSecureTransport: toBoolean,
});

/** Why a socket cannot send any more that can still receive. */
const HALFCLOSED = "halfclose() was called";

/** What only establish() has: as first argument it makes the constructor wrap an established connection. */
const ESTABLISHED = Object.freeze({});

/**
 * A connection that is established already. `record`: what connect() has made for its socket; `signal`: what it was given.
 *
 * @typedef {{ id: number, remoteAddress: number | string, remotePort: number, localAddress: number | string, localPort: number, record?: SocketRecord, signal?: AbortSignal | undefined, secureTransport?: import("./secure-transport.js").SecureTransportKind, connectTimeout?: number | undefined }} Established
 */

/** TCPSocket.prototype.startTls, as it was made. @type {Function} */
let startTlsMethod;

/** What the package keeps of a TCPSocket; undefined for anything else. @type {(socket: any) => SocketRecord | undefined} */
let recordOf = () => undefined;

class TCPSocket extends EventTarget {
  /** What says that an object is a TCPSocket, too. */
  #record;
  /** @type {number | string} */
  #remoteAddress;
  /** @type {number} */
  #remotePort;
  /** @type {number | string} */
  #localAddress;
  /** @type {number} */
  #localPort;
  /** TLS: asked for, or established. @type {import("./secure-transport.js").SecureTransportKind} */
  #secureTransport = "off";
  /** @type {Readonly<import("./secure-transport.js").SecureTransportInfo> | null} */
  #secureInfo = null;
  /** @type {number | undefined} */
  #connectTimeout;

  /**
   * @param {unknown} remoteAddress
   * @param {unknown} remotePort
   * @param {unknown} [options]
   */
  constructor(remoteAddress, remotePort, options = undefined) {
    super();
    if (remoteAddress === ESTABLISHED) {
      const established = /** @type {Established} */ (remotePort);
      this.#record = established.record ?? newRecord(this);
      this.#record.accepted = established.record === undefined;
      this.#record.socket = this;
      this.#remoteAddress = established.remoteAddress;
      this.#remotePort = established.remotePort;
      this.#localAddress = established.localAddress;
      this.#localPort = established.localPort;
      this.#record.opened = true;
      this.#secureTransport = established.secureTransport ?? "off";
      this.#connectTimeout = established.connectTimeout;
      if (this.#secureTransport === "on") {
        this.#secureInfo = takeSecureInfo(established.id);
      }
      native.enlist(this.#record, established.id);
      followSignal(established.signal, this.#record);
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

    // Steps 1 to 3, R-port; the addresses are parsed by the native half, which knows them best.
    checkPort(port, 1, `${where}: remotePort`);
    const { kind, secure, settings } = checkTCPOptions(converted, where);
    // Steps 4 to 8, R-tcp-create: the attempt has started when this returns.
    const record = newRecord(this);
    const opened = native.open(record, openTcp, bare({ ...settings, remoteAddress: address, remotePort: port, secure }), () => {
      followSignal(converted.signal, record);
    });
    if (!("id" in opened)) {
      throw fromFailure(opened, where);
    }
    this.#record = record;
    this.#remoteAddress = opened.remoteAddress;
    this.#remotePort = port;
    this.#localAddress = opened.localAddress;
    this.#localPort = opened.localPort;
    this.#secureTransport = kind;
    this.#connectTimeout = settings.connectTimeout;
  }

  get remoteAddress() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.remoteAddress");
    }
    return addressText(this.#remoteAddress);
  }

  /** A DOMString, as the draft has it. */
  get remotePort() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.remotePort");
    }
    return String(this.#remotePort);
  }

  get localAddress() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.localAddress");
    }
    return addressText(this.#localAddress);
  }

  get localPort() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.localPort");
    }
    return this.#localPort;
  }

  get bufferedAmount() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.bufferedAmount");
    }
    return native.bufferedAmount(this.#record);
  }

  get readyState() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.readyState");
    }
    return native.readyState(this.#record);
  }

  /** "on" once TLS is established; before that "starttls" where that was asked for, else "off". */
  get secureTransport() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.secureTransport");
    }
    return this.#secureTransport === "on" && this.#secureInfo === null ? "off" : this.#secureTransport;
  }

  /** What the TLS handshake has agreed on; null without TLS. */
  get secureTransportInfo() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.secureTransportInfo");
    }
    return this.#secureInfo;
  }

  /**
   * R-tls-start. An async method: what it throws is a rejection.
   *
   * @param {unknown} [options]
   */
  async startTls(options = undefined) {
    const where = "TCPSocket.startTls()";
    if (!(#record in this)) {
      throw illegalInvocation(where);
    }
    const secure = toSecureTransportOptions(options, "options");
    const record = this.#record;
    const state = native.readyState(record);
    if (state !== "open") {
      throw invalidState(`${where}: the socket is "${state}"${record.ending === "" ? "" : `: ${record.ending}`}`);
    }
    if (record.relay !== null) {
      throw relayed(record, "startTls");
    }
    if (this.#secureTransport === "on" || record.upgrade !== null) {
      throw invalidState(`${where}: TLS is ${this.#secureInfo === null ? "under way" : "established"} already`);
    }
    // What the stream holds unread was slipped in before the handshake, for all that anybody knows.
    const isEarly = record.intake?.isHolding ?? false;
    const failure = startTls(record.id, secure, record.hostName ?? this.remoteAddress, this.#connectTimeout, isEarly);
    if (failure !== undefined) {
      throw fromFailure(failure, where);
    }
    const trace = traceAbove(startTlsMethod);
    return new Promise((resolve, reject) => {
      record.upgrade = { resolve, reject, address: addressText(this.#remoteAddress), port: this.#remotePort, trace };
    });
  }

  close() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.close");
    }
    const record = this.#record;
    const state = native.readyState(record);
    // Step 1.
    if (state !== "closing" && state !== "closed") {
      // Steps 2 and 3, R-tcp-close, R-tcp-close-connecting.
      record.ending = "close() was called";
      close(record.id);
      progress.closing(record, true);
    }
  }

  halfclose() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.halfclose");
    }
    const record = this.#record;
    const state = native.readyState(record);
    // Step 1.
    if (record.relay !== null && state === "open") {
      throw relayed(record, "halfclose");
    }
    if (state === "connecting" || state === "open") {
      // Steps 2 and 3, R-tcp-halfclose.
      record.ending = HALFCLOSED;
      halfclose(record.id);
      progress.changed(record);
    }
  }

  /** R-reset. */
  reset() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.reset");
    }
    resetSocket(this.#record, "reset() was called");
  }

  suspend() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.suspend");
    }
    native.suspend(this.#record);
  }

  resume() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.resume");
    }
    native.resume(this.#record);
  }

  /** @param {unknown} data */
  send(data) {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.send");
    }
    if (arguments.length === 0) {
      throw missingArguments("TCPSocket.send()", 1, 0);
    }
    return transmit(this.#record, data);
  }

  /** Keeps the process alive until the socket is closed: as at first. Node's. */
  ref() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.ref");
    }
    native.setReferenced(this.#record, true);
    return this;
  }

  /** Lets the process end although the socket is open. Node's. */
  unref() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.unref");
    }
    native.setReferenced(this.#record, false);
    return this;
  }

  /** Whether the socket keeps the process alive. Node's. */
  hasRef() {
    if (!(#record in this)) {
      throw illegalInvocation("TCPSocket.hasRef");
    }
    return native.isReferenced(this.#record);
  }

  static {
    recordOf = (socket) => (typeof socket === "object" && socket !== null && #record in socket ? socket.#record : undefined);
    startTlsMethod = this.prototype.startTls;
    observeListeners(this, recordOf);
    defineEventHandlers(this, recordOf, ["drain", "open", "close", "halfclose", "error", "message"]);
    const streams = {
      readable: tcpReadable,
      writable: tcpWritable(transmit, (record) => resetSocket(record, "its writable was aborted")),
    };
    defineStreams(this, recordOf, streams);
    definePromises(this, recordOf, (record) => {
      const socket = /** @type {TCPSocket} */ (record.socket);
      return openInfo(record, streams, {
        remoteAddress: addressText(socket.#remoteAddress),
        remotePort: socket.#remotePort,
        localAddress: addressText(socket.#localAddress),
        localPort: socket.#localPort,
      });
    });

    // "When a new TCP connection has been successfully established": the addresses are final now.
    native.handle(Kind.TCP_OPEN, (record, localAddress, localPort) => {
      const socket = /** @type {TCPSocket} */ (record.socket);
      socket.#localAddress = localAddress;
      socket.#localPort = localPort;
      if (socket.#secureTransport === "on") {
        socket.#secureInfo = takeSecureInfo(record.id);
      }
      progress.opened(record);
      fire(record, new Event("open"));
      progress.changed(record);
    });

    native.handle(Kind.TCP_SECURED, (record) => {
      const socket = /** @type {TCPSocket} */ (record.socket);
      socket.#secureTransport = "on";
      socket.#secureInfo = takeSecureInfo(record.id);
      const { upgrade } = record;
      record.upgrade = null;
      upgrade?.resolve(socket.#secureInfo);
    });
  }
}

/**
 * Of connect(), too: what can be wrong with options whatever the system says.
 *
 * @param {ReturnType<typeof toTCPOptions>} options
 * @param {string} where
 */
function checkTCPOptions({ secureTransport, signal, useSecureTransport, ...settings }, where) {
  if (settings.localPort !== undefined) {
    checkPort(settings.localPort, 0, `${where}: options.localPort`);
  }
  refuseZero(settings, ["receiveBufferSize", "sendBufferSize"], where);
  const { kind, secure } = chooseSecureTransport(secureTransport, useSecureTransport, where);
  throwIfAborted(signal);
  return { kind, secure, settings };
}

/**
 * @param {SocketRecord} record
 * @param {string} why
 */
function resetSocket(record, why) {
  if (native.readyState(record) !== "closed") {
    record.ending = why;
    reset(record.id);
    progress.closing(record, false);
  }
}

/**
 * @param {AbortSignal | undefined} signal
 * @param {SocketRecord} record
 */
function followSignal(signal, record) {
  if (signal !== undefined) {
    follow(signal, record, (reason) => abortSocket(record, reason));
  }
}

/**
 * R-abort: the error that follows tells the streams.
 *
 * @param {SocketRecord} record
 * @param {unknown} reason
 */
function abortSocket(record, reason) {
  if (native.readyState(record) !== "closed") {
    record.ending = "its signal was aborted";
    record.abortReason = reason;
    abort(record.id);
  }
}

native.handle(Kind.TCP_MESSAGE, (record, data) => {
  if (record.intake === null) {
    fire(record, new TCPMessageEvent(data));
  } else {
    record.intake.take(new Uint8Array(data));
  }
});
native.handle(Kind.TCP_HALFCLOSE, (record) => {
  progress.ended(record);
  fire(record, new Event("halfclose"));
  progress.changed(record);
});
native.handle(Kind.TCP_ENDED, progress.ended);
native.handle(Kind.TCP_DRAIN, (record) => {
  record.isDrainDue = false;
  record.outlet?.drained();
  fire(record, new Event("drain"));
  progress.changed(record);
});
native.handle(Kind.TCP_ERROR, fireError);
native.handle(Kind.TCP_CLOSE, (record, bufferedAmount) => {
  record.bufferedAmount = bufferedAmount;
  if (record.upgrade !== null) {
    const why = record.ending || "the peer has ended it";
    const { address, port, reject, trace } = record.upgrade;
    const error = networkError(`TCPSocket.startTls(): the connection is closed: ${why}`, { code: "ECONNABORTED", address, port });
    reject(leadTo(error, trace));
    record.upgrade = null;
  }
  if (record.ending === "" || record.ending === HALFCLOSED) {
    record.ending = "the peer has ended the connection";
  }
  progress.finished(record);
  fire(record, new Event("close"));
  progress.changed(record);
  record.relay?.closed();
});
native.handle(Kind.TCP_FINISH, (record) => {
  record.outlet?.finished();
});
native.handle(Kind.TCP_BLOB, (record) => {
  answer(record, PIECE_BYTES);
});

/**
 * The TCPSocket of an established connection: "open" from the start (R-srv-connect, R-connect).
 *
 * @param {Established} established
 */
function establish(established) {
  return new TCPSocket(ESTABLISHED, established);
}

/**
 * @param {TCPSocket | undefined} socket undefined: establish() sets it later
 */
function newRecord(socket) {
  return new native.SocketRecord(/** @type {TCPSocket} */ (socket), "TCPSocket", LISTEN_BITS);
}

defineInterface(TCPSocket, "TCPSocket", [
  "remoteAddress",
  "remotePort",
  "localAddress",
  "localPort",
  "bufferedAmount",
  "readyState",
  "secureTransport",
  "secureTransportInfo",
  "startTls",
  "close",
  "halfclose",
  "reset",
  "suspend",
  "resume",
  "send",
  "ref",
  "unref",
  "hasRef",
]);

module.exports = { TCPSocket, checkTCPOptions, establish, newRecord, recordOf, toTCPOptions };
