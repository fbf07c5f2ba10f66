"use strict";

// interface TCPSocket : EventTarget

const { follow } = require("./abort.js");
const { addressText } = require("./address.js");
const { PIECE_BYTES, answer } = require("./blob.js");
const { fromFailure, invalidState, networkError } = require("./errors.js");
const { defineEventHandlers } = require("./event-handler.js");
const { TCPMessageEvent } = require("./events.js");
const { fireError } = require("./failing.js");
const { fire, observeListeners } = require("./listeners.js");
const { Kind, binding } = require("./native.js");
const { open } = require("./package-instance.js");
const { requirePermission } = require("./permission.js");
const progress = require("./progress.js");
const { definePromises } = require("./promises.js");
const { takeSecureInfo, toSecureTransportOptions } = require("./secure-transport.js");
const { relayed } = require("./send.js");
const { defineBufferedAmount, defineSocketMembers } = require("./socket-members.js");
const { SocketRecord } = require("./socket-record.js");
const { enlist, handle, readyState } = require("./sockets.js");
const { defineStreams, openInfo, tcpReadable, tcpWritable } = require("./streams.js");
const { checkTCPOptions, toTCPOptions } = require("./tcp-options.js");
const { transmit } = require("./tcp-send.js");
const { leadTo, traceAbove } = require("./trace.js");
const { checkUnknown } = require("./unknown-options.js");
const {
  bare,
  brandCheck,
  checkPort,
  defineInterface,
  missingArguments,
  toDOMString,
  toNumber,
} = require("./webidl.js");

const { abort, close, halfclose, openTcp, reset, startTls } = binding;

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** The bits of listen() by event type. */
const LISTEN_BITS = new Map([["message", 1], ["halfclose", 2]]);

/** The value of `ending` after halfclose(): the socket can no longer send, but can still receive. */
const HALFCLOSED = "halfclose() was called";

/**
 * If the first argument is this object, the constructor makes the TCPSocket of an established connection. Only establish() has the object.
 */
const ESTABLISHED = Object.freeze({});

/**
 * A connection that is established already. connect() also gives these: `record`, the record that it made for the socket; `signal` and
 * `connectTimeout`, its options; `hostName`, the name that it looked up, or undefined if it was called with an address.
 *
 * @typedef {{ id: number, remoteAddress: number | string, remotePort: number, localAddress: number | string, localPort: number, record?: SocketRecord, signal?: AbortSignal | undefined, secureTransport?: import("./secure-transport.js").SecureTransportKind, connectTimeout?: number | undefined, hostName?: string | undefined }} Established
 */

