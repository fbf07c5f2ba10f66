"use strict";

// interface UDPSocket : EventTarget

const { follow, throwIfAborted, toSignal } = require("./abort.js");
const { addressText } = require("./address.js");
const { answer, enqueue, toBlob } = require("./blob.js");
const { fromFailure, invalidAccess, invalidState } = require("./errors.js");
const { defineEventHandlers } = require("./event-handler.js");
const { UDPMessageEvent } = require("./events.js");
const { fireError } = require("./failing.js");
const { defineIteration } = require("./iteration.js");
const { fire, observeListeners } = require("./listeners.js");
const native = require("./native.js");
const { requirePermission } = require("./permission.js");
const progress = require("./progress.js");
const { definePromises } = require("./promises.js");
const { encode, isUsualBytes, notOpen, notSendable, unusualBytes } = require("./send.js");
const { defineStreams, openInfo, udpReadable, udpWritable } = require("./streams.js");
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
  toEnforcedOctet,
  toEnforcedUnsignedLong,
  toPositiveOctet,
  toPositiveUnsignedLong,
  toNumber,
} = require("./webidl.js");

const { Kind, SHORT_STRING } = native;
const { close, join, leave, openUdp, sendBlobTo, sendScratchTo, sendStringTo, sendTo } = native.binding;

/** @typedef {import("./errors.js").Failure} Failure */
/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */

/** What listen() calls the event types that it wants to know of. */
const LISTEN_BITS = new Map([["message", 1]]);

const toUDPOptions = dictionary({
  addressReuse: toBoolean,
  broadcast: toBoolean,
  highWaterMark: toEnforcedUnsignedLong,
  ipv6Only: toBoolean,
  localAddress: toDOMString,
  localPort: toNumber,
  loopback: toBoolean,
  maxBufferedAmount: toEnforcedUnsignedLong,
  multicastInterface: toDOMString,
  multicastTimeToLive: toEnforcedOctet,
  receiveBufferSize: toPositiveUnsignedLong,
  remoteAddress: toDOMString,
  remotePort: toNumber,
  reusePort: toBoolean,
  sendBufferSize: toPositiveUnsignedLong,
  signal: toSignal,
  timeToLive: toPositiveOctet,
});

/** UDPMessage, as `writable` takes it. As with send(), null is the default. */
const toUDPMessage = dictionary({
  data: (value) => value,
  remoteAddress: (value, what) => (value === null ? null : toDOMString(value, what)),
  remotePort: (value, what) => (value === null ? null : toNumber(value, what)),
});

const toMulticastOptions = dictionary({
  interfaceAddress: toDOMString,
  sourceAddress: toDOMString,
});

/** What the package keeps of a UDPSocket; undefined for anything else. @type {(socket: any) => SocketRecord | undefined} */
let recordOf = () => undefined;

class UDPSocket extends EventTarget {
  /** What says that an object is a UDPSocket, too. */
  #record;
  /** @type {string} */
  #localAddress;
  /** @type {number} */
  #localPort;
  /** The defaults of send(). @type {string | null} */
  #remoteAddress;
  /** @type {number | null} */
  #remotePort;
  /** @type {boolean} */
  #addressReuse;
  /** @type {boolean} */
  #loopback;
  /** Where the datagram before went: the native half need not parse the address again. @type {string | undefined} */
  #lastAddress;
  #lastPort = 0;

  /** @param {unknown} [options] */
  constructor(options = undefined) {
    super();
    const where = "UDPSocket constructor";
    const { signal, ...settings } = toUDPOptions(options, "options");
    const { addressReuse = true, loopback = false, localPort, remotePort } = settings;
    requirePermission(where);
    checkUnknown(options, toUDPOptions.names, "udp", where);

    // R-port; the addresses are parsed by the native half, which knows them best.
    if (localPort !== undefined) {
      checkPort(localPort, 0, `${where}: options.localPort`);
    }
    if (remotePort !== undefined) {
      checkPort(remotePort, 1, `${where}: options.remotePort`);
    }
    refuseZero(settings, ["receiveBufferSize", "sendBufferSize", "timeToLive"], where);
    throwIfAborted(signal);
    // Steps 1 to 9, R-udp-bind, R-udp-family.
    const record = new native.SocketRecord(this, "UDPSocket", LISTEN_BITS);
    const opened = native.open(record, openUdp, bare(settings), () => {
      if (signal !== undefined) {
        follow(signal, record, () => closeSocket(record, "its signal was aborted"));
      }
    });
    if (!("id" in opened)) {
      throw fromFailure(opened, where);
    }
    this.#localAddress = opened.localAddress;
    this.#localPort = opened.localPort;
    this.#remoteAddress = opened.remoteAddress ?? null;
    this.#remotePort = remotePort ?? null;
    this.#addressReuse = addressReuse;
    this.#loopback = loopback;
    this.#record = record;
    record.opened = true;
  }

