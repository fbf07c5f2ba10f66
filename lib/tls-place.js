"use strict";

// Where TLS connections are driven once their handshakes are done: in the turns of the JavaScript thread, or in tasks beside it.

const { setting } = require("./settings.js");
const { shown } = require("./shown.js");
const { systemFeatures } = require("./system-features.js");

/** @typedef {"turn" | "task" | "both"} TlsPlace */

/**
 * Where TLS connections are driven, or where TCP_UDP_SOCKETS_TLS forces them to be: "turn", "task", or "both", as much as each connection
 * moves.
 *
 * @returns {TlsPlace}
 */
function chooseTlsPlace() {
  const forced = setting("TCP_UDP_SOCKETS_TLS");
  switch (forced) {
    case undefined:
      // With one processor a task gains nothing.
      return systemFeatures.oneProcessor ? "turn" : "both";
    case "turn":
    case "task":
    case "both":
      return forced;
    default:
      throw new Error(`TCP_UDP_SOCKETS_TLS is ${shown(forced)}; it can be turn, task or both`);
  }
}

module.exports = { tlsPlace: chooseTlsPlace() };