/** The original TCPSocket.prototype.startTls. A program may replace the method later. @type {Function} */
let startTlsMethod;

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
  /** "on": TLS is established, or the constructor's options ask for it. @type {import("./secure-transport.js").SecureTransportKind} */
  #secureTransport = "off";
  /**
   * The value of the attribute `secureTransportInfo`; null until TLS is established.
   *
   * @type {Readonly<import("./secure-transport.js").SecureTransportInfo> | null}
   */
  #secureInfo = null;
  /**
   * The option connectTimeout: the time that startTls() may take, in milliseconds; undefined if it was not given.
   *
   * @type {number | undefined}
   */
  #connectTimeout;
  /** The host name that startTls() verifies; undefined: it verifies the address. @type {string | undefined} */
  #hostName;

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
      this.#hostName = established.hostName;
      if (this.#secureTransport === "on") {
        this.#secureInfo = takeSecureInfo(established.id);
      }
      enlist(this.#record, established.id);
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

    // Steps 1 to 3, R-port. The native half checks the addresses when it parses them.
    checkPort(port, 1, `${where}: remotePort`);
    const { kind, secure, settings } = checkTCPOptions(converted, where);
    // Steps 4 to 8, R-tcp-create. When open() returns, the connection attempt has started.
    const record = newRecord(this);
    const opened = open(record, openTcp, bare({ ...settings, remoteAddress: address, remotePort: port, secure }), () => {
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

  /** "on" when TLS is established. Before that "starttls" if the options ask for it, else "off". */
  get secureTransport() {
    brandCheck(#record in this, "TCPSocket.secureTransport");
    return this.#secureTransport === "on" && this.#secureInfo === null ? "off" : this.#secureTransport;
  }

  /** The results of the TLS handshake; null without TLS. */
  get secureTransportInfo() {
    brandCheck(#record in this, "TCPSocket.secureTransportInfo");
    return this.#secureInfo;
  }

  /**
   * R-tls-start. The method is async, so that an exception becomes a rejection.
   *
   * @param {unknown} [options]
   */
  async startTls(options = undefined) {
    const where = "TCPSocket.startTls()";
    brandCheck(#record in this, where);
    const secure = toSecureTransportOptions(options, "options");
    const record = this.#record;
    const state = readyState(record);
    if (state !== "open") {
      throw invalidState(`${where}: the socket is "${state}"${record.ending === "" ? "" : `: ${record.ending}`}`);
    }
    if (record.extras?.relay !== undefined) {
      throw relayed(record, "startTls");
    }
    if (this.#secureTransport === "on" || record.extras?.upgrade !== undefined) {
      throw invalidState(`${where}: TLS is ${this.#secureInfo === null ? "under way" : "established"} already`);
    }
    // The `readable` may hold bytes that nobody has read. They came before the handshake, and an attacker may have sent them.
    const isEarly = record.extras?.intake?.isHolding ?? false;
    const failure = startTls(record.id, secure, this.#hostName ?? this.remoteAddress, this.#connectTimeout, isEarly);
    if (failure !== undefined) {
      throw fromFailure(failure, where);
    }
    const trace = traceAbove(startTlsMethod);
    return new Promise((resolve, reject) => {
      record.ensureExtras().upgrade = { resolve, reject, address: addressText(this.#remoteAddress), port: this.#remotePort, trace };
    });
  }

  close() {
    brandCheck(#record in this, "TCPSocket.close");
    const record = this.#record;
    const state = readyState(record);
    // Step 1.
    if (state !== "closing" && state !== "closed") {
      // Steps 2 and 3, R-tcp-close, R-tcp-close-connecting.
      record.ending = "close() was called";
      close(record.id);
      progress.closing(record, true);
    }
  }

  halfclose() {
    brandCheck(#record in this, "TCPSocket.halfclose");
    const record = this.#record;
    const state = readyState(record);
    // Step 1.
    if (record.extras?.relay !== undefined && state === "open") {
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
    brandCheck(#record in this, "TCPSocket.reset");
    resetSocket(this.#record, "reset() was called");
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
    recordOf = (socket) => (typeof socket === "object" && socket !== null && #record in socket ? socket.#record : undefined);
    startTlsMethod = this.prototype.startTls;
    defineSocketMembers(this, recordOf);
    defineBufferedAmount(this, recordOf);
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

    // The draft: "When a new TCP connection has been successfully established". From now on the local address and port are known.
    handle(Kind.STREAM_OPEN, (record, localAddress, localPort) => {
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

    handle(Kind.STREAM_SECURED, (record) => {
      const socket = /** @type {TCPSocket} */ (record.socket);
      socket.#secureTransport = "on";
      socket.#secureInfo = takeSecureInfo(record.id);
      const upgrade = takeUpgrade(record);
      upgrade?.resolve(socket.#secureInfo);
    });
  }
}

/**
 * Resets the connection (R-reset).
 *
 * @param {SocketRecord} record
 * @param {string} why
 */
function resetSocket(record, why) {
  if (readyState(record) !== "closed") {
    record.ending = why;
    reset(record.id);
    progress.closing(record, false);
  }
}

/**
 * Aborts the socket when the signal is aborted.
 *
 * @param {AbortSignal | undefined} signal
 * @param {SocketRecord} record
 */
function followSignal(signal, record) {
  if (signal !== undefined) {
    follow(signal, record, (reason) => abortSocket(record, reason));
  }
}

/**
 * Resets the connection because of a signal (R-abort). The `error` event that follows reports it to the streams.
 *
 * @param {SocketRecord} record
 * @param {unknown} reason
 */
function abortSocket(record, reason) {
  if (readyState(record) !== "closed") {
    record.ending = "its signal was aborted";
    record.ensureExtras().abortReason = reason;
    abort(record.id);
  }
}

/**
 * Returns the startTls() that is not finished, and removes it from the record; undefined if there is none.
 *
 * @param {SocketRecord} record
 */
function takeUpgrade({ extras }) {
  const upgrade = extras?.upgrade;
  if (extras !== undefined) {
    extras.upgrade = undefined;
  }
  return upgrade;
}

handle(Kind.STREAM_MESSAGE, (record, data) => {
  const intake = record.extras?.intake;
  if (intake === undefined) {
    fire(record, new TCPMessageEvent(data));
  } else {
    intake.take(new Uint8Array(data));
  }
});
handle(Kind.STREAM_HALFCLOSE, (record) => {
  progress.ended(record);
  fire(record, new Event("halfclose"));
  progress.changed(record);
});
handle(Kind.STREAM_ENDED, progress.ended);
handle(Kind.STREAM_DRAIN, (record) => {
  record.isDrainDue = false;
  record.extras?.outlet?.drained();
  fire(record, new Event("drain"));
  progress.changed(record);
});
handle(Kind.STREAM_ERROR, fireError);
handle(Kind.STREAM_CLOSE, (record, bufferedAmount) => {
  record.bufferedAmount = bufferedAmount;
  const upgrade = takeUpgrade(record);
  if (upgrade !== undefined) {
    const why = record.ending || "the peer has ended it";
    const { address, port, reject, trace } = upgrade;
    const error = networkError(`TCPSocket.startTls(): the connection is closed: ${why}`, { code: "ECONNABORTED", address, port });
    reject(leadTo(error, trace));
  }
  if (record.ending === "" || record.ending === HALFCLOSED) {
    record.ending = "the peer has ended the connection";
  }
  progress.finished(record);
  fire(record, new Event("close"));
  progress.changed(record);
  record.extras?.relay?.closed();
});
handle(Kind.STREAM_FINISH, (record) => {
  record.extras?.outlet?.finished();
});
handle(Kind.STREAM_BLOB, (record) => {
  answer(record, PIECE_BYTES);
});

/**
 * The TCPSocket of an established connection. It is "open" at once (R-srv-connect, R-connect).
 *
 * @param {Established} established
 */
function establish(established) {
  return new TCPSocket(ESTABLISHED, established);
}

/** A record for a TCPSocket. @param {TCPSocket | undefined} socket undefined: establish() gives the record its socket later */
function newRecord(socket) {
  return new SocketRecord(/** @type {TCPSocket} */ (socket), "TCPSocket", LISTEN_BITS);
}

defineInterface(TCPSocket, "TCPSocket", [
  "remoteAddress",
  "remotePort",
  "localAddress",
  "localPort",
  "secureTransport",
  "secureTransportInfo",
  "startTls",
  "close",
  "halfclose",
  "reset",
  "send",
]);

module.exports = { TCPSocket, establish, newRecord, recordOf };
