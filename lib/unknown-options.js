"use strict";

// Members of an options object that no dictionary of ours has (R-unknown). Web IDL ignores them. Here those are refused that would leave
// a connection in the clear, TLS weaker or a filter open, and those are warned of that other libraries name an option of ours by.

const process = require("node:process");
const { distance } = require("./edit-distance.js");
const { invalidAccess } = require("./errors.js");
const { foreign, lacking, switches, tls } = require("./foreign-names.js");
const { cut, shown } = require("./shown.js");

/** @typedef {import("./foreign-names.js").Kind} Kind */

/** Misspelt, each of these would leave a connection in the clear, or a filter open. */
const GUARDED = ["secureTransport", "useSecureTransport", "allowAddress"];

/** From this length on a name of TLS is recognised with one mistake in it, too: shorter ones are near to too many words. */
const LONG_NAME = 8;

/** How much of a name is compared: none of ours is half as long. */
const COMPARED = 64;

/** Others' names that have been warned of. A worker has its own copy of this module, so this is once for each thread. @type {Set<string>} */
const warned = new Set();

/**
 * A dictionary type without room for anything else: an unknown member throws TypeError that names the nearest known one.
 *
 * @template {object} Members
 * @param {((value: unknown, what: string) => Members) & { names: ReadonlySet<string> }} convert
 */
function strict(convert) {
  /**
   * @param {unknown} value
   * @param {string} what
   */
  return function toStrict(value, what) {
    const result = convert(value, what);
    for (const name of unknownMembers(value, convert.names)) {
      if (/** @type {any} */ (value)[name] !== undefined) {
        throw new TypeError(`${what} has no member ${shown(name)}: ${adviceFor(name, convert.names)} It has ${list(convert.names)}`);
      }
    }
    return result;
  };
}

/**
 * Looks at the unknown members of what a constructor or connect() was given as options.
 *
 * @param {unknown} options what a dictionary type has converted already
 * @param {ReadonlySet<string>} known
 * @param {Kind} kind
 * @param {string} where
 */
function checkUnknown(options, known, kind, where) {
  if (options === undefined) {
    return;
  }
  for (const name of unknownMembers(options, known)) {
    const short = name.slice(0, COMPARED).toLowerCase();
    const flaw = findFlaw(name, short, known, kind);
    if (flaw !== undefined) {
      const value = /** @type {any} */ (options)[name];
      if (value !== undefined && !(value === false && switches.has(short))) {
        throw invalidAccess(`${where}: ${flaw}`);
      }
      continue;
    }
    const ours = foreign(kind).get(short) ?? otherwiseWritten(short, known);
    if (ours !== undefined && !warned.has(name) && /** @type {any} */ (options)[name] !== undefined) {
      warned.add(name);
      process.emitWarning(`${where}: options.${cut(name)} is ignored: it is no option here; use ${ours}`, "UnknownOptionWarning");
    }
  }
}

/**
 * The enumerable string keys, own and inherited, that are no members.
 *
 * @param {unknown} value
 * @param {ReadonlySet<string>} known
 */
function unknownMembers(value, known) {
  /** @type {string[]} */
  const unknown = [];
  // Of undefined and null it finds nothing.
  for (const name in /** @type {any} */ (value)) {
    if (!known.has(name)) {
      unknown.push(name);
    }
  }
  return unknown;
}

/**
 * Why a name is refused among the options of a socket, if it is.
 *
 * @param {string} name
 * @param {string} short its beginning, in lower case
 * @param {ReadonlySet<string>} known
 * @param {Kind} kind
 */
function findFlaw(name, short, known, kind) {
  const option = `options.${cut(name)}`;
  const guarded = GUARDED.find((ours) => isNear(short, ours.toLowerCase()));
  if (guarded !== undefined && known.has(guarded)) {
    return `${option} is unknown: did you mean ${guarded}?`;
  }
  if (guarded === "allowAddress") {
    return `${option} would filter nothing here: allowAddress is an option of connect()`;
  }
  const advice = tls.get(short) ?? (short.length < LONG_NAME ? undefined : nearTls(short));
  if (kind === "udp" && (guarded ?? advice) !== undefined) {
    return `${option} belongs to TLS, which a UDPSocket does not have: its datagrams leave in the clear`;
  }
  return advice === undefined ? undefined : `${option} belongs to TLS, and would do nothing here: ${advice}`;
}

/** @param {string} short */
function nearTls(short) {
  for (const [name, advice] of tls) {
    if (name.length >= LONG_NAME && isNear(short, name)) {
      return advice;
    }
  }
  return undefined;
}

/**
 * An option of ours but for case.
 *
 * @param {string} short
 * @param {ReadonlySet<string>} known
 */
function otherwiseWritten(short, known) {
  for (const name of known) {
    if (name.toLowerCase() === short) {
      return name;
    }
  }
  return undefined;
}

/**
 * What to do instead of giving a member that there is not.
 *
 * @param {string} name
 * @param {ReadonlySet<string>} known
 */
function adviceFor(name, known) {
  const short = name.slice(0, COMPARED).toLowerCase();
  const [, ours] = /^use secureTransport\.(\w+)$/.exec(tls.get(short) ?? "") ?? [];
  const advice = lacking.get(short);
  return advice !== undefined ? `${advice}.` : `did you mean ${ours !== undefined && known.has(ours) ? ours : nearest(short, known)}?`;
}

/**
 * @param {string} short
 * @param {ReadonlySet<string>} known
 */
function nearest(short, known) {
  const distances = [...known].map((candidate) => /** @type {const} */ ([candidate, distance(short, candidate.toLowerCase())]));
  return distances.reduce((best, other) => (other[1] < best[1] ? other : best))[0];
}

/**
 * Whether two names are one edit apart at most.
 *
 * @param {string} a
 * @param {string} b
 */
function isNear(a, b) {
  return Math.abs(a.length - b.length) <= 1 && distance(a, b) <= 1;
}

/** @param {ReadonlySet<string>} names */
function list(names) {
  const all = [...names].sort();
  return `${all.slice(0, -1).join(", ")} and ${all[all.length - 1]}`;
}

module.exports = { checkUnknown, strict };
