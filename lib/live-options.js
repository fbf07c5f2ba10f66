"use strict";

// The options that setOptions() can change (R-live). The constructors have them, too.

const { fromFailure, invalidAccess, invalidState } = require("./errors.js");
const { binding } = require("./native.js");
const { shown } = require("./shown.js");
const { brandCheckOf } = require("./socket-members.js");
const { readyState } = require("./sockets.js");
const { unknownMembers } = require("./unknown-options.js");
const {
  bare,
  defineMembers,
  dictionary,
  missingArguments,
  refuseZero,
  toBoolean,
  toDOMString,
  toEnforcedOctet,
  toEnforcedUnsignedLong,
  toPositiveOctet,
  toPositiveUnsignedLong,
} = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** How much the system buffers for a socket. */
const BUFFERS = {
  receiveBufferSize: toPositiveUnsignedLong,
  sendBufferSize: toPositiveUnsignedLong,
};

/** Options of connections of both families. */
const CONNECTION = {
  closeTimeout: toEnforcedUnsignedLong,
  highWaterMark: toEnforcedUnsignedLong,
  idleTimeout: toEnforcedUnsignedLong,
  maxBufferedAmount: toEnforcedUnsignedLong,
};

/** Options of connections that TCP and IP have. */
const NETWORK = {
  keepAliveCount: toEnforcedUnsignedLong,
  keepAliveDelay: toEnforcedUnsignedLong,
  keepAliveInterval: toEnforcedUnsignedLong,
  noDelay: toBoolean,
  typeOfService: toEnforcedOctet,
  userTimeout: toEnforcedUnsignedLong,
};

/** Options of servers. */
const SERVER = { maxConnections: toEnforcedUnsignedLong };

/** The options of each interface that can be changed. */
const LIVE = {
  TCPSocket: { ...BUFFERS, ...CONNECTION, ...NETWORK },
  UnixSocket: { ...BUFFERS, ...CONNECTION },
  TCPServerSocket: { ...CONNECTION, ...NETWORK, ...SERVER },
  UnixServerSocket: { ...CONNECTION, ...SERVER },
  UDPSocket: {
    ...BUFFERS,
    broadcast: toBoolean,
    highWaterMark: toEnforcedUnsignedLong,
    loopback: toBoolean,
    maxBufferedAmount: toEnforcedUnsignedLong,
    multicastInterface: toDOMString,
    multicastTimeToLive: toEnforcedOctet,
    timeToLive: toPositiveOctet,
    typeOfService: toEnforcedOctet,
  },
};

/** The longest keepAliveInterval in milliseconds. Linux accepts no longer one (R-keepalive). */
const LONGEST_INTERVAL = 32_767_000;
/** The highest keepAliveCount. Linux accepts no higher one (R-keepalive). */
const HIGHEST_COUNT = 127;

/** The bits of typeOfService that are ECN's. */
const ECN = 0b11;

/**
 * Checks the values that need no system call (R-range, R-keepalive).
 *
 * @param {Record<string, unknown>} options
 * @param {string} where
 */
function checkLive(options, where) {
  refuseZero(options, ["receiveBufferSize", "sendBufferSize", "timeToLive"], where);
  const { keepAliveCount, keepAliveInterval } = /** @type {Record<string, number | undefined>} */ (options);
  if (keepAliveInterval !== undefined && !(keepAliveInterval % 1000 === 0 && keepAliveInterval > 0 && keepAliveInterval <= LONGEST_INTERVAL)) {
    throw invalidAccess(
      `${where}: options.keepAliveInterval must be whole seconds from 1000 to ${LONGEST_INTERVAL} ms, not ${keepAliveInterval}`,
    );
  }
  if (keepAliveCount !== undefined && !(keepAliveCount > 0 && keepAliveCount <= HIGHEST_COUNT)) {
    throw invalidAccess(`${where}: options.keepAliveCount must be from 1 to ${HIGHEST_COUNT}, not ${keepAliveCount}`);
  }
}

/**
 * Refuses a typeOfService with ECN bits: on a TCP connection the system sets them.
 *
 * @param {Record<string, unknown>} options
 * @param {string} where
 */
function checkTypeOfService(options, where) {
  const { typeOfService = 0 } = /** @type {{ typeOfService?: number }} */ (options);
  if ((typeOfService & ECN) !== 0) {
    throw invalidAccess(
      `${where}: options.typeOfService ${typeOfService} has ECN bits, which are the system's; for DSCP n it is n << 2, such as 184 for 46`,
    );
  }
}

/**
 * Defines setOptions().
 *
 * @param {{ name: string, prototype: object }} interfaceClass
 * @param {(socket: unknown) => SocketRecord | undefined} recordOf returns undefined for an object that is not of the interface
 * @param {(record: SocketRecord, options: any) => void} [changed] called after a change
 */
function defineSetOptions(interfaceClass, recordOf, changed) {
  const { name } = interfaceClass;
  const checked = brandCheckOf(interfaceClass, recordOf);
  const convert = dictionary(LIVE[/** @type {keyof typeof LIVE} */ (name)]);
  const where = `${name}.setOptions()`;
  defineMembers(interfaceClass, {
    /** R-live. @param {unknown} options */
    setOptions(options) {
      const record = checked(this, "setOptions");
      if (arguments.length === 0) {
        throw missingArguments(where, 1, 0);
      }
      const settings = convert(options, "options");
      refuseOthers(options, convert.names, where);
      checkLive(settings, where);
      if (name !== "UDPSocket") {
        checkTypeOfService(settings, where);
      }
      if (readyState(record) === "closed") {
        throw invalidState(`${where}: the socket is closed${record.ending === "" ? "" : `: ${record.ending}`}`);
      }
      const failure = binding.setOptions(record.id, bare(settings));
      if (failure !== undefined) {
        throw fromFailure(failure, where);
      }
      changed?.(record, settings);
    },
  });
}

/**
 * Refuses members that setOptions() cannot change.
 *
 * @param {unknown} options a value that a dictionary type has accepted
 * @param {ReadonlySet<string>} names
 * @param {string} where
 */
function refuseOthers(options, names, where) {
  for (const name of unknownMembers(options, names)) {
    if (/** @type {any} */ (options)[name] !== undefined) {
      throw invalidAccess(`${where}: options.${shown(name).slice(1, -1)} cannot be changed; it takes ${[...names].sort().join(", ")}`);
    }
  }
}

module.exports = { LIVE, checkLive, checkTypeOfService, defineSetOptions };
