"use strict";

// What the native half has found out about this system. `features` shows it, and TLS depends on it.

const { binding } = require("./native.js");

/** What the native half asks the system, in the order in which the native half gives their values. */
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
  "oneProcessor",
]);

/** What the system can do. After a panic in the native half it can do nothing. */
function ofSystem() {
  const values = binding.features() ?? [];
  return /** @type {Record<typeof SYSTEM[number], boolean>} */ (
    Object.fromEntries(SYSTEM.map((name, index) => [name, values[index] === true]))
  );
}

module.exports = { systemFeatures: ofSystem() };
