"use strict";

// The option `framing`, and sendFrame() (R-framing). The native half splits the received bytes into frames.
// It delivers each frame as one `message`.

const { Buffer } = require("node:buffer");
const { TextEncoder } = require("node:util");
const { blobBehind, toBlob } = require("./blob.js");
const { invalidAccess, invalidState } = require("./errors.js");
const { isUsualBytes, notOpen, notSendable, unusualBytes } = require("./send.js");
const { cut } = require("./shown.js");
const { readyState } = require("./sockets.js");
const { transmit } = require("./stream-send.js");
const { unknownMembers } = require("./unknown-options.js");
const { dictionary, shown, toBoolean, toBytes, toEnforcedOctet, toEnforcedUnsignedLong } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * The option, as the native half takes it. Either `delimiter` or `lengthPrefix` is undefined. `unknown`: the names of members that the option does
 * not have.
 *
 * @typedef {{ delimiter: Uint8Array | undefined, lengthPrefix: number | undefined, littleEndian: boolean, includesPrefix: boolean, limit: number, unknown: string[] }} Framing
 */

/** The default of `limit`, in bytes. */
const DEFAULT_FRAME_LIMIT = 1024 * 1024;

/** Encodes messages that are strings. */
const encoder = new TextEncoder();
/** Searches a message for the delimiter. A program may replace the method later, and the two below. */
const bufferIndexOf = Buffer.prototype.indexOf;
/** Makes a Buffer on a message's memory. */
const bufferFrom = Buffer.from;
/** Copies a message into its frame. */
const { set } = Object.getPrototypeOf(Uint8Array.prototype);

/** dictionary FramingOptions. */
const toFramingMembers = dictionary({
  delimiter: toBytes,
  includesPrefix: toBoolean,
  lengthPrefix: toEnforcedOctet,
  limit: toEnforcedUnsignedLong,
  littleEndian: toBoolean,
});

/**
 * Converts to dictionary FramingOptions.
 *
 * @param {unknown} value
 * @param {string} what
 * @returns {Framing}
 */
function toFraming(value, what) {
  const { delimiter, lengthPrefix, littleEndian = false, includesPrefix = false, limit = DEFAULT_FRAME_LIMIT } = toFramingMembers(value, what);
  if ((delimiter === undefined) === (lengthPrefix === undefined)) {
    throw new TypeError(`${what} must have a delimiter or a lengthPrefix${delimiter === undefined ? "" : ", not both"}`);
  }
  const unknown = unknownMembers(value, toFramingMembers.names).filter((name) => /** @type {any} */ (value)[name] !== undefined);
  return { delimiter, lengthPrefix, littleEndian, includesPrefix, limit, unknown };
}

/**
 * Makes the checks that come after all conversions.
 *
 * @param {Framing | undefined} framing
 * @param {string} where
 */
function checkFraming(framing, where) {
  if (framing === undefined) {
    return;
  }
  const { delimiter, lengthPrefix, limit, unknown } = framing;
  const option = `${where}: options.framing`;
  if (unknown.length > 0) {
    const known = [...toFramingMembers.names].join(", ");
    throw invalidAccess(`${option}.${cut(/** @type {string} */ (unknown[0]))} is unknown; the members are ${known}`);
  }
  if (delimiter?.length === 0) {
    throw invalidAccess(`${option}.delimiter must not be empty`);
  }
  if (lengthPrefix !== undefined && (lengthPrefix < 1 || lengthPrefix > 4)) {
    throw invalidAccess(`${option}.lengthPrefix must be 1, 2, 3 or 4 bytes, not ${shown(lengthPrefix)}`);
  }
  if (limit === 0) {
    throw invalidAccess(`${option}.limit must be at least 1 byte`);
  }
}

/**
 * Stores the option of a socket or a server.
 *
 * @param {SocketRecord} record
 * @param {Framing | undefined} framing
 */
function storeFraming(record, framing) {
  if (framing !== undefined) {
    record.ensureExtras().framing = framing;
  }
}

/**
 * The option of a socket: its own, or its server's.
 *
 * @param {SocketRecord} record
 * @returns {Framing | undefined}
 */
