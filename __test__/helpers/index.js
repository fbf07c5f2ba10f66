"use strict";

/**
 * What the test files share. Whatever socket, server and child process is made through it is closed after the test (cleanup.js).
 *
 *   const { tcpPair, once, record } = require("../helpers");
 *
 * sockets.js  the package itself, and tracked sockets of it
 * peers.js    the other end: node:net and node:dgram on port 0
 * events.js   waiting for events, recording them, and proving that none came
 * bytes.js    test data, and collecting what arrives
 * throws.js   what a call threw, by name and code
 * bad.js      values that no argument should survive
 * child.js    scripts in a process of their own, with a time limit; report.js is how they give results
 *
 * jest-environment.js is that of every test file: a warning of the process fails the test that it comes in.
 *
 * By themselves, for those who need them: udp.js, exchange.js, netns.js, tls.js (both ends of a secure connection), certificates.js
 * (an authority made at run time), programs.js (openssl and curl as peers).
 */
module.exports = {
  ...require("./sockets"),
  ...require("./peers"),
  ...require("./events"),
  ...require("./bytes"),
  ...require("./throws"),
  ...require("./bad"),
  ...require("./child"),
};
