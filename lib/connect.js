"use strict";

// connect(): opens a TCPSocket to a host name (R-connect). This file checks the arguments, and race.js connects.

const { observeConnect } = require("./diagnostics.js");
const { fromFailure, invalidAccess } = require("./errors.js");
const { parseHost } = require("./host.js");
const { binding } = require("./native.js");
const { requirePermission } = require("./permission.js");
const { Race } = require("./race.js");
const { checkTCPOptions, toTCPOptions } = require("./tcp-options.js");
const { traceAbove } = require("./trace.js");
const { checkUnknown } = require("./unknown-options.js");
const {
  checkPort,
  dictionary,
  enumeration,
  missingArguments,
  shown,
  toDOMString,
  toEnforcedUnsignedLong,
  toFunction,
  toNumber,
} = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./tcp-socket.js").TCPSocket>} TCPSocket */

/** The beginning of the message of each exception. */
const WHERE = "connect()";

/** The members that dictionary ConnectOptions adds to TCPOptions. Web IDL converts the inherited members of TCPOptions first. */
const toConnectOptions = dictionary({
  allowAddress: toFunction,
  attemptDelay: toEnforcedUnsignedLong,
  dnsQueryType: enumeration(/** @type {const} */ (["ipv4", "ipv6"])),
  lookup: toFunction,
});

/** The names of all members. */
const OPTION_NAMES = new Set([...toTCPOptions.names, ...toConnectOptions.names]);

// In Web IDL, an operation of a namespace cannot be called with `new`. A method of an object literal cannot either, but a declared function
// can.
const { connect } = {
  /**
   * @param {unknown} host
   * @param {unknown} port
   * @param {unknown} [options]
   * @returns {Promise<TCPSocket>}
   */
  connect(host, port, options = undefined) {
    try {
      if (arguments.length < 2) {
        throw missingArguments(WHERE, 2, arguments.length);
      }
      const text = toDOMString(host, "host");
      const number = toNumber(port, "port");
      const converted = toTCPOptions(options, "options");
      const own = toConnectOptions(options, "options");
      requirePermission(WHERE);
      checkUnknown(options, OPTION_NAMES, "connect", WHERE);

      checkPort(number, 1, `${WHERE}: port`);
      const { kind, secure } = checkTCPOptions(converted, WHERE);
      const target = parseHost(text, WHERE);
      const family = familyOf(converted.localAddress);
      const failure = secure === undefined ? undefined : binding.checkSecure(secure, target.name);
      if (failure !== undefined) {
        throw fromFailure(failure, WHERE);
      }
      return new Promise((resolve, reject) => {
        const trace = traceAbove(connect);
        /** @type {import("./race.js").RaceOptions} */
        const race = {
          allowAddress: own.allowAddress,
          attemptDelay: own.attemptDelay,
          connectTimeout: converted.connectTimeout,
          dnsQueryType: own.dnsQueryType,
          family,
          kind,
          lookup: own.lookup,
          secure,
          settings: converted,
          signal: converted.signal,
          trace,
        };
        const { settle, begin } = observeConnect({ host: target.text, port: number }, { resolve, reject });
        const run = new Race(target, number, race, settle);
        begin(() => run.start(target.address));
      });
    } catch (error) {
      return Promise.reject(error);
    }
  },
};

/**
 * The family of localAddress; undefined without one.
 *
 * @param {string | undefined} localAddress
 */
function familyOf(localAddress) {
  if (localAddress === undefined) {
    return undefined;
  }
  const parsed = binding.parseAddress(localAddress);
  if (!("address" in parsed && "family" in parsed)) {
    throw invalidAccess(`${WHERE}: options.localAddress ${shown(localAddress)} is no address: ${parsed.reason}`);
  }
  return parsed.family;
}

module.exports = { connect };
