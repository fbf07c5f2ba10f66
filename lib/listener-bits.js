"use strict";

// R-listen: which events the native half is asked for. The bits of listen() stand for event types (docs/binding.md). They are asked for by
// listeners, and by streams, loops and once(). listeners.js knows how listeners are counted.

const { binding } = require("./native.js");
const { GONE } = require("./socket-record.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * Sets the types that have listeners.
 *
 * @param {SocketRecord} record
 * @param {number} bits
 */
function setListenerBits(record, bits) {
  record.listenerBits = bits;
  if (!record.firing) {
    reportBits(record);
  }
}

/**
 * Sets the types that streams, loops and once() ask for.
 *
 * @param {SocketRecord} record
 * @param {number} requestedBits
 * @param {number} exclusiveBits the types of which a stream takes all events, so that listeners no longer count
 */
function requestBits(record, requestedBits, exclusiveBits) {
  const extras = record.ensureExtras();
  extras.requestedBits = requestedBits;
  extras.exclusiveBits = exclusiveBits;
  reportBits(record);
}

/**
 * Adds types to those that streams, loops and once() ask for.
 *
 * @param {SocketRecord} record
 * @param {number} bits
 */
function requestAlso(record, bits) {
  const { requestedBits, exclusiveBits } = record.ensureExtras();
  requestBits(record, requestedBits | bits, exclusiveBits);
}

/**
 * Calls listen() if the result differs from what it was called with last.
 *
 * @param {SocketRecord} record
 */
function reportBits(record) {
  const { extras } = record;
  const wanted =
    extras === undefined ? record.listenerBits : (record.listenerBits & ~extras.exclusiveBits) | extras.requestedBits;
  if (record.reportedBits !== wanted && record.id !== GONE) {
    record.reportedBits = wanted;
    binding.listen(record.id, wanted);
  }
}

module.exports = { reportBits, requestAlso, requestBits, setListenerBits };
