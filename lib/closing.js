"use strict";

// close() and reset() of all sockets. close() of a UDPSocket or a server sets readyState to "closed" at once. The readyState of a stream socket
// becomes "closed" later, with an event.

const { binding } = require("./native.js");
const progress = require("./progress.js");
const { GONE } = require("./socket-record.js");
const { readyState, retire } = require("./sockets.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * Closes an open UDPSocket or server. The native half may still have work to do: datagrams to send (R-udp-close), or an accepted connection to deliver
 * (R-srv-close). An event reports when this work is done.
 *
 * @param {SocketRecord} record
 * @param {string} why
 * @param {(id: number) => boolean} [closeNative] the function of the native half: close() or shutdown()
 */
function closeAtOnce(record, why, closeNative = binding.close) {
  record.closed = true;
  record.ending = why;
  const isGone = closeNative(record.id);
  progress.closing(record, true);
  if (isGone) {
    finish(record);
  }
}

/**
 * Resets the clients of a closed server that it has not delivered yet (R-shutdown).
 *
 * @param {SocketRecord} record
 */
function resetUndelivered(record) {
  if (record.id !== GONE && binding.close(record.id)) {
    finish(record);
  }
}

/** The native half has nothing left to do for a closed socket. @param {SocketRecord} record */
function finish(record) {
  retire(record);
  progress.finished(record);
}

/**
 * Closes a stream socket.
 *
 * @param {SocketRecord} record
 * @param {string} why
 */
function closeSocket(record, why) {
  const state = readyState(record);
  // Step 1.
  if (state !== "closing" && state !== "closed") {
    // Steps 2 and 3, R-tcp-close, R-tcp-close-connecting.
    record.ending = why;
    binding.close(record.id);
    progress.closing(record, true);
  }
}

/**
 * Resets the connection of a stream socket (R-reset).
 *
 * @param {SocketRecord} record
 * @param {string} why
 */
function resetSocket(record, why) {
  if (readyState(record) !== "closed") {
    record.ending = why;
    binding.reset(record.id);
    progress.closing(record, false);
  }
}

module.exports = { closeAtOnce, closeSocket, resetSocket, resetUndelivered };
