"use strict";

// The part that send() of UDPSocket and of TCPSocket share. It checks the type of the data (R-types), and encodes strings. When a function
// of the native half returns, it has sent or copied the bytes (R-copy).

const { TextEncoder } = require("node:util");
const { invalidAccess, invalidState } = require("./errors.js");
const { originalGetter } = require("./original-getter.js");
const { shared } = require("./package-instance.js");
const { pinned } = require("./pinned.js");
const { readyState } = require("./sockets.js");
const { shown } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {import("./native.js").Bytes} Bytes */

/** The prototype that all typed arrays share. */
const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype);
// Each getter throws for an object of another type, and works for objects of all realms. instanceof does not work for other realms (jest).
/** ArrayBuffer's byteLength. */
const arrayBufferLength = originalGetter(ArrayBuffer.prototype, "byteLength");
/** SharedArrayBuffer's byteLength; undefined in some Electron windows, which have no SharedArrayBuffer. */
const sharedBufferLength = globalThis.SharedArrayBuffer && originalGetter(SharedArrayBuffer.prototype, "byteLength");
/** DataView's buffer. */
const dataViewBuffer = originalGetter(DataView.prototype, "buffer");
/** DataView's byteLength. */
const dataViewLength = originalGetter(DataView.prototype, "byteLength");
/** DataView's byteOffset. */
const dataViewOffset = originalGetter(DataView.prototype, "byteOffset");
/** A typed array's buffer. */
const typedArrayBuffer = originalGetter(typedArrayPrototype, "buffer");
/** A typed array's byteLength. */
const typedArrayLength = originalGetter(typedArrayPrototype, "byteLength");
/** A typed array's byteOffset. */
const typedArrayOffset = originalGetter(typedArrayPrototype, "byteOffset");
/** Methods of typed arrays. A program may replace them later. */
const { slice: typedArraySlice, values: typedArrayValues } = typedArrayPrototype;
/** Whether a value is a typed array or a DataView, of any realm. */
const { isView } = ArrayBuffer;
/** The runtime's own constructor. A program may replace the global one. */
const ByteArray = Uint8Array;

/** Encodes strings as UTF-8. */
const encoder = pinned(new TextEncoder(), ["encodeInto"]);

/**
 * Writes a string of at most SHORT_STRING units into the scratch buffer as UTF-8. A lone surrogate becomes U+FFFD (R-types).
 *
 * @param {string} string
 * @returns {number} the number of bytes; -1 if the string did not fit, because a program has detached the buffer
 */
function encode(string) {
  const { read, written } = encoder.encodeInto(string, shared.scratch);
  return read === string.length ? written : -1;
}

/**
 * Whether a value is an ArrayBuffer or a view that the native half can take as it is. This is the hot path. If the value is empty (it may be
 * detached) or shared, the result is false, and unusualBytes() checks it.
 *
 * @param {unknown} data
 * @returns {data is Bytes}
 */
function isUsualBytes(data) {
  if (isView(data)) {
    try {
      return data.byteLength !== 0 && isArrayBuffer(data.buffer);
    } catch {
      // The value is a DataView on a detached buffer.
      return false;
    }
  }
  return typeof data === "object" && data !== null && isNonEmptyArrayBuffer(data);
}

/** @param {object} value */
function isArrayBuffer(value) {
  try {
    arrayBufferLength.call(value);
    return true;
  } catch {
    return false;
  }
}

/** @param {object} value */
function isNonEmptyArrayBuffer(value) {
  try {
    return arrayBufferLength.call(value) !== 0;
  } catch {
    return false;
  }
}

/**
 * Returns a copy of the bytes of an ArrayBuffer or view for which isUsualBytes() has returned false; undefined for anything else.
 *
 * @param {unknown} data
 * @returns {Bytes | undefined}
 */
function unusualBytes(data) {
  if (isView(data)) {
    const { buffer, byteOffset, byteLength } = section(data);
    // The bytes are copied: shared memory may change while the native half reads it.
    return typedArraySlice.call(new ByteArray(buffer, byteOffset, byteLength));
  }
  if (typeof data === "object" && data !== null && isArrayBuffer(data)) {
    try {
      return typedArraySlice.call(new ByteArray(/** @type {ArrayBuffer} */ (data)));
    } catch {
      throw detached();
    }
  }
  return undefined;
}

/**
 * The part of the buffer that a view references. It is read with the runtime's own getters, because a program may have changed the view's
 * properties.
 *
 * @param {ArrayBufferView} view
 * @returns {{ buffer: ArrayBufferLike, byteOffset: number, byteLength: number }}
 */
function section(view) {
  try {
    if (isDataView(view)) {
      // These getters throw if the buffer is detached, or if the view lies outside the buffer.
      return {
        buffer: dataViewBuffer.call(view),
        byteOffset: dataViewOffset.call(view),
        byteLength: dataViewLength.call(view),
      };
    }
    // In these cases the getters of a typed array return 0, but its iterator throws.
    typedArrayValues.call(view);
    return {
      buffer: typedArrayBuffer.call(view),
      byteOffset: typedArrayOffset.call(view),
      byteLength: typedArrayLength.call(view),
    };
  } catch {
    throw detached();
  }
}

/** @param {object} view */
function isDataView(view) {
  try {
    dataViewBuffer.call(view);
    return true;
  } catch {
    return false;
  }
}

/** The exception for a view whose bytes are no longer there. */
function detached() {
  return invalidAccess("send(): the data's buffer is detached, or no longer holds the view's section");
}

/**
 * The exception for a value that cannot be sent (R-types).
 *
 * @param {unknown} data
 * @param {string} [member] the method
 */
function notSendable(data, member = "send()") {
  const hint = isShared(data) ? "a SharedArrayBuffer (give a view on it)" : shown(data);
  return invalidAccess(`${member} takes a string, a Blob, an ArrayBuffer or a view on one, not ${hint}`);
}

/** @param {unknown} data */
function isShared(data) {
  try {
    sharedBufferLength.call(data);
    return true;
  } catch {
    return false;
  }
}

/**
 * The exception if the socket is not "open" (step 1 of send() in the draft). Its message has the state and the reason (R-tcp-send).
 *
 * @param {SocketRecord} record
 * @param {string} [member] the method
 */
function notOpen(record, member = "send") {
  const state = readyState(record);
  if (state === "open" && record.extras?.relay !== undefined) {
    return relayed(record, member);
  }
  const because = `${record.name}.${member}(): the socket is "${state}": `;
  switch (state) {
    case "connecting":
      return invalidState(`${because}wait for its open event`);
    case "closing":
      return invalidState(because + (record.ending || "the peer has ended the connection, and nobody listened for halfclose, or allowHalfOpen is false"));
    default:
      return invalidState(because + (record.ending || overfull(record)));
  }
}

/**
 * The exception for a member that a relayed socket does not permit (R-relay).
 *
 * @param {SocketRecord} record
 * @param {string} member
 */
function relayed(record, member) {
  return invalidState(`${record.name}.${member}(): the socket is relayed: what goes out comes from the other socket of relay()`);
}

/**
 * The possible reasons why a socket is "closed" although no event has reported it yet and neither close() nor reset() was called.
 *
 * @param {SocketRecord} record
 */
function overfull(record) {
  const full = "the buffer was full (maxBufferedAmount)";
  return `${record.name === "UDPSocket" ? `a datagram was too long, or ${full}` : full}, or the package has failed; its error event is still to come`;
}

module.exports = { encode, isUsualBytes, notOpen, notSendable, relayed, unusualBytes };