function framingOf(record) {
  return /** @type {Framing | undefined} */ (record.extras?.framing ?? record.server?.extras?.framing);
}

/**
 * Throws if the socket has frames: then nothing else can take its bytes.
 *
 * @param {SocketRecord} record
 * @param {string} where
 */
function requireNoFraming(record, where) {
  if (framingOf(record) !== undefined) {
    throw invalidState(`${where}: the socket has the option framing: what comes in is delivered as frames`);
  }
}

/**
 * sendFrame(): sends one frame. Returns what send() would return.
 *
 * @param {SocketRecord} record
 * @param {unknown} data
 */
function sendFrame(record, data) {
  const where = `${record.name}.sendFrame()`;
  const framing = framingOf(record);
  if (framing === undefined) {
    throw invalidState(`${where}: the socket was made without the option framing`);
  }
  // The steps of send(): first the state, then the type of the data.
  if (readyState(record) !== "open" || record.extras?.relay !== undefined) {
    throw notOpen(record, "sendFrame");
  }
  const { bytes, length } = toPayload(data);
  if (length > framing.limit) {
    throw invalidAccess(`${where}: the frame has ${length} bytes, and framing.limit is ${framing.limit}`);
  }
  const { delimiter } = framing;
  if (delimiter === undefined) {
    // One send() takes prefix and payload together, so that neither is sent without the other.
    const prefix = prefixOf(framing, length, where);
    return transmit(record, bytes === undefined ? blobBehind(prefix, data) : joined(prefix, bytes));
  }
  if (bytes === undefined) {
    throw invalidAccess(`${where}: a Blob cannot be checked for the delimiter; send its bytes (await blob.arrayBuffer())`);
  }
  // The delimiter may also begin at the end of the payload and end in the delimiter behind it.
  const frame = joined(bytes, delimiter);
  if (Reflect.apply(bufferIndexOf, bufferFrom(frame.buffer, 0, frame.length), [delimiter, 0]) !== length) {
    throw invalidAccess(`${where}: the frame contains the delimiter, or ends with the beginning of it`);
  }
  return transmit(record, frame);
}

/**
 * The bytes of what sendFrame() takes, and their number. The bytes of a Blob are undefined: they are read later.
 *
 * @param {unknown} data
 * @returns {{ bytes: Uint8Array | undefined, length: number }}
 */
function toPayload(data) {
  if (typeof data === "string") {
    const bytes = encoder.encode(data);
    return { bytes, length: bytes.length };
  }
  const usual = isUsualBytes(data) ? data : unusualBytes(data);
  if (usual !== undefined) {
    const bytes = ArrayBuffer.isView(usual)
      ? new Uint8Array(/** @type {ArrayBuffer} */ (usual.buffer), usual.byteOffset, usual.byteLength)
      : new Uint8Array(usual);
    return { bytes, length: bytes.length };
  }
  const blob = toBlob(data);
  if (blob === undefined) {
    throw notSendable(data, "sendFrame()");
  }
  return { bytes: undefined, length: blob.size };
}

/**
 * The length in front of a frame.
 *
 * @param {Framing} framing
 * @param {number} length
 * @param {string} where
 */
function prefixOf({ lengthPrefix = 1, littleEndian, includesPrefix }, length, where) {
  let value = includesPrefix ? length + lengthPrefix : length;
  if (value >= 2 ** (8 * lengthPrefix)) {
    throw invalidAccess(`${where}: the frame has ${length} bytes, too many for a length of ${lengthPrefix} bytes`);
  }
  const prefix = new Uint8Array(lengthPrefix);
  for (let i = 0; i < lengthPrefix; i++) {
    prefix[littleEndian ? i : lengthPrefix - 1 - i] = value % 256;
    value = Math.floor(value / 256);
  }
  return prefix;
}

/**
 * @param {Uint8Array} first
 * @param {Uint8Array} second
 */
function joined(first, second) {
  const both = new Uint8Array(first.length + second.length);
  Reflect.apply(set, both, [first, 0]);
  Reflect.apply(set, both, [second, first.length]);
  return both;
}

module.exports = { checkFraming, requireNoFraming, sendFrame, storeFraming, toFraming };
