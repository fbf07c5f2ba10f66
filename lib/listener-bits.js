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
  if (record.heard !== bits) {
    record.heard = bits;
    if (!record.firing) {
      tell(record);
    }
  }
}

/**
 * The event has been dispatched: what its listeners have changed is told.
 *
 * @param {SocketRecord} record
 */
function tellChanges(record) {
  if (record.told !== wanted(record)) {
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
  if (record.claimed !== claimed || record.taken !== taken) {
    record.claimed = claimed;
    record.taken = taken;
    tell(record);
  }
}

/** @param {SocketRecord} record */
function tell(record) {
  if (record.id !== GONE) {
    record.told = wanted(record);
    binding.listen(record.id, record.told);
  }
}

/** @param {SocketRecord} record */
function wanted(record) {
  return (record.heard & ~record.taken) | record.claimed;
}

module.exports = { claim, hear, tell, tellChanges };
