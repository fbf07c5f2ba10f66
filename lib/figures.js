"use strict";

// bytesRead, bytesWritten, datagramsDropped and getStats() (R-stats).

const { binding } = require("./native.js");
const { brandCheckOf } = require("./socket-members.js");
const { GONE } = require("./socket-record.js");
const { defineMembers } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {(socket: unknown) => SocketRecord | undefined} RecordOf */
/** @typedef {{ name: string, prototype: object }} InterfaceClass */

/** The last values of the figures: attributes keep them when the socket is gone. @typedef {{ read: number, written: number, dropped: number }} Figures */

/** The members of TCPStats, in the order in which the native half gives their values. */
const STATS = ["smoothedRtt", "rttVariation", "minRtt", "estimatedSendRate", "congestionWindow", "retransmits"];

/**
 * Defines `bytesRead` and `bytesWritten`.
 *
 * @param {InterfaceClass} interfaceClass
 * @param {RecordOf} recordOf returns undefined for an object that is not of the interface
 */
function defineFigures(interfaceClass, recordOf) {
  const checked = brandCheckOf(interfaceClass, recordOf);
  defineMembers(interfaceClass, {
    get bytesRead() {
      const { id, lastFigures } = checked(this, "bytesRead");
      return id === GONE ? (lastFigures?.read ?? 0) : binding.bytesRead(id);
    },

    get bytesWritten() {
      const { id, lastFigures } = checked(this, "bytesWritten");
      return id === GONE ? (lastFigures?.written ?? 0) : binding.bytesWritten(id);
    },
  });
}

/**
 * Defines `datagramsDropped`.
 *
 * @param {InterfaceClass} interfaceClass
 * @param {RecordOf} recordOf
 */
function defineDropped(interfaceClass, recordOf) {
  const checked = brandCheckOf(interfaceClass, recordOf);
  defineMembers(interfaceClass, {
    /** What the system has dropped because the receive buffer was full. */
    get datagramsDropped() {
      const { id, lastFigures } = checked(this, "datagramsDropped");
      return id === GONE ? (lastFigures?.dropped ?? 0) : binding.datagramsDropped(id);
    },
  });
}

/**
 * Defines getStats().
 *
 * @param {InterfaceClass} interfaceClass
 * @param {RecordOf} recordOf
 */
function defineStats(interfaceClass, recordOf) {
  const checked = brandCheckOf(interfaceClass, recordOf);
  defineMembers(interfaceClass, {
    /** What the system tells of the connection. Each member is null where it tells nothing, and on a closed socket. */
    getStats() {
      const { id } = checked(this, "getStats");
      const values = id === GONE ? [] : binding.stats(id);
      return Object.fromEntries(STATS.map((name, index) => [name, values[index] ?? null]));
    },
  });
}

module.exports = { defineDropped, defineFigures, defineStats };
