"use strict";

// Inspection of sockets: util.inspect() and console.log() show a socket's state in one line (R-diagnostics). Nothing is changed by that: no
// stream or promise is made, and no getter of the program runs.

const { endsText } = require("./ends.js");
const { figure } = require("./figures.js");
const { defineInspectors, tooDeep } = require("./inspectors.js");
const { cut } = require("./shown.js");
const { bufferedAmount, readyState } = require("./sockets.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {import("./figures.js").Figures} Figures */

/** Options that keep the text on one line. */
const ONE_LINE = { breakLength: Infinity, compact: true };

/**
 * Defines the inspection of an interface's sockets.
 *
 * @param {{ name: string, prototype: object }} interfaceClass
 * @param {(socket: unknown) => SocketRecord | undefined} recordOf returns undefined for an object that is not of the interface
 * @param {(record: SocketRecord) => object} stateOf what is shown after readyState and the ends
 */
function defineInspection({ name, prototype }, recordOf, stateOf) {
  defineInspectors(prototype, (subject, isTooDeep, options, inspect) => {
    const record = recordOf(subject);
    if (record === undefined) {
      // It is a prototype object, or only inherits from one.
      return inspect(subject, { ...options, customInspect: false });
    }
    const prefix = prefixOf(subject, name);
    if (isTooDeep) {
      return tooDeep(prefix, options);
    }
    const state = { readyState: readyState(record), ...endsText(record), ...stateOf(record) };
    return `${prefix} ${inspect(state, { ...options, ...ONE_LINE, depth: 0 })}`;
  });
}

/**
 * The name of the socket's class, and for a subclass also that of the interface.
 *
 * @param {object} socket
 * @param {string} name the interface's name
 */
function prefixOf(socket, name) {
  for (let at = Object.getPrototypeOf(socket); at !== null; at = Object.getPrototypeOf(at)) {
    const constructor = Object.getOwnPropertyDescriptor(at, "constructor")?.value;
    const own = typeof constructor === "function" ? Object.getOwnPropertyDescriptor(constructor, "name")?.value : undefined;
    if (typeof own === "string" && own !== "") {
      return own === name ? name : `${cut(own)} [${name}]`;
    }
  }
  return name;
}

/**
 * The members of a connection.
 *
 * @param {SocketRecord} record
 */
function connectionState(record) {
  return { secureTransport: secureText(record), ...traffic(record, ["bytesRead", "bytesWritten"]) };
}

/**
 * The members of a UDPSocket.
 *
 * @param {SocketRecord} record
 */
function datagramState(record) {
  return traffic(record, ["bytesRead", "bytesWritten", "datagramsDropped"]);
}

/**
 * Figures, and bufferedAmount.
 *
 * @param {SocketRecord} record
 * @param {(keyof Figures)[]} names
 */
function traffic(record, names) {
  return { ...Object.fromEntries(names.map((name) => [name, figure(record, name)])), bufferedAmount: bufferedAmount(record) };
}

/**
 * The protocol of an established TLS connection, such as "TLSv1.3 h2". Otherwise the socket's TLS option.
 *
 * @param {SocketRecord} record
 */
function secureText({ secure }) {
  if (secure === null) {
    return "off";
  }
  const { info, kind } = secure;
  if (info === null) {
    return kind;
  }
  return info.alpn === null ? info.protocol : `${info.protocol} ${info.alpn}`;
}

module.exports = { connectionState, datagramState, defineInspection };
