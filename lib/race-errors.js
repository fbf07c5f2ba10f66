"use strict";

// The exceptions of connect() (R-connect).

const { because, cureFor, endpoint, networkError } = require("./errors.js");
const { SENTENCE, cut, shown } = require("./shown.js");

/** @typedef {import("./errors.js").Failure} Failure */
/** @typedef {import("./race.js").Attempt} Attempt */

/** The beginning of the message of each exception. */
const WHERE = "connect()";

/** The most addresses in a message. The exception's cause has all of them. */
const MOST_LISTED = 4;

/**
 * The exception if no attempt has succeeded.
 *
 * @param {string} host
 * @param {number} port
 * @param {readonly Attempt[]} attempts
 * @param {Attempt | undefined} lastFailed the attempt that was the last to fail; undefined if none was allowed
 */
function allFailed(host, port, attempts, lastFailed) {
  const errors = attempts.map(({ error }) => /** @type {Error} */ (error));
  if (errors.every(({ name }) => name === "InvalidAccessError")) {
    // Every attempt has failed because the local address or port cannot be used (R-tcp-create).
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
 * The addresses of the attempts and why each failed, for a message.
 *
 * @param {readonly Attempt[]} attempts
 */
function list(attempts) {
  const listed = attempts.slice(0, MOST_LISTED).map(({ address, why }) => `${address}: ${why}`);
  return listed.join("; ") + (attempts.length > MOST_LISTED ? `; and ${attempts.length - MOST_LISTED} more` : "");
}

/**
 * The exception if connectTimeout has passed during the look-up.
 *
 * @param {string} host
 * @param {number} port
 * @param {string} reason
 */
function lookupTimedOut(host, port, reason) {
  return networkError(`${WHERE}: cannot look up ${host}: ${reason}`, { code: "ETIMEDOUT", port });
}

/**
 * The exception if the look-up has found no address that the options allow.
 *
 * @param {string} host
 * @param {number} port
 * @param {boolean} hasAddresses true: the host has addresses, but all are of another family
 * @param {number | undefined} asked the family of dnsQueryType
 * @param {number | undefined} local the family of localAddress
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
 * The exception if the system's resolver has failed.
 *
 * @param {string} host
 * @param {number} port
 * @param {number | undefined} family the only family that was looked up; undefined: both
 * @param {Failure} failure
 */
function lookupFailed(host, port, family, { code, syscall, reason }) {
  const what = family === undefined ? host : `${host}'s IPv${family} addresses`;
  return networkError(`${WHERE}: cannot look up ${what}: ${because(reason, code, cureFor(code, syscall, undefined, port))}`, { code, syscall, port });
}

/**
 * The exception if the program's lookup() has thrown or rejected.
 *
 * @param {string} host
 * @param {number} port
 * @param {unknown} reason
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
 * The exception if the TLS handshake has failed.
 *
 * @param {string} host
 * @param {string} address
 * @param {number} port
 * @param {Failure} failure
 */
function handshakeFailed(host, address, port, { code, syscall, reason }) {
  const at = address === host ? "" : ` (${address})`;
  // If no system call failed, the package itself has written the reason (for connectTimeout, say), and the advice for the code would be
  // wrong.
  const cure = syscall === undefined ? undefined : cureFor(code, syscall, address, port);
  return networkError(`${WHERE}: no TLS with ${endpoint(host, port)}${at}: ${because(reason, code, cure)}`, { code, syscall, address, port });
}

/**
 * The exception for an address that allowAddress() does not allow.
 *
 * @param {string} address
 * @param {number} port
 */
function blocked(address, port) {
  return networkError(`${WHERE}: options.allowAddress does not allow ${address}`, { code: "ERR_ADDRESS_BLOCKED", address, port });
}

module.exports = { allFailed, blocked, handshakeFailed, lookupFailed, lookupTimedOut, notFound, ownLookupFailed };
