"use strict";

// What connect() takes as host: a name, or an IPv4 or IPv6 literal.

const { domainToASCII } = require("node:url");
const { fromFailure, invalidAccess } = require("./errors.js");
const { binding } = require("./native.js");
const { cut, shown } = require("./shown.js");

/** @typedef {{ address: string, family: 4 | 6 }} Address an address in canonical form */

/**
 * The host as messages name it, as it is looked up and verified, and its address if it is one.
 *
 * @typedef {{ text: string, name: string, address: Address | undefined }} Host
 */

/** Of a whole name, without a dot at its end (RFC 1035). */
const LONGEST = 253;

/** What is longer is no host in any form of writing: IDNA's ignored characters aside, which nobody has so many of. */
const LONGEST_WRITTEN = 2048;

const TOO_LONG = `is too long: a host name has at most ${LONGEST} characters`;

/**
 * @param {string} text
 * @param {string} where
 * @returns {Host}
 */
function parseHost(text, where) {
  if (text === "") {
    throw invalidAccess(`${where}: host is empty; give a host name, or an IPv4 or IPv6 address`);
  }
  if (text.length > LONGEST_WRITTEN) {
    // Before anything looks through all of it.
    throw invalidAccess(`${where}: host ${shown(text)} ${TOO_LONG}`);
  }
  // As URL's hostname has it.
  const bare = /^\[(.*:.*)\]$/s.exec(text)?.[1] ?? text;
  const literal = ask(bare, where);
  if ("address" in literal && "family" in literal) {
    return asAddress(literal);
  }
  const name = /^[\0-\x7f]*$/.test(text) ? text : domainToASCII(text);
  const converted = name === text ? literal : ask(name, where);
  if ("address" in converted && "family" in converted) {
    // Such as full-width digits: an address all the same, which the resolver is not asked for.
    return asAddress(converted);
  }
  const flaw = findFlaw(text, bare, name, /** @type {import("./errors.js").Failure} */ (literal).reason);
  if (flaw !== undefined) {
    throw invalidAccess(`${where}: host ${shown(text)} ${flaw}`);
  }
  return { text: cut(text, LONGEST), name, address: undefined };
}

/**
 * What the native half makes of a text: an address, or the Failure that says why it is none.
 *
 * @param {string} text
 * @param {string} where
 */
function ask(text, where) {
  const answer = binding.parseAddress(text);
  if ("name" in answer && answer.name !== "InvalidAccessError") {
    // It has failed, and says nothing of the text: which is not to be taken for a name for that.
    throw fromFailure(answer, where);
  }
  return answer;
}

/** @param {Address} literal */
function asAddress(literal) {
  return { text: literal.address, name: literal.address, address: usable(literal) };
}

/**
 * Why a host that is no address cannot be a name either.
 *
 * @param {string} text
 * @param {string} bare without brackets
 * @param {string} name in ASCII; "" where it has no such form
 * @param {string} reason why it is no address
 */
function findFlaw(text, bare, name, reason) {
  if (name === "") {
    return "is not a name that IDNA allows";
  }
  if (/[/?#@\\]/.test(text + name)) {
    return "is not a host name; of a URL give the hostname alone";
  }
  if (/^\[?[0-9a-f:.]*:[0-9a-f:.]*(%.*)?\]?$/i.test(text) && bare.split(":").length > 2) {
    return `is no IPv6 address: ${reason}`;
  }
  if ((text + name).includes(":")) {
    return "is not a host name; the port is an argument of its own";
  }
  if (/[\0-\x20\x7f"%<>[\]^`{|}]/.test(name)) {
    return "has characters that no host name has";
  }
  if (name.replace(/\.$/, "").length > LONGEST) {
    return TOO_LONG;
  }
  return undefined;
}

/**
 * An address that the caller's lookup() gave.
 *
 * @param {string} text
 * @param {string} where
 * @returns {Address}
 */
function parseAddress(text, where) {
  const parsed = binding.parseAddress(text);
  if ("address" in parsed && "family" in parsed) {
    return usable(parsed);
  }
  throw invalidAccess(`${where}: lookup gave ${shown(text)}, which is no address: ${parsed.reason}`);
}

/**
 * The wildcard as a destination is this host, and systems take it as its loopback address. Said openly, so that
 * allowAddress() is asked for what is connected to.
 *
 * @param {Address} address
 * @returns {Address}
 */
function usable({ address, family }) {
  switch (address) {
    case "0.0.0.0":
      return { address: "127.0.0.1", family };
    case "::":
      return { address: "::1", family };
    default:
      return { address, family };
  }
}

/**
 * An address that the native half gave: canonical already.
 *
 * @param {string} address
 * @returns {Address}
 */
function known(address) {
  return usable({ address, family: address.includes(":") ? 6 : 4 });
}

module.exports = { known, parseAddress, parseHost };
