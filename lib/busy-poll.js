"use strict";

// How long the JavaScript thread looks for the next message before it sleeps, in microseconds (docs/runtimes.md, "Busy polling").

const { setting } = require("./settings.js");
const { shown } = require("./shown.js");

/** More would delay whatever else the thread or the processor has to do. */
const MOST = 1000;

/**
 * The value of TCP_UDP_SOCKETS_BUSY_POLL; undefined if the wake source's own limit holds.
 *
 * @returns {number | undefined}
 */
function busyPoll() {
  const asked = setting("TCP_UDP_SOCKETS_BUSY_POLL");
  if (asked === undefined) {
    return undefined;
  }
  const microseconds = Number(asked);
  if (/^\d+$/.test(asked) && microseconds <= MOST) {
    return microseconds;
  }
  throw new Error(`TCP_UDP_SOCKETS_BUSY_POLL is ${shown(asked)}; it can be 0 (off) to ${MOST} microseconds`);
}

module.exports = { busyPoll: busyPoll() };
