"use strict";

// bytesRead, bytesWritten, datagramsDropped and getStats() (R-stats).

const { binding } = require("./native.js");
const { brandCheckOf } = require("./socket-members.js");
const { GONE } = require("./socket-record.js");
const { defineMembers } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {(socket: unknown) => SocketRecord | undefined} RecordOf */
/** @typedef {{ name: string, prototype: object }} InterfaceClass */

/**
 * The last values of the figures, by attribute: attributes keep them when the socket is gone.
 *
 * @typedef {{ bytesRead: number, bytesWritten: number, datagramsDropped: number }} Figures
 */

/** The members of TCPStats, in the order in which the native half gives their values. */
const STATS = ["smoothedRtt", "rttVariation", "minRtt", "estimatedSendRate", "congestionWindow", "retransmits"];

/**
 * The value of a figure: the native half's, and the last one once the socket is gone.
 *
 * @param {SocketRecord} record
 * @param {keyof Figures} attribute
 */
function figure({ extras, id, lastFigures }, attribute) {
  const value = id === GONE ? (lastFigures?.[attribute] ?? 0) : binding[attribute](id);
  if (attribute !== "bytesRead" || extras === undefined) {
    return value;
  }
  // The native half also counts what `reader` holds and the program has not read.
  return Math.max(0, value - extras.droppedBytes - (extras.intake?.name === "reader" ? extras.intake.buffered : 0));
}

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
      return figure(checked(this, "bytesRead"), "bytesRead");
    },

    get bytesWritten() {
      return figure(checked(this, "bytesWritten"), "bytesWritten");
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
    /** How many datagrams the system has dropped because the receive buffer was full. */
    get datagramsDropped() {
      return figure(checked(this, "datagramsDropped"), "datagramsDropped");
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
    /** The system's figures of the connection. A member is null if the system does not report it, and on a closed socket. */
    getStats() {
      const { id } = checked(this, "getStats");
      const values = id === GONE ? [] : binding.stats(id);
      return Object.fromEntries(STATS.map((name, index) => [name, values[index] ?? null]));
    },
  });
}

module.exports = { defineDropped, defineFigures, defineStats, figure };
