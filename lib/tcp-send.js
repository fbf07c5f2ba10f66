"use strict";

// What TCPSocket.send() and the socket's `writable` hand over.

const { enqueue, toBlob } = require("./blob.js");
const { fromFailure } = require("./errors.js");
const native = require("./native.js");
const { encode, isUsualBytes, notOpen, notSendable, unusualBytes } = require("./send.js");

const { GONE, SHORT_STRING } = native;
const { send, sendBlob, sendScratch, sendString } = native.binding;

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */

/**
 * send(), of a TCPSocket and of its `writable`.
 *
 * @param {SocketRecord} record
 * @param {unknown} data
 */
function transmit(record, data) {
  if (record.id === GONE) {
    throw notOpen(record);
  }
  let taken;
  if (isUsualBytes(data)) {
    taken = send(record.id, data);
  } else if (typeof data === "string") {
    const bytes = data.length <= SHORT_STRING ? encode(data) : -1;
    taken = bytes >= 0 ? sendScratch(record.id, bytes) : sendString(record.id, data);
  } else {
    taken = sendUnusual(record, data);
  }
  if (taken === 1) {
    return true;
  }
  if (taken === 0) {
    record.isDrainDue = true;
    return false;
  }
  // Step 1.
  throw typeof taken === "number" ? notOpen(record) : fromFailure(taken, "TCPSocket.send()");
}

/**
 * send() of what is neither a string nor usual bytes: empty, shared, a Blob, or nothing that can be sent.
 *
 * @param {SocketRecord} record
 * @param {unknown} data
 */
function sendUnusual(record, data) {
  // Step 1 comes before step 2.
  if (native.readyState(record) !== "open" || record.relay !== null) {
    throw notOpen(record);
  }
  // Step 2, R-types.
  const bytes = unusualBytes(data);
  if (bytes !== undefined) {
    return send(record.id, bytes);
  }
  const blob = toBlob(data);
  if (blob === undefined) {
    throw notSendable(data);
  }
  if (blob.size === 0) {
    return sendScratch(record.id, 0);
  }
  const taken = sendBlob(record.id, blob.size);
  if (taken === 0 || taken === 1) {
    enqueue(record, blob);
  }
  return taken;
}

module.exports = { transmit };
