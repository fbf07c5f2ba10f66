"use strict";

/**
 * The common helpers of the test files. They close each socket, server and child process that they make after the test (cleanup.js).
 *
 *   const { tcpPair, once, record } = require("../helpers");
 *
 * sockets.js  the package itself, and tracked sockets of it
 * peers.js    the other end: node:net and node:dgram on port 0
 * events.js   waiting for events, recording them, and proving that none fired
 * families.js what TCP and Unix sockets have in common is tested over both
 * bytes.js    test data, and collecting received data
 * throws.js   the exception of a call, by name and code
 * bad.js      values that every argument must refuse
 * child.js    scripts in a process of their own, with a time limit; they return results by report.js
 *
 * jest-environment.js is the environment of every test file: a warning of the process fails the current test.
 *
 * Test files require these directly: udp.js, exchange.js, netns.js, tls.js (both ends of a secure connection), certificates.js
 * (an authority made at run time), client-hello.js (a client's first bytes), programs.js (other programs as peers, such as openssl and nginx), unix.js (paths, and sockets at them),
 * http.js (HTTP over a socket).
 */
module.exports = {
  ...require("./sockets"),
  ...require("./peers"),
  ...require("./families"),
  ...require("./events"),
  ...require("./bytes"),
  ...require("./throws"),
  ...require("./bad"),
  ...require("./child"),
};
