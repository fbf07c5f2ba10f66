"use strict";

// send() of a stream socket, also for its `writable`.

const { enqueue, toBlob } = require("./blob.js");
const { fromFailure } = require("./errors.js");
const { SHORT_STRING, binding } = require("./native.js");
const { encode, isUsualBytes, notOpen, notSendable, unusualBytes } = require("./send.js");
const { GONE } = require("./socket-record.js");
const { readyState } = require("./sockets.js");

const { send, sendBlob, sendScratch, sendString } = binding;

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * Gives data to the native half. Returns the result of the program's send().
 *
 * @param {SocketRecord} record
 * @param {unknown} data
 */
function transmit(record, data) {
  if (record.id === GONE) {
    throw notOpen(record);
  }
  let result;
  if (isUsualBytes(data)) {
    result = send(record.id, data);
  } else if (typeof data === "string") {
    const bytes = data.length <= SHORT_STRING ? encode(data) : -1;
    result = bytes >= 0 ? sendScratch(record.id, bytes) : sendString(record.id, data);
  } else {
    result = sendUnusual(record, data);
  }
  if (result === 1) {
    return true;
  }
  if (result === 0) {
    record.isDrainDue = true;
    return false;
  }
  // Step 1.
  throw typeof result === "number" ? notOpen(record) : fromFailure(result, `${record.name}.send()`);
}

/**
 * The same for data that is neither a string nor usual bytes: it is empty, shared or a Blob, or it cannot be sent.
 *
 * @param {SocketRecord} record
 * @param {unknown} data
 */
function sendUnusual(record, data) {
  // Step 1, the state, is checked before step 2, the type of the data.
  if (readyState(record) !== "open" || record.extras?.relay !== undefined) {
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
  const result = sendBlob(record.id, blob.size);
  if (result === 0 || result === 1) {
    enqueue(record, blob);
  }
  return result;
}

module.exports = { transmit };
