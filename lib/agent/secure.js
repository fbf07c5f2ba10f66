"use strict";

// TLS over a SocketStream, by the runtime's node:tls (R-agent). A TLSSocket over a stream that is no net.Socket asks nothing of it but bytes,
// so this file passes the rest on: addresses, the events of connecting, ref(), and the options of the socket.

const { clearTimeout, setTimeout } = require("node:timers");
const { networkError } = require("../errors.js");

/** @typedef {import("./open.js").Stream} Stream */

/**
 * Options of a stream under TLS. TLS may write after the peer's FIN, and it ends the stream itself. A stream that had ended before would make
 * such a write an error.
 */
const UNDER_TLS = { allowHalfOpen: true };

/** The members that the stream answers for. */
const MEASURES = /** @type {const} */ ([
  "remoteAddress", "remotePort", "remoteFamily", "localAddress", "localPort", "localFamily", "autoSelectFamilyAttemptedAddresses",
]);

/** The methods that the stream answers for. */
const SETTERS = /** @type {const} */ (["ref", "unref", "setNoDelay", "setKeepAlive"]);

/** The events of connecting. */
const EVENTS = ["lookup", "connectionAttempt", "ready"];

/**
 * Makes a TLSSocket look like one over TCP.
 *
 * @param {import("node:tls").TLSSocket} secure
 * @param {any} stream the stream below it
 * @param {Record<string, any>} options `timeout` and `allowHalfOpen`, as of net.connect()
 */
function dress(secure, stream, { timeout, allowHalfOpen }) {
  const target = /** @type {any} */ (secure);
  // It has that of the stream (UNDER_TLS).
  target.allowHalfOpen = Boolean(allowHalfOpen);
  for (const name of MEASURES) {
    Object.defineProperty(target, name, { get: () => stream[name], configurable: true });
  }
  for (const name of SETTERS) {
    target[name] = (/** @type {any[]} */ ...values) => {
      stream[name](...values);
      return target;
    };
  }
  target.address = () => stream.address();
  if (stream.connecting) {
    target.connecting = true;
    stream.once("connect", () => {
      target.connecting = false;
      target.emit("connect");
    });
    for (const event of EVENTS) {
      stream.on(event, (/** @type {any[]} */ ...values) => target.emit(event, ...values));
    }
  }
  if (timeout) {
    target.setTimeout(timeout);
  }
}

/**
 * Ends the handshake if connecting takes longer than connectTimeout, TLS included. Before TLS the limit is that of connect().
 *
 * @param {import("node:tls").TLSSocket} secure
 * @param {any} stream
 * @param {number | undefined} connectTimeout in milliseconds; 0 or undefined: no limit
 */
function limitHandshake(secure, stream, connectTimeout) {
  if (!connectTimeout) {
    return;
  }
  const start = performance.now();
  stream.once("connect", () => {
    const left = Math.max(connectTimeout - (performance.now() - start), 1);
    const timer = setTimeout(() => {
      const where = `no TLS with ${stream.remoteAddress ?? "the server"}: it took longer than connectTimeout (${connectTimeout} ms)`;
      secure.destroy(networkError(where, { code: "ETIMEDOUT", address: stream.remoteAddress, port: stream.remotePort }));
    }, left);
    const over = () => clearTimeout(timer);
    secure.once("secureConnect", over);
    secure.once("close", over);
  });
}

module.exports = { UNDER_TLS, dress, limitHandshake };
