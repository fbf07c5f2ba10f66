"use strict";

// The options of an agent or a connector. Some belong to this package (own options): they are checked when the agent is made, and no request
// can change them, because a pooled socket would get round what a later request asks for (R-agent). All others are the runtime's, for
// net.connect(), tls.connect() and http.Agent. This file translates those that concern the connection.

const { isIPv6 } = require("node:net");
const { distance } = require("../edit-distance.js");
const { invalidAccess } = require("../errors.js");
const { LIVE, checkLive, checkTypeOfService } = require("../live-options.js");
const { cut, shown } = require("../shown.js");
const { checkPort, dictionary, enumeration, toEnforcedUnsignedLong, toFunction } = require("../webidl.js");

/** @typedef {{ check: (address: string, family: "ipv4" | "ipv6") => boolean }} BlockList */

/** dns.V4MAPPED is 8 on Linux, 2048 on macOS and Windows, and undefined in a runtime without hints. */
const { V4MAPPED = 0 } = /** @type {{ V4MAPPED?: number }} */ (require("node:dns"));

const { keepAliveCount, keepAliveInterval, receiveBufferSize, sendBufferSize, typeOfService, userTimeout } = LIVE.TCPSocket;

/** The own options. */
const toOwnOptions = dictionary({
  allowAddress: toFunction,
  attemptDelay: toEnforcedUnsignedLong,
  blockList: toBlockList,
  connectTimeout: toEnforcedUnsignedLong,
  dnsQueryType: enumeration(/** @type {const} */ (["ipv4", "ipv6"])),
  keepAliveCount,
  keepAliveInterval,
  lookup: toFunction,
  receiveBufferSize,
  sendBufferSize,
  typeOfService,
  userTimeout,
});

/** @typedef {ReturnType<typeof toOwnOptions>} OwnOptions */

/** The name whose misspelling would leave a filter open. */
const FILTER = "allowAddress";

/**
 * @param {unknown} value
 * @param {string} what
 * @returns {BlockList}
 */
function toBlockList(value, what) {
  const { check } = /** @type {{ check?: unknown }} */ (value ?? {});
  if (typeof check !== "function") {
    throw new TypeError(`${what} must be a net.BlockList, not ${shown(value)}`);
  }
  return /** @type {BlockList} */ (value);
}

/**
 * Separates the own options from the runtime's, and checks the own ones.
 *
 * @param {unknown} options
 * @param {string} where
 * @returns {{ own: OwnOptions, rest: Record<string | symbol, any> }}
 */
function takeOptions(options, where) {
  const own = toOwnOptions(options, `${where}: options`);
  checkLive(own, where);
  checkTypeOfService(own, where);
  const rest = { .../** @type {object} */ (options) };
  for (const name of Object.keys(rest)) {
    if (toOwnOptions.names.has(name)) {
      delete (/** @type {any} */ (rest)[name]);
    } else if (isNearFilter(name) && /** @type {any} */ (rest)[name] !== undefined) {
      throw invalidAccess(`${where}: options.${cut(name)} is unknown: did you mean ${FILTER}?`);
    }
  }
  return { own, rest };
}

/** Whether a name is `allowAddress` but for case or one edit (R-unknown). @param {string} name */
function isNearFilter(name) {
  return Math.abs(name.length - FILTER.length) <= 1 && distance(name.toLowerCase(), FILTER.toLowerCase()) <= 1;
}

/**
 * Refuses own options among the options of a request.
 *
 * @param {unknown} options
 * @param {string} where
 */
function refuseOwn(options, where) {
  if (typeof options !== "object" || options === null) {
    return;
  }
  for (const name of toOwnOptions.names) {
    if (/** @type {any} */ (options)[name] !== undefined) {
      const why = "requests share the agent's sockets, so one request cannot decide how they connect";
      throw invalidAccess(`${where}: options.${name} belongs to the agent (${why}); give it to the constructor of the agent`);
    }
  }
}

/** Whether the own options filter addresses. @param {OwnOptions} own */
function filters({ allowAddress, blockList }) {
  return allowAddress !== undefined || blockList !== undefined;
}

/**
 * The function that connect() asks about each address. It also reports the address, which is about to be tried.
 *
 * @param {OwnOptions} own
 * @param {(address: string) => void} attempted
 */
function addressFilter({ allowAddress, blockList }, attempted) {
  return (/** @type {string} */ address) => {
    // BlockList knows no zones.
    const [literal] = address.split("%");
    if (blockList?.check(literal, isIPv6(literal) ? "ipv6" : "ipv4")) {
      return false;
    }
    const answer = allowAddress === undefined || allowAddress(address);
    // connect() refuses a promise.
    if (answer && typeof answer.then !== "function") {
      attempted(address);
    }
    return answer;
  };
}

/**
 * The options for the socket of each attempt (race.js), from the own options and those of the runtime.
 *
 * @param {Record<string, any>} options
 * @param {OwnOptions} own
 */
function toSettings({ keepAlive, keepAliveInitialDelay, localAddress, localPort, noDelay = true }, own) {
  if (localPort) {
    checkPort(Number(localPort), 0, "connect(): options.localPort");
  }
  return {
    // Properties of Object.prototype are no options.
    __proto__: null,
    keepAliveCount: own.keepAliveCount,
    keepAliveDelay: keepAlive ? toKeepAliveDelay(keepAliveInitialDelay) : undefined,
    keepAliveInterval: own.keepAliveInterval,
    localAddress: localAddress ? String(localAddress) : undefined,
    localPort: localPort ? Number(localPort) : undefined,
    noDelay: Boolean(noDelay),
    receiveBufferSize: own.receiveBufferSize,
    sendBufferSize: own.sendBufferSize,
    typeOfService: own.typeOfService,
    userTimeout: own.userTimeout,
  };
}

/**
 * The only family that `family` and `hints` ask for. With dns.V4MAPPED, net.connect() finds IPv4 addresses for `family: 6`, too.
 *
 * @param {Record<string, any>} options
 */
function queryType({ family, hints = 0 }) {
  switch (family) {
    case 4:
    case "IPv4":
      return "ipv4";
    case 6:
    case "IPv6":
      return (hints & V4MAPPED) === 0 ? "ipv6" : undefined;
    default:
      return undefined;
  }
}

/** The system's time before the first probe, in milliseconds, if it was not changed. */
const SYSTEM_KEEP_ALIVE_DELAY = 7_200_000;

/**
 * The delay of setKeepAlive(true, delay), in milliseconds. There 0 stands for the system's, here it would turn the probes off.
 *
 * @param {unknown} delay
 */
function toKeepAliveDelay(delay) {
  const number = Math.floor(Number(delay));
  return number > 0 ? number : SYSTEM_KEEP_ALIVE_DELAY;
}

module.exports = { addressFilter, filters, queryType, refuseOwn, takeOptions, toKeepAliveDelay, toSettings };
