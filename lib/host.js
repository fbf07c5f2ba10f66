"use strict";

// The first argument of connect(): a host name, or an IPv4 or IPv6 address.

const { domainToASCII } = require("node:url");
const { fromFailure, invalidAccess } = require("./errors.js");
const { binding } = require("./native.js");
const { cut, shown } = require("./shown.js");

/** An address in canonical form. @typedef {{ address: string, family: 4 | 6 }} Address */

/**
 * `text`: the host in messages. `name`: the host as it is looked up and verified. `address`: undefined if the host is a name.
 *
 * @typedef {{ text: string, name: string, address: Address | undefined }} Host
 */

/** The most characters of a name, without a dot at its end (RFC 1035). */
const LONGEST_NAME = 253;

/**
 * The most characters of an argument that is parsed. It is larger than LONGEST_NAME, because IDNA ignores some characters; no real name has so
 * many of them.
 */
const LONGEST_WRITTEN = 2048;

/** The end of the message for a name that is too long. */
const TOO_LONG = `is too long: a host name has at most ${LONGEST_NAME} characters`;

/**
 * Parses the argument of connect(); throws if it is neither a name nor an address.
 *
 * @param {string} text
 * @param {string} where
 * @returns {Host}
 */
function parseHost(text, where) {
  if (text === "") {
    throw invalidAccess(`${where}: host is empty; give a host name, or an IPv4 or IPv6 address`);
  }
  if (text.length > LONGEST_WRITTEN) {
    // This check comes first, because the others read the whole text.
    throw invalidAccess(`${where}: host ${shown(text)} ${TOO_LONG}`);
  }
  // URL.hostname gives IPv6 addresses in brackets, so brackets are accepted.
  const bare = /^\[(.*:.*)\]$/s.exec(text)?.[1] ?? text;
  const literal = ask(bare, where);
  if ("address" in literal && "family" in literal) {
    return asAddress(literal);
  }
  const name = /^[\0-\x7f]*$/.test(text) ? text : domainToASCII(text);
  const converted = name === text ? literal : ask(name, where);
  if ("address" in converted && "family" in converted) {
    // The text is an address in other digits, such as full-width ones. It needs no look-up.
    return asAddress(converted);
  }
  const flaw = findFlaw(text, bare, name, /** @type {import("./errors.js").Failure} */ (literal).reason);
  if (flaw !== undefined) {
    throw invalidAccess(`${where}: host ${shown(text)} ${flaw}`);
  }
  return { text: cut(text, LONGEST_NAME), name, address: undefined };
}

/**
 * Asks the native half to parse an address. Returns the address, or the Failure that says why the text is not an address.
 *
 * @param {string} text
 * @param {string} where
 */
function ask(text, where) {
  const answer = binding.parseAddress(text);
  if ("name" in answer && answer.name !== "InvalidAccessError") {
    // The native half itself has failed. That says nothing about the text, so the text must not count as a name.
    throw fromFailure(answer, where);
  }
  return answer;
}

/** The result of parseHost() for an address. @param {Address} literal */
function asAddress(literal) {
  return { text: literal.address, name: literal.address, address: usable(literal) };
}

/**
 * Returns why a text that is not an address is not a host name either; undefined if it is a host name.
 *
 * @param {string} text
 * @param {string} bare the text without brackets
 * @param {string} name the text converted to ASCII; "" if IDNA does not allow it
 * @param {string} reason why the text is not an address
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
  if (name.replace(/\.$/, "").length > LONGEST_NAME) {
    return TOO_LONG;
  }
  return undefined;
}

/**
 * Parses an address that the program's lookup() has returned.
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
 * Replaces the wildcard address by the loopback address. Systems treat both as the same destination. With the replacement, allowAddress()
 * gets the address that is really connected to.
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
 * The Address for an address that the native half has returned as text, in canonical form.
 *
 * @param {string} address
 * @returns {Address}
 */
function known(address) {
  return usable({ address, family: address.includes(":") ? 6 : 4 });
}

module.exports = { known, parseAddress, parseHost };
