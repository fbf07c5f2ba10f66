"use strict";

// `features`: what this system and this runtime can do.

const { AsyncLocalStorage, AsyncResource } = require("node:async_hooks");
const { isMadeImmutable } = require("./events.js");
const { binding } = require("./native.js");
const { isBun, isDeno } = require("./runtime.js");
const { tlsPlace } = require("./tls-place.js");

/** The features that the system decides, in the order in which the native half gives their values. */
const SYSTEM = /** @type {const} */ ([
  "reusePort",
  "udpSegmentation",
  "udpCoalescing",
  "sourceSpecificMulticast",
  "packetInfo",
  "networkInterface",
  "tcpStats",
  "datagramsDropped",
  "unixSockets",
  "abstractUnixPaths",
  "peerCredentials",
  "userTimeout",
  "typeOfService",
]);

/**
 * Whether a socket's events run in the AsyncLocalStorage context of the code that made it (R-context). In Node they do. Other runtimes are
 * asked: in Node the question would turn async_hooks on for a moment.
 */
function keepsContext() {
  if (!isBun && !isDeno) {
    return true;
  }
  try {
    const storage = new AsyncLocalStorage();
    const resource = storage.run(true, () => new AsyncResource("TCPSOCKET"));
    return resource.runInAsyncScope(() => storage.getStore()) === true;
  } catch {
    return false;
  }
}

/** What the system can do. After a panic in the native half it can do nothing. */
function ofSystem() {
  const values = binding.features() ?? [];
  return /** @type {Record<typeof SYSTEM[number], boolean>} */ (
    Object.fromEntries(SYSTEM.map((name, index) => [name, values[index] === true]))
  );
}

/** The object `features` of the package. */
const features = Object.freeze({
  ...ofSystem(),
  tlsInTurns: tlsPlace !== "task",
  tlsInTasks: tlsPlace !== "turn",
  immutableData: isMadeImmutable,
  asyncContext: keepsContext(),
});

module.exports = { features };
