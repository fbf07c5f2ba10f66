"use strict";

// R-listen: reports to the native half which event types the program needs. listen() takes a bit for each type (docs/binding.md). Listeners
// need types, and so do streams, loops and once(). listeners.js says how listeners are counted.

const { binding } = require("./native.js");
const { GONE } = require("./socket-record.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * Sets the event types that have listeners. During an event (`record.firing`) the change is not reported. fire() reports it afterwards.
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
 * @param {number} exclusiveBits the types whose events all go to a stream, so that listeners of these types do not count
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
 * Calls listen() if the needed types differ from those of the last call.
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
