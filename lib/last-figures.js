"use strict";

// The figures of a UDPSocket when the native half removes it: attributes keep their last values (R-stats, R-task).

const { binding } = require("./native.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * Stores the last figures. Called at once when the native half has removed the socket, before the record forgets its id.
 *
 * @param {SocketRecord} record
 */
function keepFigures(record) {
  if (record.name === "UDPSocket") {
    const { id } = record;
    record.lastFigures = { read: binding.bytesRead(id), written: binding.bytesWritten(id), dropped: binding.datagramsDropped(id) };
  }
}

module.exports = { keepFigures };
