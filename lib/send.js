"use strict";

// What send() of UDPSocket and of TCPSocket have in common: what may be sent (R-types), and how it is handed over. The native
// half has taken or copied the bytes when its function returns (R-copy).

const { TextEncoder } = require("node:util");
const { invalidAccess, invalidState } = require("./errors.js");
const { pinned, readyState, shared } = require("./native.js");
const { shown } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */
/** @typedef {import("./native.js").Bytes} Bytes */

/**
 * @param {object} prototype
 * @param {string} name
 * @returns {(this: any) => any}
 */
function getter(prototype, name) {
  return /** @type {any} */ (Object.getOwnPropertyDescriptor(prototype, name)).get;
}

const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype);
// Each throws for what is not of its kind, and knows its kind in any realm: what instanceof does not (jest).
const arrayBufferLength = getter(ArrayBuffer.prototype, "byteLength");
// Some Electron windows have no such global.
const sharedBufferLength = globalThis.SharedArrayBuffer && getter(SharedArrayBuffer.prototype, "byteLength");
const dataViewBuffer = getter(DataView.prototype, "buffer");
const dataViewLength = getter(DataView.prototype, "byteLength");
const dataViewOffset = getter(DataView.prototype, "byteOffset");
const typedArrayBuffer = getter(typedArrayPrototype, "buffer");
const typedArrayLength = getter(typedArrayPrototype, "byteLength");
const typedArrayOffset = getter(typedArrayPrototype, "byteOffset");
const { slice: typedArraySlice, values: typedArrayValues } = typedArrayPrototype;
const { isView } = ArrayBuffer;
const Bytes = Uint8Array;

const encoder = pinned(new TextEncoder(), ["encodeInto"]);

/**
 * Writes a string of SHORT_STRING units at most into the scratch buffer as UTF-8. A lone surrogate becomes U+FFFD (R-types).
 *
 * @param {string} string
 * @returns {number} its bytes; -1 where they are not all there: somebody has got hold of the buffer and has detached it
 */
function encode(string) {
  const { read, written } = encoder.encodeInto(string, shared.scratch);
  return read === string.length ? written : -1;
}

/**
 * Whether a value is an ArrayBuffer or a view that can be handed over as it is. This is the hot path: what is empty (it may be
 * detached) or shared is looked at closer by unusualBytes().
 *
 * @param {unknown} data
 * @returns {data is Bytes}
 */
function isUsualBytes(data) {
  if (isView(data)) {
    try {
      return data.byteLength !== 0 && isArrayBuffer(data.buffer);
    } catch {
      // A DataView on a detached buffer.
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
 * The bytes of an ArrayBuffer or view that isUsualBytes() refused, copied; undefined for anything else.
 *
 * @param {unknown} data
 * @returns {Bytes | undefined}
 */
function unusualBytes(data) {
  if (isView(data)) {
    const { buffer, byteOffset, byteLength } = section(data);
    // What is shared may change while it is read.
    return typedArraySlice.call(new Bytes(buffer, byteOffset, byteLength));
  }
  if (typeof data === "object" && data !== null && isArrayBuffer(data)) {
    try {
      return typedArraySlice.call(new Bytes(/** @type {ArrayBuffer} */ (data)));
    } catch {
      throw detached();
    }
  }
  return undefined;
}

/**
 * The section that a view references, told by the platform whatever the view's own properties say.
 *
 * @param {ArrayBufferView} view
 * @returns {{ buffer: ArrayBufferLike, byteOffset: number, byteLength: number }}
 */
function section(view) {
  try {
    if (isDataView(view)) {
      // These throw where the view is detached or out of its buffer's bounds …
      return {
        buffer: dataViewBuffer.call(view),
        byteOffset: dataViewOffset.call(view),
        byteLength: dataViewLength.call(view),
      };
    }
    // … these answer 0, but the iterator throws.
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

function detached() {
  return invalidAccess("send(): the data's buffer is detached, or no longer holds the view's section");
}

/**
 * R-types: anything else.
 *
 * @param {unknown} data
 */
function notSendable(data) {
  const hint = isShared(data) ? "a SharedArrayBuffer (give a view on it)" : shown(data);
  return invalidAccess(`send() takes a string, a Blob, an ArrayBuffer or a view on one, not ${hint}`);
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
 * Step 1 of the draft's send() where the socket is not "open": which state, and why (R-tcp-send).
 *
 * @param {SocketRecord} record
 */
function notOpen(record) {
  const state = readyState(record);
  if (state === "open" && record.relay !== null) {
    return relayed(record, "send");
  }
  const because = `${record.name}.send(): the socket is "${state}": `;
  switch (state) {
    case "connecting":
      return invalidState(`${because}wait for its open event`);
    case "closing":
      return invalidState(because + (record.ending || "the peer has ended the connection, and nobody listened for halfclose"));
    default:
      return invalidState(because + (record.ending || overfull(record)));
  }
}

/**
 * R-relay: the socket's bytes are another's.
 *
 * @param {SocketRecord} record
 * @param {string} member
 */
function relayed(record, member) {
  return invalidState(`${record.name}.${member}(): the socket is relayed: what goes out comes from the other socket of relay()`);
}

/**
 * The ways to be "closed" before any event has told of it, and without a call that says so.
 *
 * @param {SocketRecord} record
 */
function overfull(record) {
  const full = "the buffer was full (maxBufferedAmount)";
  return `${record.name === "UDPSocket" ? `a datagram was too long, or ${full}` : full}, or the package has failed; its error event is still to come`;
}

module.exports = { encode, isUsualBytes, notOpen, notSendable, relayed, unusualBytes };
