"use strict";

// R-listen: the package calls listen() whenever the first `message`, `connect` or `halfclose` listener comes or the last one goes. There
// are two ways to know it:
//
// - Node's EventTarget calls two internal methods when a listener is added or removed. It does so for every way: a method of the socket, a
//   method of EventTarget.prototype, a patched method (zone.js), `{ once: true }`, a signal (listener-hooks.js).
// - Elsewhere the interfaces override addEventListener(), removeEventListener() and dispatchEvent() (listener-overrides.js).
//
// Both ways call the present methods of EventTarget.prototype, also if a program has replaced them (R-shape). In Node,
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
