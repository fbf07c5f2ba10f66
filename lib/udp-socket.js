"use strict";

// interface UDPSocket : EventTarget

const { follow, throwIfAborted, toSignal } = require("./abort.js");
const { addressText } = require("./address.js");
const { answer } = require("./blob.js");
const { channels } = require("./channels.js");
const { closeAtOnce } = require("./closing.js");
const { made } = require("./diagnostics.js");
const { defineEnds } = require("./ends.js");
const { fromFailure, invalidState } = require("./errors.js");
const { defineEventHandlers } = require("./event-handler.js");
const { UDPMessageEvent } = require("./events.js");
const { fireError } = require("./failing.js");
const { defineIteration, takerOf } = require("./iteration.js");
const { defineDropped, defineFigures } = require("./figures.js");
const { datagramState, defineInspection } = require("./inspection.js");
const { fire, observeListeners } = require("./listeners.js");
const { LIVE, checkLive, defineSetOptions } = require("./live-options.js");
const { Kind, binding } = require("./native.js");
const { open } = require("./package-instance.js");
const { requirePermission } = require("./permission.js");
const progress = require("./progress.js");
const { definePromises } = require("./promises.js");
const { notOpen } = require("./send.js");
const { defineBufferedAmount, defineSocketMembers } = require("./socket-members.js");
const { SocketRecord, socketKind } = require("./socket-record.js");
const { bufferedAmount, handle } = require("./sockets.js");
const { defineStreams, openInfo, udpReadable, udpWritable } = require("./streams.js");
const { refusal, transmitTo } = require("./udp-send.js");
const { checkUnknown } = require("./unknown-options.js");
const {
  bare,
  brandCheck,
  checkPort,
  defineInterface,
  dictionary,
  missingArguments,
  nameInterface,
  toBoolean,
  toDOMString,
  toEnforcedOctet,
  toNumber,
} = require("./webidl.js");

const { join, leave, openUdp } = binding;

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** The bits of listen() by event type. */
const LISTEN_BITS = new Map([["message", 1]]);
/** What all UDP sockets have in common. */
const KIND = socketKind("UDPSocket", LISTEN_BITS);

/** dictionary UDPOptions. */
const toUDPOptions = dictionary({
  ...LIVE.UDPSocket,
  addressReuse: toBoolean,
  connected: toBoolean,
  ipv6Only: toBoolean,
  localAddress: toDOMString,
  localPort: toNumber,
  networkInterface: toDOMString,
  packetInfo: toBoolean,
  remoteAddress: toDOMString,
  remotePort: toNumber,
  reusePort: toBoolean,
  signal: toSignal,
});

/**
 * Makes a conversion for which null is undefined: the default.
 *
 * @template Value
 * @param {(value: unknown, what: string) => Value} convert
 * @returns {(value: unknown, what: string) => Value | undefined}
 */
function nullable(convert) {
  return (value, what) => (value === null ? undefined : convert(value, what));
}

/** The members of UDPSendOptions. The attributes of a UDPMessageEvent are null where nothing is known, so null means the default. */
const SEND_OPTIONS = {
  localAddress: nullable(toDOMString),
  localInterface: nullable(toDOMString),
  typeOfService: nullable(toEnforcedOctet),
};

/** dictionary UDPSendOptions: the fourth argument of send(). */
const toUDPSendOptions = dictionary(SEND_OPTIONS);

/** dictionary UDPMessage: the chunks of `writable`. As with send(), null means the default. */
const toUDPMessage = dictionary({
  ...SEND_OPTIONS,
  data: (value) => value,
  remoteAddress: nullable(toDOMString),
  remotePort: nullable(toNumber),
});

/** dictionary MulticastOptions. */
const toMulticastOptions = dictionary({
  interfaceAddress: toDOMString,
  sourceAddress: toDOMString,
});

/** The record of a UDPSocket; undefined for anything else. @type {(socket: any) => SocketRecord | undefined} */
let recordOf = () => undefined;

class UDPSocket extends EventTarget {
  /** The record. Its presence also shows that an object is a UDPSocket. */
  #record;
  /** The value of the attribute `localAddress`. @type {string} */
  #localAddress;
  /** The value of the attribute `localPort`. @type {number} */
  #localPort;
  /** The value of the attribute `remoteAddress`, and the default address of send(). @type {string | null} */
  #remoteAddress;
  /** The value of the attribute `remotePort`, and the default port of send(). @type {number | null} */
  #remotePort;
  /** The value of the attribute `addressReuse`. @type {boolean} */
  #addressReuse;
  /** The value of the attribute `loopback`. @type {boolean} */
  #loopback;
  /**
   * The address of the last datagram; undefined before the first. If the next one has the same address and port, the native half does not
   * parse the address again.
   *
   * @type {string | undefined}
   */
  #lastAddress;
  /** The port of the last datagram; 0 before the first. */
  #lastPort = 0;

