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
  checkLive(settings, where);
  checkTypeOfService(settings, where);
  checkFraming(settings.framing, where);
  const { kind, secure } = chooseSecureTransport(secureTransport, useSecureTransport, where);
  throwIfAborted(signal);
  return { kind, secure, settings };
}

module.exports = { checkTCPOptions, toTCPOptions };
