"use strict";

// Whether TLS is asked for (R-tls-asked).

const { invalidAccess, notSupported } = require("./errors.js");
const { enumeration } = require("./webidl.js");

const toKind = enumeration(/** @type {const} */ (["off", "on", "starttls"]));

/**
 * (SecureTransportKind or SecureTransportOptions). An object or null is the dictionary, and asks for TLS like "on".
 *
 * @param {unknown} value
 * @param {string} what
 */
function toSecureTransport(value, what) {
  return (typeof value === "object" || typeof value === "function") ? "on" : toKind(value, what);
}

/**
 * Refuses TLS, and options that contradict each other: never plain text because one of the two was forgotten.
 *
 * @param {{ secureTransport?: "off" | "on" | "starttls", useSecureTransport?: boolean }} options
 * @param {string} where
 */
function refuseSecureTransport({ secureTransport, useSecureTransport }, where) {
  if (secureTransport !== undefined && useSecureTransport !== undefined && (secureTransport === "on") !== useSecureTransport) {
    throw invalidAccess(
      `${where}: useSecureTransport is ${useSecureTransport}, but secureTransport ${secureTransport === "on" ? "asks for TLS" : `is "${secureTransport}"`}; give one of them`,
    );
  }
  if (useSecureTransport === true || secureTransport === "on") {
    throw notSupported(`${where}: this version has no secure transport (TLS)`);
  }
}

module.exports = { refuseSecureTransport, toSecureTransport };