  /** @param {unknown} [options] */
  constructor(options = undefined) {
    super();
    const where = "UDPSocket constructor";
    const { signal, ...settings } = toUDPOptions(options, "options");
    const { addressReuse = true, loopback = false, localPort, remotePort } = settings;
    requirePermission(where);
    checkUnknown(options, toUDPOptions.names, "udp", where);

    // R-port. The native half checks the addresses when it parses them.
    if (localPort !== undefined) {
      checkPort(localPort, 0, `${where}: options.localPort`);
    }
    if (remotePort !== undefined) {
      checkPort(remotePort, 1, `${where}: options.remotePort`);
    }
    checkLive(settings, where);
    throwIfAborted(signal);
    // Steps 1 to 9, R-udp-bind, R-udp-family, R-udp-connected.
    const record = new SocketRecord(this, KIND);
    const opened = open(record, openUdp, bare(settings), () => {
      if (signal !== undefined) {
        follow(signal, record, () => closeSocket(record, "its signal was aborted"));
      }
    });
    this.#localAddress = opened.localAddress;
    this.#localPort = opened.localPort;
    this.#remoteAddress = opened.remoteAddress ?? null;
    this.#remotePort = remotePort ?? null;
    this.#addressReuse = addressReuse;
    this.#loopback = loopback;
    this.#record = record;
    record.opened = true;
    made(record, channels.udp);
  }

