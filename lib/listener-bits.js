"use strict";

// R-listen: what the native half is told of who wants what comes in: listeners, and the streams and loops that count as such.
// How the listeners are counted is not this file's matter (listeners.js).

const { GONE, binding } = require("./native.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */

/**
 * There are listeners for these types now, and none for the others.
 *
 * @param {SocketRecord} record
 * @param {number} bits
 */
function hear(record, bits) {
  record.heard = bits;
  if (!record.firing) {
    tell(record);
  }
}

/**
 * A stream or a loop wants what comes in, as listeners do.
 *
 * @param {SocketRecord} record
 * @param {number} claimed the bits that streams and loops ask for
 * @param {number} taken the bits in which listeners have no say any more
 */
function claim(record, claimed, taken) {
  record.claimed = claimed;
  record.taken = taken;
  tell(record);
}

/**
 * Tells the native half what has changed since it was last told.
 *
 * @param {SocketRecord} record
 */
function tell(record) {
  const wanted = (record.heard & ~record.taken) | record.claimed;
  if (record.told !== wanted && record.id !== GONE) {
    record.told = wanted;
    binding.listen(record.id, wanted);
  }
}

module.exports = { claim, hear, tell };
