"use strict";

// Why a connect() failed: its exceptions (R-connect).

const { because, cureFor, endpoint, networkError } = require("./errors.js");
const { SENTENCE, cut, shown } = require("./shown.js");

/** @typedef {import("./errors.js").Failure} Failure */
/** @typedef {import("./race.js").Attempt} Attempt */

const WHERE = "connect()";

/** How many addresses the message of a failure tells of; its cause has them all. */
const TOLD = 4;

/**
 * None of the attempts succeeded: one exception for all.
 *
 * @param {string} host
 * @param {number} port
 * @param {readonly Attempt[]} attempts
 * @param {Attempt | undefined} lastFailed in time; undefined where none was allowed
 */
function allFailed(host, port, attempts, lastFailed) {
  const errors = attempts.map(({ error }) => /** @type {Error} */ (error));
  if (errors.every(({ name }) => name === "InvalidAccessError")) {
    // The local end cannot be had (R-tcp-create).
    return errors[0];
  }
  const { address, error, why } = lastFailed ?? attempts[attempts.length - 1];
  const { code, syscall } = /** @type {any} */ (error);
  const where = `${WHERE}: cannot connect to ${endpoint(host, port)}`;
  const count = errors.length === 1 ? "1 address" : `${errors.length} addresses`;
  const message =
    errors.length === 1
      ? `${where}${address === host ? "" : ` (${address})`}: ${because(why, code, cureFor(code, syscall, address, port))}`
      : `${where}, at none of ${count}: ${list(attempts)}`;
  return networkError(message, { code, syscall, address, port, cause: new AggregateError(errors, `${count} of ${host} tried`) });
}

/**
 * What became of each attempt, for a message.
 *
 * @param {readonly Attempt[]} attempts
 */
function list(attempts) {
  const told = attempts.slice(0, TOLD).map(({ address, why }) => `${address}: ${why}`);
  return told.join("; ") + (attempts.length > TOLD ? `; and ${attempts.length - TOLD} more` : "");
}

/**
 * @param {string} host
 * @param {number} port
 * @param {string} reason
 */
function lookupTimedOut(host, port, reason) {
  return networkError(`${WHERE}: cannot look up ${host}: ${reason}`, { code: "ETIMEDOUT", port });
}

/**
 * @param {string} host
 * @param {number} port
 * @param {boolean} hasAddresses but none that the options leave
 * @param {number | undefined} asked the family that dnsQueryType asks for
 * @param {number | undefined} local that of localAddress
 */
function notFound(host, port, hasAddresses, asked, local) {
  let why = "it has no address";
  if (asked !== undefined && local !== undefined && asked !== local) {
    why = "dnsQueryType and the family of localAddress leave no address";
  } else if (hasAddresses && asked !== undefined) {
    why = `it has no IPv${asked} address, which dnsQueryType asks for`;
  } else if (hasAddresses) {
    why = `it has no IPv${local} address, which is the family of localAddress`;
  }
  return networkError(`${WHERE}: cannot connect to ${host}: ${why}`, { code: "ENOTFOUND", port });
}

/**
 * @param {string} host
 * @param {number} port
 * @param {number | undefined} family the only one that was asked for
 * @param {Failure} failure
 */
function lookupFailed(host, port, family, { code, syscall, reason }) {
  const what = family === undefined ? host : `${host}'s IPv${family} addresses`;
  return networkError(`${WHERE}: cannot look up ${what}: ${because(reason, code, cureFor(code, syscall, undefined, port))}`, { code, syscall, port });
}

/**
 * @param {string} host
 * @param {number} port
 * @param {unknown} reason what the caller's lookup() rejected with
 */
function ownLookupFailed(host, port, reason) {
  const { code, message } = /** @type {{ code?: unknown, message?: unknown }} */ (reason ?? {});
  const why = typeof message === "string" ? cut(message, SENTENCE) : shown(reason);
  return networkError(`${WHERE}: cannot look up ${host}: ${why}`, {
    code: typeof code === "string" ? code : "ENOTFOUND",
    port,
    cause: reason,
  });
}

/**
 * @param {string} host
 * @param {string} address
 * @param {number} port
 * @param {Failure} failure
 */
function handshakeFailed(host, address, port, { code, syscall, reason }) {
  const at = address === host ? "" : ` (${address})`;
  // A reason of the package's own says it all: connectTimeout has passed, though the peer has answered.
  const cure = syscall === undefined ? undefined : cureFor(code, syscall, address, port);
  return networkError(`${WHERE}: no TLS with ${endpoint(host, port)}${at}: ${because(reason, code, cure)}`, { code, syscall, address, port });
}

/**
 * @param {string} address
 * @param {number} port
 */
function blocked(address, port) {
  return networkError(`${WHERE}: options.allowAddress does not allow ${address}`, { code: "ERR_ADDRESS_BLOCKED", address, port });
}

module.exports = { allFailed, blocked, handshakeFailed, lookupFailed, lookupTimedOut, notFound, ownLookupFailed };