  get localAddress() {
    brandCheck(#record in this, "UDPSocket.localAddress");
    return this.#localAddress;
  }

  get localPort() {
    brandCheck(#record in this, "UDPSocket.localPort");
    return this.#localPort;
  }

  get remoteAddress() {
    brandCheck(#record in this, "UDPSocket.remoteAddress");
    return this.#remoteAddress;
  }

  get remotePort() {
    brandCheck(#record in this, "UDPSocket.remotePort");
    return this.#remotePort;
  }

  /** The value that the program asked for (R-udp-reuse). */
  get addressReuse() {
    brandCheck(#record in this, "UDPSocket.addressReuse");
    return this.#addressReuse;
  }

  get loopback() {
    brandCheck(#record in this, "UDPSocket.loopback");
    return this.#loopback;
  }

  close() {
    brandCheck(#record in this, "UDPSocket.close");
    closeSocket(this.#record, "close() was called");
  }

  /**
   * @param {unknown} multicastGroupAddress
   * @param {unknown} [options]
   */
  joinMulticastGroup(multicastGroupAddress, options = undefined) {
    brandCheck(#record in this, "UDPSocket.joinMulticastGroup");
    changeMembership(this.#record, "joinMulticastGroup", join, arguments.length, multicastGroupAddress, options);
  }

  /**
   * @param {unknown} multicastGroupAddress
   * @param {unknown} [options]
   */
  leaveMulticastGroup(multicastGroupAddress, options = undefined) {
    brandCheck(#record in this, "UDPSocket.leaveMulticastGroup");
    changeMembership(this.#record, "leaveMulticastGroup", leave, arguments.length, multicastGroupAddress, options);
  }

  /**
   * @param {unknown} data
   * @param {unknown} [remoteAddress]
   * @param {unknown} [remotePort]
   * @param {unknown} [options]
   */
  send(data, remoteAddress = undefined, remotePort = undefined, options = undefined) {
    brandCheck(#record in this, "UDPSocket.send");
    if (arguments.length === 0) {
      throw missingArguments("UDPSocket.send()", 1, 0);
    }
    // R-udp-default: if an argument is missing or null, the option of that name is the default.
    const address =
      remoteAddress === undefined || remoteAddress === null
        ? this.#remoteAddress
        : toDOMString(remoteAddress, "remoteAddress");
    const port =
      remotePort === undefined || remotePort === null ? this.#remotePort : toNumber(remotePort, "remotePort");
    const sendOptions = options === undefined ? undefined : toUDPSendOptions(options, "options");
    const record = this.#record;
    if (record.closed || address === null || port === null || !(port >= 1 && port <= 65535 && port % 1 === 0)) {
      throw refusal(record, data, address, port);
    }

    const destination = address === this.#lastAddress && port === this.#lastPort ? undefined : address;
    const result = transmitTo(record, data, destination, port, sendOptions);
    if (typeof result !== "number") {
      throw fromFailure(result, "UDPSocket.send()");
    }
    if (result < 0) {
      // Step 1.
      throw notOpen(record);
    }
    if (destination !== undefined) {
      this.#lastAddress = address;
      this.#lastPort = port;
    }
    if (result === 2) {
      // "Buffer is full", R-udp-toolong: the socket is closed at once, and its error event follows.
      record.bufferedAmount = bufferedAmount(record);
      record.closed = true;
      return false;
    }
    return result === 1;
  }

  static {
    nameInterface(this, "UDPSocket");
    recordOf = (socket) => (typeof socket === "object" && socket !== null && #record in socket ? socket.#record : undefined);
    defineSocketMembers(this, recordOf);
    defineBufferedAmount(this, recordOf);
    defineFigures(this, recordOf);
    defineDropped(this, recordOf);
    defineEnds("UDPSocket", (record) => {
      const socket = /** @type {UDPSocket} */ (record.socket);
      return {
        localAddress: socket.#localAddress,
        localPort: socket.#localPort,
        remoteAddress: socket.#remoteAddress,
        remotePort: socket.#remotePort,
      };
    });
    defineInspection(this, recordOf, datagramState);
    observeListeners(this, recordOf);
    defineEventHandlers(this, recordOf, ["drain", "error", "message"]);
    defineIteration(this, recordOf);
    defineSetOptions(this, recordOf, ({ socket }, { loopback }) => {
      if (loopback !== undefined) {
        /** @type {UDPSocket} */ (socket).#loopback = loopback;
      }
    });
    const { send } = this.prototype;
    const streams = {
      readable: udpReadable,
      writable: udpWritable(
        (record, chunk) => {
          const { data, remoteAddress, remotePort, ...others } = toUDPMessage(chunk, "a chunk of UDPSocket.writable");
          if (data === undefined) {
            throw new TypeError("a chunk of UDPSocket.writable must be { data, remoteAddress, remotePort }: it has no data");
          }
          const options = Object.keys(others).length === 0 ? undefined : bare(others);
          return send.call(/** @type {UDPSocket} */ (record.socket), data, remoteAddress, remotePort, options);
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
 * Closes the socket, for close(), the signal, and an aborted `writable`.
 *
 * @param {SocketRecord} record
 * @param {string} why
 */
function closeSocket(record, why) {
  if (!record.closed) {
    // R-udp-close: from now on the attribute keeps this value.
    record.bufferedAmount = bufferedAmount(record);
    closeAtOnce(record, why);
  }
}

/**
 * joinMulticastGroup() and leaveMulticastGroup() (R-udp-group).
 *
 * @param {SocketRecord} record
 * @param {"joinMulticastGroup" | "leaveMulticastGroup"} member
 * @param {typeof join} change the function of the binding
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

/** The engine's own function, since a program may replace it. */
const { isView } = ArrayBuffer;

handle(Kind.UDP_MESSAGE, (record, data, address, port, details) => {
  const taker = takerOf(record);
  if (taker === undefined) {
    fire(record, new UDPMessageEvent(data, address, port, details));
    return;
  }
  /** @type {Record<string, unknown>} */
  const message = { data: isView(data) ? data : new Uint8Array(data), remoteAddress: addressText(address), remotePort: port };
  if (typeof details === "object") {
    // R-udp-reply. Unknown members are left out, so that the message can be given to a `writable`.
    const [localAddress, localInterface, typeOfService] = details;
    message.localAddress = addressText(localAddress);
    if (localInterface !== null) {
      message.localInterface = localInterface;
    }
    if (typeOfService !== null) {
      message.typeOfService = typeOfService;
    }
  }
  taker.take(message);
});
handle(Kind.UDP_DRAIN, (record) => {
  record.extras?.outlet?.drained();
  fire(record, new Event("drain"));
});
handle(Kind.UDP_ERROR, fireError);
// The last event of a closed socket. It reports that all datagrams that were buffered at the call of close() are sent.
handle(Kind.NONE, progress.finished);
handle(Kind.UDP_BLOB, (record) => {
  // A Blob is one datagram, so it is read in one piece.
  answer(record, Infinity);
});

defineInterface(UDPSocket, "UDPSocket", [
  "localAddress",
  "localPort",
  "remoteAddress",
  "remotePort",
  "addressReuse",
  "loopback",
  "close",
  "joinMulticastGroup",
  "leaveMulticastGroup",
  "send",
]);

module.exports = { UDPSocket, recordOf };
