"use strict";

// The addresses and paths of a socket's ends, for people: in inspection, and in the lines of NODE_DEBUG. They come from the socket's private
// fields, so no getter runs that a program has replaced.

const { endpoint } = require("./errors.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * An end that the socket does not have is null or absent. A path that is empty belongs to an end without a name.
 *
 * @typedef {object} Ends
 * @property {string} [localAddress]
 * @property {number} [localPort]
 * @property {string} [localPath]
 * @property {string | null} [remoteAddress]
 * @property {number | null} [remotePort]
 * @property {string} [remotePath]
 */

/** The functions that return the ends, by the name of the interface. @type {Map<string, (record: SocketRecord) => Ends>} */
const endsByInterface = new Map();

/**
 * Sets the function that returns the ends of an interface's sockets.
 *
 * @param {string} name
 * @param {(record: SocketRecord) => Ends} ends
 */
function defineEnds(name, ends) {
  endsByInterface.set(name, ends);
}

/**
 * The ends as text, such as "[::1]:443". A socket that has no destination of its own has no `remote`.
 *
 * @param {SocketRecord} record
 * @returns {{ local: string, remote?: string }}
 */
function endsText(record) {
  const ends = endsByInterface.get(record.name)?.(record) ?? {};
  const local = ends.localPath ?? endpoint(ends.localAddress, ends.localPort);
  const address = ends.remoteAddress ?? undefined;
  const port = ends.remotePort ?? undefined;
  const remote = ends.remotePath ?? (address === undefined && port === undefined ? undefined : endpoint(address, port));
  return remote === undefined ? { local } : { local, remote };
}

module.exports = { defineEnds, endsText };
