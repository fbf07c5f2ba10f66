"use strict";

// The timers of connect() and shutdown(). The native half runs them, so a test's fake timers have no effect on them. Each keeps the process alive.

const { fromFailure } = require("./errors.js");
const { Kind, binding } = require("./native.js");
const { packageInstance } = require("./package-instance.js");
const { register } = require("./pending-operations.js");
const { GONE } = require("./socket-record.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** The longest time of a timer, in milliseconds: about 49 days. */
const LONGEST_DELAY = 0xffffffff;

/**
 * Starts a timer. Returns its id as a pending operation. If the timer cannot be started, calls `failed` and returns GONE.
 *
 * @param {SocketRecord} record the record in whose async context the functions are called
 * @param {number} milliseconds
 * @param {() => void} expired
 * @param {(error: DOMException) => void} failed
 * @param {string} where the function that needs the timer, for the message of the error
 */
function startTimer(record, milliseconds, expired, failed, where = "connect()") {
  const opened = binding.openTimer(packageInstance(), milliseconds);
  if (!("id" in opened)) {
    failed(fromFailure(opened, where));
    return GONE;
  }
  register(record, opened.id, (kind, failure) => {
    if (kind === Kind.TIMER) {
      expired();
    } else {
      failed(fromFailure(failure, where));
    }
  });
  return opened.id;
}

module.exports = { LONGEST_DELAY, startTimer };
