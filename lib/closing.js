"use strict";

// close() of a UDPSocket and of a server. It sets readyState to "closed" at once. (The readyState of a stream socket becomes "closed" later,
// with an event.)

const { binding } = require("./native.js");
const progress = require("./progress.js");
const { retire } = require("./sockets.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * Closes an open socket. The native half may still have work to do: datagrams to send (R-udp-close), or an accepted connection to deliver
 * (R-srv-close). An event reports when this work is done.
 *
 * @param {SocketRecord} record
 * @param {string} why
 */
function closeAtOnce(record, why) {
  record.closed = true;
  record.ending = why;
  const isGone = binding.close(record.id);
  progress.closing(record, true);
  if (isGone) {
    retire(record);
    progress.finished(record);
  }
}

module.exports = { closeAtOnce };
