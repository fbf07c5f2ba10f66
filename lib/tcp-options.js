"use strict";

// dictionary TCPOptions: the options of a TCPSocket. connect() has them, too, and more.

const { throwIfAborted, toSignal } = require("./abort.js");
const { checkFraming, toFraming } = require("./framing.js");
const { LIVE, checkLive, checkTypeOfService } = require("./live-options.js");
const { chooseSecureTransport, toSecureTransport } = require("./secure-transport.js");
const {
  checkPort,
  dictionary,
  toBoolean,
  toDOMString,
  toEnforcedUnsignedLong,
  toNumber,
} = require("./webidl.js");

/** dictionary TCPOptions. */
const toTCPOptions = dictionary({
  ...LIVE.TCPSocket,
  allowHalfOpen: toBoolean,
  connectTimeout: toEnforcedUnsignedLong,
  framing: toFraming,
  ipv6Only: toBoolean,
  localAddress: toDOMString,
  localPort: toNumber,
  secureTransport: toSecureTransport,
  signal: toSignal,
  useSecureTransport: toBoolean,
});

/** The members of openTcp()'s options, in the order of the bits of its argument `members`. src/binding/options.rs has the same list. */
const MEMBERS = /** @type {const} */ ([
  "allowHalfOpen", "closeTimeout", "connectTimeout", "framing", "highWaterMark", "idleTimeout", "ipv6Only", "keepAliveCount", "keepAliveDelay",
  "keepAliveInterval", "localAddress", "localPort", "maxBufferedAmount", "noDelay", "receiveBufferSize", "secure", "sendBufferSize",
  "typeOfService", "userTimeout",
]);

/** The bit of `members` that is no member: connect() makes several attempts from one local port, which need SO_REUSEADDR. */
const SHARES_LOCAL_PORT = 1 << 30;

/**
 * The argument `members` of openTcp() and openAttempt(): which members the options have, as bits. The native half looks for no others.
 *
 * @param {object} options an object without a prototype. Other members do not matter
 */
function membersOf(options) {
  let members = 0;
  for (let at = 0; at < MEMBERS.length; at++) {
    if (/** @type {Record<string, unknown>} */ (options)[MEMBERS[at]] !== undefined) {
      members |= 1 << at;
    }
  }
  return members;
}

/**
 * Makes the checks that need no system call.
 *
 * @param {ReturnType<typeof toTCPOptions>} options
 * @param {string} where
 */
function checkTCPOptions(options, where) {
  const { secureTransport, signal, useSecureTransport } = options;
  if (options.localPort !== undefined) {
    checkPort(options.localPort, 0, `${where}: options.localPort`);
  }
  checkLive(options, where);
  checkTypeOfService(options, where);
  checkFraming(options.framing, where);
  const { kind, secure } = chooseSecureTransport(secureTransport, useSecureTransport, where);
  throwIfAborted(signal);
  return { kind, secure };
}

module.exports = { SHARES_LOCAL_PORT, checkTCPOptions, membersOf, toTCPOptions };
