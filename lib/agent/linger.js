"use strict";

// The end of a connection whose stream was destroyed. The peer sees what it sees when a net.Socket is destroyed: FIN, or RST if something
// was not read or not sent, or if it sends more.

const { clearTimeout, setTimeout } = require("node:timers");

/** @typedef {InstanceType<typeof import("../socket-record.js").SocketRecord>} SocketRecord */

/** How long the peer may take to end its direction, in milliseconds: as long as close() waits (R-tcp-close). */
const LINGER = 2000;

/**
 * Ends the connection. It does not keep the process alive meanwhile.
 *
 * @param {any} socket a TCPSocket or a UnixSocket
 * @param {SocketRecord} record its record, which is not GONE
 * @param {boolean} isInterrupted true: bytes wait that were not read, or that the peer does not take
 */
function linger(socket, record, isInterrupted) {
  const extras = record.ensureExtras();
  extras.intake = /** @type {any} */ (new Deaf(ignore));
  extras.outlet = /** @type {any} */ (new Mute(ignore));
  socket.unref();
  if (isInterrupted) {
    socket.reset();
    return;
  }
  if (record.ended) {
    socket.close();
    return;
  }
  const timer = setTimeout(() => socket.reset(), LINGER);
  timer.unref();
  const over = () => clearTimeout(timer);
  // A peer that still sends is reset, as the system does where a descriptor was closed.
  extras.intake = /** @type {any} */ (new Deaf(() => socket.reset()));
  extras.outlet = /** @type {any} */ (new Mute(over));
  socket.halfclose();
}

const ignore = () => {};

/** Receives nothing any more. It also stands for a listener, so that a loss is not reported as unheard (R-unheard). */
class Deaf {
  name = "readable";

  /** @param {() => void} take is called when the peer sends more */
  constructor(take) {
    this.take = take;
  }

  end() {}
  fail() {}
  closing() {}
}

/** Sends nothing any more. */
class Mute {
  /** @param {() => void} over is called when the connection has ended, or is lost */
  constructor(over) {
    this.fail = over;
    this.end = over;
  }

  drained() {}
  finished() {}
  interrupt() {}
}

module.exports = { linger };
