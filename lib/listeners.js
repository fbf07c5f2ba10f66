"use strict";

// R-listen: the native half is told whenever the presence of `message`, `connect` or `halfclose` listeners changes. There are two
// ways to know of it:
//
// - Node's EventTarget calls two methods of its own when a listener is added or removed, whichever way: by a method of the socket, by
//   EventTarget.prototype's, by a patched one (zone.js), used up by `{ once: true }`, ended by a signal (listener-hooks.js).
// - Elsewhere the interfaces override addEventListener(), removeEventListener() and dispatchEvent() (listener-overrides.js).
//
// Either way events go through the EventTarget.prototype of the moment (R-shape). TCP_UDP_SOCKETS_LISTENERS=overrides forces the
// second way in Node, for tests.

const { claim } = require("./listener-bits.js");
const { count } = require("./listener-count.js");
const hooks = require("./listener-hooks.js");
const overrides = require("./listener-overrides.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */

const { add, fire, observeListeners, remove } = hooks.areThere ? hooks : overrides;

/**
 * Whether anybody listens for events of this type.
 *
 * @param {SocketRecord} record
 * @param {string} type
 */
function isHeard(record, type) {
  return count(record, type) > 0;
}

module.exports = { add, claim, fire, isHeard, observeListeners, remove };
