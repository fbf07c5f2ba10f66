"use strict";

// TLS in the interfaces. This file decides whether the options ask for TLS (R-tls-asked), converts the TLS options, and returns the results
// of a handshake.

const { invalidAccess } = require("./errors.js");
const { secureInfo } = require("./native.js").binding;
const { strict } = require("./unknown-options.js");
const {
  bare,
  bytesOf,
  dictionary,
  enumeration,
  record,
  requiring,
  sequence,
  toBoolean,
  toDOMString,
  toEnforcedUnsignedLong,
  toFunction,
} = require("./webidl.js");

/** @typedef {"off" | "on" | "starttls"} SecureTransportKind */

/**
 * The results of a TLS handshake: dictionary SecureTransportInfo, frozen.
 *
 * @typedef {object} SecureTransportInfo
 * @property {string} protocol
 * @property {string} cipher
 * @property {string | null} group
 * @property {string | null} alpn
 * @property {string | null} sni
 * @property {ArrayBuffer[]} peerCertificates
 * @property {boolean} authorized
 * @property {string | null} authorizationError
 * @property {boolean} resumed
 */

/** The state of TLS of one stream socket. */
class SecureState {
  /** "on": TLS is established, or the options ask for it. @type {SecureTransportKind} */
  kind = "off";
  /** The results of the handshake; null until TLS is established. @type {Readonly<SecureTransportInfo> | null} */
  info = null;
  /** The option connectTimeout: the time that startTls() may take, in milliseconds; undefined if it was not given. @type {number | undefined} */
  connectTimeout = undefined;
  /** The host name that startTls() verifies; undefined: it verifies the address, if there is one. @type {string | undefined} */
  hostName = undefined;
}

/** enum SecureTransportKind. */
const toKind = enumeration(/** @type {const} */ (["off", "on", "starttls"]));

/**
 * typedef (DOMString or BufferSource) PEMOrDER. Bytes are copied, so later changes by the program have no effect.
 *
 * @param {unknown} value
 * @param {string} what
 */
function toPEMOrDER(value, what) {
  return bytesOf(value, what) ?? toDOMString(value, what);
}

/** sequence<PEMOrDER>. */
const toPEMsOrDERs = sequence(toPEMOrDER);

/**
 * (PEMOrDER or sequence<PEMOrDER>), as a list.
 *
 * @param {unknown} value
 * @param {string} what
 */
function toMaterials(value, what) {
  const bytes = bytesOf(value, what);
  if (bytes !== undefined) {
    return [bytes];
  }
  // Web IDL: an object with an iterator is a sequence, and anything else is a string.
  const iterates = typeof value === "object" && value !== null && /** @type {any} */ (value)[Symbol.iterator] != null;
  return iterates ? toPEMsOrDERs(value, what) : [toDOMString(value, what)];
}

/** dictionary ServerCertificate. */
const toServerCertificate = requiring(
  ["cert", "key"],
  strict(dictionary({ cert: toMaterials, key: toPEMOrDER, ttl: toEnforcedUnsignedLong })),
);

/** dictionary SecureTransportOptions. */
const toMembers = strict(
  dictionary({
    alpn: sequence(toDOMString),
    ca: toMaterials,
    cert: toMaterials,
    certificateFor: toFunction,
    key: toPEMOrDER,
    keyLog: toBoolean,
    minVersion: enumeration(/** @type {const} */ (["TLSv1.2", "TLSv1.3"])),
    pinnedCertificates: sequence(toDOMString),
    rejectUnauthorized: toBoolean,
    requestCert: toBoolean,
    serverCertificates: record(toServerCertificate),
    sni: toDOMString,
  }),
);

/**
 * dictionary SecureTransportOptions, in the form that the native half takes (docs/binding.md).
 *
 * @param {unknown} value
 * @param {string} what
 */
function toSecureTransportOptions(value, what) {
  const { serverCertificates, ...members } = toMembers(value, what);
  if (serverCertificates === undefined) {
    return bare(members);
  }
  const named = serverCertificates.map(([name, certificate]) => bare({ name, ...certificate }));
  return bare({ ...members, serverCertificates: named });
}

/** @typedef {ReturnType<typeof toSecureTransportOptions>} SecureOptions */

/**
 * (SecureTransportKind or SecureTransportOptions). An object or null counts as SecureTransportOptions, and asks for TLS as "on" does.
 *
 * @param {unknown} value
 * @param {string} what
 * @returns {{ kind: SecureTransportKind, options: SecureOptions }}
 */
function toSecureTransport(value, what) {
  if (typeof value === "object" || typeof value === "function") {
    return { kind: "on", options: toSecureTransportOptions(value, what) };
  }
  return { kind: toKind(value, what), options: bare({}) };
}

/**
 * Whether the options ask for TLS (R-tls-asked). Options that contradict each other are refused: a program that forgets to change one of them
 * must not get a connection without TLS.
 *
 * @param {{ kind: SecureTransportKind, options: SecureOptions } | undefined} secureTransport
 * @param {boolean | undefined} useSecureTransport
 * @param {string} where
 * @returns {{ kind: SecureTransportKind, secure: SecureOptions | undefined }}
 */
function chooseSecureTransport(secureTransport, useSecureTransport, where) {
  const asked = secureTransport?.kind === "on";
  if (secureTransport !== undefined && useSecureTransport !== undefined && asked !== useSecureTransport) {
    throw invalidAccess(
      `${where}: useSecureTransport is ${useSecureTransport}, but secureTransport ${asked ? "asks for TLS" : `is "${secureTransport.kind}"`}; give one of them`,
    );
  }
  if (asked || useSecureTransport === true) {
    return { kind: "on", secure: secureTransport?.options ?? bare({}) };
  }
  return { kind: secureTransport?.kind ?? "off", secure: undefined };
}

/**
 * The results of a handshake; null without TLS. The native half returns them once.
 *
 * @param {number} id
 * @returns {Readonly<SecureTransportInfo> | null}
 */
function takeSecureInfo(id) {
  const info = secureInfo(id);
  if (info === null) {
    return null;
  }
  Object.freeze(info.peerCertificates);
  return Object.freeze(info);
}

module.exports = {
  SecureState,
  chooseSecureTransport,
  takeSecureInfo,
  toSecureTransport,
  toSecureTransportOptions,
  toServerCertificate,
};