  get localAddress() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.localAddress");
    }
    return this.#localAddress;
  }

  get localPort() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.localPort");
    }
    return this.#localPort;
  }

  get remoteAddress() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.remoteAddress");
    }
    return this.#remoteAddress;
  }

  get remotePort() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.remotePort");
    }
    return this.#remotePort;
  }

  /** As requested (R-udp-reuse). */
  get addressReuse() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.addressReuse");
    }
    return this.#addressReuse;
  }

  get loopback() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.loopback");
    }
    return this.#loopback;
  }

  get bufferedAmount() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.bufferedAmount");
    }
    return native.bufferedAmount(this.#record);
  }

  get readyState() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.readyState");
    }
    return native.readyState(this.#record);
  }

  close() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.close");
    }
    closeSocket(this.#record, "close() was called");
  }

  suspend() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.suspend");
    }
    native.suspend(this.#record);
  }

  resume() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.resume");
    }
    native.resume(this.#record);
  }

  /**
   * @param {unknown} multicastGroupAddress
   * @param {unknown} [options]
   */
  joinMulticastGroup(multicastGroupAddress, options = undefined) {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.joinMulticastGroup");
    }
    changeMembership(this.#record, "joinMulticastGroup", join, arguments.length, multicastGroupAddress, options);
  }

  /**
   * @param {unknown} multicastGroupAddress
   * @param {unknown} [options]
   */
  leaveMulticastGroup(multicastGroupAddress, options = undefined) {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.leaveMulticastGroup");
    }
    changeMembership(this.#record, "leaveMulticastGroup", leave, arguments.length, multicastGroupAddress, options);
  }

  /**
   * @param {unknown} data
   * @param {unknown} [remoteAddress]
   * @param {unknown} [remotePort]
   */
  send(data, remoteAddress = undefined, remotePort = undefined) {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.send");
    }
    if (arguments.length === 0) {
      throw missingArguments("UDPSocket.send()", 1, 0);
    }
    // R-udp-default: what is not given or null comes from the options.
    const address =
      remoteAddress === undefined || remoteAddress === null
        ? this.#remoteAddress
        : toDOMString(remoteAddress, "remoteAddress");
    const port =
      remotePort === undefined || remotePort === null ? this.#remotePort : toNumber(remotePort, "remotePort");
    const record = this.#record;
    if (record.closed || address === null || port === null || !(port >= 1 && port <= 65535 && port % 1 === 0)) {
      throw refusal(record, data, address, port);
    }

    const destination = address === this.#lastAddress && port === this.#lastPort ? undefined : address;
    let taken;
    if (isUsualBytes(data)) {
      taken = sendTo(record.id, data, destination, port);
    } else if (typeof data === "string") {
      const bytes = data.length <= SHORT_STRING ? encode(data) : -1;
      taken =
        bytes >= 0
          ? sendScratchTo(record.id, bytes, destination, port)
          : sendStringTo(record.id, data, destination, port);
    } else {
      taken = sendUnusual(record, data, destination, port);
    }
    if (typeof taken !== "number") {
      throw fromFailure(taken, "UDPSocket.send()");
    }
    if (taken < 0) {
      // Step 1.
      throw notOpen(record);
    }
    if (destination !== undefined) {
      this.#lastAddress = address;
      this.#lastPort = port;
    }
    if (taken === 2) {
      // "Buffer is full", R-udp-toolong: closed at once; the error event follows.
      end(record, "");
      return false;
    }
    return taken === 1;
  }

  /** Keeps the process alive until the socket is closed: as at first. Node's. */
  ref() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.ref");
    }
    native.setReferenced(this.#record, true);
    return this;
  }

  /** Lets the process end although the socket is open. Node's. */
  unref() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.unref");
    }
    native.setReferenced(this.#record, false);
    return this;
  }

  /** Whether the socket keeps the process alive. Node's. */
  hasRef() {
    if (!(#record in this)) {
      throw illegalInvocation("UDPSocket.hasRef");
    }
    return native.isReferenced(this.#record);
  }

  static {
    recordOf = (socket) => (typeof socket === "object" && socket !== null && #record in socket ? socket.#record : undefined);
    observeListeners(this, recordOf);
    defineEventHandlers(this, recordOf, ["drain", "error", "message"]);
    defineIteration(this, recordOf);
    const { send } = this.prototype;
    const streams = {
      readable: udpReadable,
      writable: udpWritable(
        (record, chunk) => {
          const { data, remoteAddress, remotePort } = toUDPMessage(chunk, "a chunk of UDPSocket.writable");
          if (data === undefined) {
            throw new TypeError("a chunk of UDPSocket.writable must be { data, remoteAddress, remotePort }: it has no data");
          }
          return send.call(/** @type {UDPSocket} */ (record.socket), data, remoteAddress, remotePort);
        },
        (record) => closeSocket(record, "its writable was aborted"),
      ),
    };
    defineStreams(this, recordOf, streams);
    definePromises(this, recordOf, (record) => {
      const socket = /** @type {UDPSocket} */ (record.socket);
      return openInfo(record, streams, { localAddress: socket.#localAddress, localPort: socket.#localPort });
    });
  }
}

/**
 * close(), by whatever brings it about.
 *
 * @param {SocketRecord} record
 * @param {string} why
 */
function closeSocket(record, why) {
  if (record.closed) {
    return;
  }
  // R-udp-close: what is buffered still goes out, which only `closed` tells.
  end(record, why);
  const isGone = close(record.id);
  progress.closing(record, true);
  if (isGone) {
    native.retire(record);
    progress.finished(record);
  }
}

/**
 * "closed": bufferedAmount keeps the value of this moment.
 *
 * @param {SocketRecord} record
 * @param {string} ending
 */
function end(record, ending) {
  record.bufferedAmount = native.bufferedAmount(record);
  record.closed = true;
  record.ending = ending;
}

/**
 * send() of what is neither a string nor usual bytes: empty, shared, a Blob, or nothing that can be sent.
 *
 * @param {SocketRecord} record
 * @param {unknown} data
 * @param {string | undefined} destination
 * @param {number} port
 */
function sendUnusual(record, data, destination, port) {
  // Step 2, R-types.
  const bytes = unusualBytes(data);
  if (bytes !== undefined) {
    return sendTo(record.id, bytes, destination, port);
  }
  const blob = toBlob(data);
  if (blob === undefined) {
    throw notSendable(data);
  }
  if (blob.size === 0) {
    // R-udp-empty
    return sendScratchTo(record.id, 0, destination, port);
  }
  const taken = sendBlobTo(record.id, blob.size, destination, port);
  if (taken === 0 || taken === 1) {
    enqueue(record, blob);
  }
  return taken;
}

/**
 * Why a datagram is refused, in the draft's order.
 *
 * @param {SocketRecord} record
 * @param {unknown} data
 * @param {string | null} address
 * @param {number | null} port
 */
function refusal(record, data, address, port) {
  // Step 1.
  if (record.closed) {
    return notOpen(record);
  }
  // Step 2.
  if (typeof data !== "string" && !isUsualBytes(data) && unusualBytes(data) === undefined && toBlob(data) === undefined) {
    return notSendable(data);
  }
  // Step 3.
  if (address === null || port === null) {
    const missing = address === null ? (port === null ? "remoteAddress and remotePort" : "remoteAddress") : "remotePort";
    return invalidAccess(`UDPSocket.send(): no ${missing} was given, and the socket's options gave none`);
  }
  return invalidAccess(`UDPSocket.send(): remotePort must be an integer from 1 to 65535, not ${port}`);
}

/**
 * R-udp-group
 *
 * @param {SocketRecord} record
 * @param {"joinMulticastGroup" | "leaveMulticastGroup"} member
 * @param {typeof join} change
 * @param {number} argumentCount
 * @param {unknown} multicastGroupAddress
 * @param {unknown} options
 */
function changeMembership(record, member, change, argumentCount, multicastGroupAddress, options) {
  const where = `UDPSocket.${member}()`;
  if (argumentCount === 0) {
    throw missingArguments(where, 1, 0);
  }
  const group = toDOMString(multicastGroupAddress, "multicastGroupAddress");
  const { interfaceAddress, sourceAddress } = toMulticastOptions(options, "options");
  if (record.closed) {
    throw invalidState(`${where}: the socket is "closed"${record.ending === "" ? "" : `: ${record.ending}`}`);
  }
  const failure = change(record.id, group, interfaceAddress, sourceAddress);
  if (failure !== undefined) {
    throw fromFailure(failure, where);
  }
}

native.handle(Kind.UDP_MESSAGE, (record, data, address, port) => {
  const { intake, iteration } = record;
  const taker = iteration?.isAwaited ? iteration : intake;
  if (taker === null) {
    fire(record, new UDPMessageEvent(data, address, port));
  } else {
    taker.take({ data: new Uint8Array(data), remoteAddress: addressText(address), remotePort: port });
  }
});
native.handle(Kind.UDP_DRAIN, (record) => {
  record.outlet?.drained();
  fire(record, new Event("drain"));
});
native.handle(Kind.UDP_ERROR, fireError);
// What was buffered when close() was called is out.
native.handle(Kind.NONE, progress.finished);
native.handle(Kind.UDP_BLOB, (record) => {
  // A datagram is one piece.
  answer(record, Infinity);
});

defineInterface(UDPSocket, "UDPSocket", [
  "localAddress",
  "localPort",
  "remoteAddress",
  "remotePort",
  "addressReuse",
  "loopback",
  "bufferedAmount",
  "readyState",
  "close",
  "suspend",
  "resume",
  "joinMulticastGroup",
  "leaveMulticastGroup",
  "send",
  "ref",
  "unref",
  "hasRef",
]);

module.exports = { UDPSocket, recordOf };
