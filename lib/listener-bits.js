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

/** The record whose types are reported after the microtasks of the event that is being delivered; null if there is none. @type {SocketRecord | null} */
let deferred = null;

/**
 * As requestBits(), but the change is reported after the microtasks of the event that is being delivered. A loop that asks for the next item
 * in one of them then costs no call of the native half.
 *
 * @param {SocketRecord} record the record of the event that is being delivered
 * @param {number} requestedBits
 * @param {number} exclusiveBits
 */
function requestBitsLater(record, requestedBits, exclusiveBits) {
  const extras = record.ensureExtras();
  extras.requestedBits = requestedBits;
  extras.exclusiveBits = exclusiveBits;
  deferred = record;
}

/** Reports what requestBitsLater() has deferred. It runs after each event and its microtasks, before the next event is taken. */
function reportDeferred() {
  if (deferred !== null) {
    const record = deferred;
    deferred = null;
    reportBits(record);
  }
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

module.exports = { reportBits, reportDeferred, requestAlso, requestBits, requestBitsLater, setListenerBits };
