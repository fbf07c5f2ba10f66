"use strict";

// dictionary TCPOptions: the options of a TCPSocket. connect() has them, too, and more.

const { throwIfAborted, toSignal } = require("./abort.js");
const { chooseSecureTransport, toSecureTransport } = require("./secure-transport.js");
const {
  checkPort,
  dictionary,
  refuseZero,
  toBoolean,
  toDOMString,
  toEnforcedUnsignedLong,
  toNumber,
  toPositiveUnsignedLong,
} = require("./webidl.js");

/** dictionary TCPOptions. */
const toTCPOptions = dictionary({
  allowHalfOpen: toBoolean,
  closeTimeout: toEnforcedUnsignedLong,
  connectTimeout: toEnforcedUnsignedLong,
  highWaterMark: toEnforcedUnsignedLong,
  ipv6Only: toBoolean,
  keepAliveDelay: toEnforcedUnsignedLong,
  localAddress: toDOMString,
  localPort: toNumber,
  maxBufferedAmount: toEnforcedUnsignedLong,
  noDelay: toBoolean,
  receiveBufferSize: toPositiveUnsignedLong,
  sendBufferSize: toPositiveUnsignedLong,
  secureTransport: toSecureTransport,
  signal: toSignal,
  useSecureTransport: toBoolean,
});

/**
 * Makes the checks that need no system call.
 *
 * @param {ReturnType<typeof toTCPOptions>} options
 * @param {string} where
 */
function checkTCPOptions({ secureTransport, signal, useSecureTransport, ...settings }, where) {
  if (settings.localPort !== undefined) {
    checkPort(settings.localPort, 0, `${where}: options.localPort`);
  }
  refuseZero(settings, ["receiveBufferSize", "sendBufferSize"], where);
  const { kind, secure } = chooseSecureTransport(secureTransport, useSecureTransport, where);
  throwIfAborted(signal);
  return { kind, secure, settings };
}

module.exports = { checkTCPOptions, toTCPOptions };
