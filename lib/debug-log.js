"use strict";

// NODE_DEBUG=tcp-udp-sockets: one line for each opening, failure and end of a socket.

const process = require("node:process");
const { debuglog } = require("node:util");
const { endsText } = require("./ends.js");
const { cut } = require("./shown.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** The most UTF-16 units of a line. */
const LONGEST_LINE = 1000;

/** The runtime's function that prints a line; null if NODE_DEBUG does not ask for it. */
const print = process.env.NODE_DEBUG ? enabledLog() : null;

/** True if lines are printed. Callers ask before they make a text. */
const isLogging = print !== null;

/** The log of this package; null if NODE_DEBUG names other ones only. Bun does not say which: there the log decides for each line. */
function enabledLog() {
  const log = debuglog("tcp-udp-sockets");
  return log.enabled === false ? null : log;
}

/**
 * Prints a line.
 *
 * @param {string} text
 */
function logLine(text) {
  print?.("%s", cut(text, LONGEST_LINE));
}

/**
 * Prints a line about a socket.
 *
 * @param {SocketRecord} record
 * @param {string} what
 */
function logSocket(record, what) {
  const { local, remote } = endsText(record);
  const ends = [local, remote].filter((end) => end !== undefined && end !== "");
  logLine(`${record.name} ${ends.join(" -> ")}: ${what}`);
}

module.exports = { isLogging, logLine, logSocket };
