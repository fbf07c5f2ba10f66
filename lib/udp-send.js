"use strict";

// The part of UDPSocket.send() that follows the conversion of the arguments.

const { enqueue, toBlob } = require("./blob.js");
const { invalidAccess } = require("./errors.js");
const { SHORT_STRING, binding } = require("./native.js");
const { encode, isUsualBytes, notOpen, notSendable, unusualBytes } = require("./send.js");

const { sendBlobTo, sendScratchTo, sendStringTo, sendTo } = binding;

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * Gives a datagram to the native half. Returns what sendTo() returns (docs/binding.md, UDP).
 *
 * @param {SocketRecord} record
 * @param {unknown} data
 * @param {string | undefined} destination undefined: the same address and port as for the last datagram
 * @param {number} port
 * @param {object | undefined} options UDPSendOptions
 */
function transmitTo(record, data, destination, port, options) {
  // Most sends have no options. A fifth argument would cost them a little.
  if (isUsualBytes(data)) {
    return options === undefined
      ? sendTo(record.id, data, destination, port)
      : sendTo(record.id, data, destination, port, options);
  }
  if (typeof data === "string") {
    const bytes = data.length <= SHORT_STRING ? encode(data) : -1;
    if (bytes < 0) {
      return sendStringTo(record.id, data, destination, port, options);
    }
    return options === undefined
      ? sendScratchTo(record.id, bytes, destination, port)
      : sendScratchTo(record.id, bytes, destination, port, options);
  }
  return sendUnusual(record, data, destination, port, options);
}

/**
 * The same for data that is neither a string nor usual bytes: it is empty, shared or a Blob, or it cannot be sent.
 *
 * @param {SocketRecord} record
 * @param {unknown} data
 * @param {string | undefined} destination
 * @param {number} port
 * @param {object | undefined} options
 */
function sendUnusual(record, data, destination, port, options) {
  // Step 2, R-types.
  const bytes = unusualBytes(data);
  if (bytes !== undefined) {
    return sendTo(record.id, bytes, destination, port, options);
  }
  const blob = toBlob(data);
  if (blob === undefined) {
    throw notSendable(data);
  }
  if (blob.size === 0) {
    // R-udp-empty
    return sendScratchTo(record.id, 0, destination, port, options);
  }
  const result = sendBlobTo(record.id, blob.size, destination, port, options);
  if (result === 0 || result === 1) {
    enqueue(record, blob);
  }
  return result;
}

/**
 * The exception for a datagram that is refused. The checks are in the draft's order.
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

module.exports = { refusal, transmitTo };
