"use strict";

// R-listen: the package calls the binding's listen() when a socket gets its first `message`, `connect` or `halfclose` listener, and when it
// loses the last one. There are two ways to notice this:
//
// - Node's EventTarget calls two internal methods of the socket when a listener is added or removed, in whatever way: by a method of the
//   socket, a method of EventTarget.prototype, a patched method (zone.js), `{ once: true }`, or a signal (listener-hooks.js).
// - Elsewhere the interfaces override addEventListener(), removeEventListener() and dispatchEvent() (listener-overrides.js).
//
// Both ways call the methods that EventTarget.prototype has at that time, also if a program has replaced them (R-shape). In Node,
// TCP_UDP_SOCKETS_LISTENERS=overrides selects the second way, for tests.

const { count } = require("./listener-count.js");
const hooks = require("./listener-hooks.js");
const overrides = require("./listener-overrides.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

const { add, fire, observeListeners, remove } = hooks.areThere ? hooks : overrides;

/**
 * Whether there is a listener of this type.
 *
 * @param {SocketRecord} record
 * @param {string} type
 */
function hasListener(record, type) {
  return count(record, type) > 0;
}

module.exports = { add, fire, hasListener, observeListeners, remove };
