"use strict";

// The timers of connect(). They are the native half's: fake timers of a test do not reach them, and each keeps the process alive.

const { fromFailure } = require("./errors.js");
const { Kind, binding } = require("./native.js");
const { packageInstance } = require("./package-instance.js");
const { register } = require("./pending-operations.js");
const { GONE } = require("./socket-record.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** The longest time of a timer, in milliseconds: about 49 days. */
const LONGEST = 0xffffffff;

/**
 * Starts a timer. Returns its id as a pending operation; GONE if it could not be started, after a call of `failed`.
 *
 * @param {SocketRecord} record the record in whose async context the functions are called
 * @param {number} milliseconds
 * @param {() => void} expired
 * @param {(error: DOMException) => void} failed
 */
function startTimer(record, milliseconds, expired, failed) {
  const opened = binding.openTimer(packageInstance(), milliseconds);
  if (!("id" in opened)) {
    failed(fromFailure(opened, "connect()"));
    return GONE;
  }
  register(record, opened.id, (kind, failure) => {
    if (kind === Kind.TIMER) {
      expired();
    } else {
      failed(fromFailure(failure, "connect()"));
    }
  });
  return opened.id;
}

module.exports = { LONGEST, startTimer };
