"use strict";

// Handles members of an options object that none of our dictionaries has (R-unknown). Web IDL ignores them. This file refuses a member if
// ignoring it would leave a connection without TLS, make TLS weaker, or leave a filter of addresses out. It prints a warning for a name
// that another library uses for one of our options.

const process = require("node:process");
const { distance } = require("./edit-distance.js");
const { invalidAccess } = require("./errors.js");
const { foreign, lacking, switches, tls } = require("./foreign-names.js");
const { cut, shown } = require("./shown.js");

/** @typedef {import("./foreign-names.js").OptionsKind} OptionsKind */

/** Options whose misspelling would leave a connection without TLS, or leave a filter out. */
const GUARDED = ["secureTransport", "useSecureTransport", "allowAddress"];

/**
 * A name of a TLS option with at least this many characters is recognised although it has one mistake. Shorter names are too close to other
 * words.
 */
const LONG_NAME = 8;

/** The number of characters of a name that are compared. All names that are searched for are shorter. */
const COMPARED = 64;

/** Names for which a warning was printed. Each worker has its own copy of this module, so a name is printed once in each thread. @type {Set<string>} */
const warned = new Set();

/**
 * Makes the conversion to a dictionary type strict: it throws a TypeError for an unknown member, which names the nearest known member.
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
 * Checks the unknown members of the options of a constructor or of connect().
 *
 * @param {unknown} options a value that a dictionary type has accepted
 * @param {ReadonlySet<string>} known
 * @param {OptionsKind} kind
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
 * The enumerable string keys, own and inherited, that are not known.
 *
 * @param {unknown} value
 * @param {ReadonlySet<string>} known
 */
function unknownMembers(value, known) {
  /** @type {string[]} */
  const unknown = [];
  // The loop accepts undefined and null, and finds nothing.
  for (const name in /** @type {any} */ (value)) {
    if (!known.has(name)) {
      unknown.push(name);
    }
  }
  return unknown;
}

/**
 * Returns why an unknown name is refused; undefined if it is not refused.
 *
 * @param {string} name
 * @param {string} short the first COMPARED characters of the name, in lower case
 * @param {ReadonlySet<string>} known
 * @param {OptionsKind} kind
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

/** The advice for the name of a TLS option that is one edit away from `short`; undefined if there is none. @param {string} short */
function nearTls(short) {
  for (const [name, advice] of tls) {
    if (name.length >= LONG_NAME && isNear(short, name)) {
      return advice;
    }
  }
  return undefined;
}

/**
 * Our option whose name differs only in case; undefined if there is none.
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
 * The advice for an unknown member of a dictionary.
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
 * The known name that is nearest.
 *
 * @param {string} short
 * @param {ReadonlySet<string>} known
 */
function nearest(short, known) {
  const distances = [...known].map((candidate) => /** @type {const} */ ([candidate, distance(short, candidate.toLowerCase())]));
  return distances.reduce((best, other) => (other[1] < best[1] ? other : best))[0];
}

/**
 * Whether two names are at most one edit apart.
 *
 * @param {string} a
 * @param {string} b
 */
function isNear(a, b) {
  return Math.abs(a.length - b.length) <= 1 && distance(a, b) <= 1;
}

/** The names, for a message. @param {ReadonlySet<string>} names */
function list(names) {
  const all = [...names].sort();
  return `${all.slice(0, -1).join(", ")} and ${all[all.length - 1]}`;
}

module.exports = { checkUnknown, strict, unknownMembers };
