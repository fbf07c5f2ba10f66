"use strict";

// connector(): the `connect` option of undici's Client, Pool and Agent, which the built-in fetch takes as a dispatcher (R-agent). It does what
// undici's own does, with connections that are made by connect().

const net = require("node:net");
const tls = require("node:tls");
const { invalidAccess } = require("../errors.js");
const { toEnforcedUnsignedLong } = require("../webidl.js");
const { openStream } = require("./open.js");
const { filters, takeOptions } = require("./options.js");
const { UNDER_TLS, dress, limitHandshake } = require("./secure.js");
const { Sessions } = require("./sessions.js");

/** The connectTimeout without one, in milliseconds: undici's. */
const CONNECT_TIMEOUT = 10_000;
/** The time before the first keep-alive probe without an option, in milliseconds: undici's. */
const KEEP_ALIVE_DELAY = 60_000;
/** The number of TLS sessions that are kept without an option: undici's. */
const MOST_SESSIONS = 100;
/** The highWaterMark of the streams without an option, in bytes: undici's. */
const HIGH_WATER_MARK = 65_536;

/**
 * @typedef {(error: Error | null, socket: any) => void} Callback
 */

const WHERE = "connector()";

// Methods of an object literal cannot be called with `new`.
const { connector } = {
  /** @param {unknown} [options] */
  connector(options = undefined) {
    const { own, rest } = takeOptions(options, WHERE);
    const { allowH2 = false, keepAlive = true, keepAliveInitialDelay = KEEP_ALIVE_DELAY, maxCachedSessions = MOST_SESSIONS, timeout, ...others } = rest;
    own.connectTimeout ??= timeout == null ? CONNECT_TIMEOUT : toEnforcedUnsignedLong(timeout, `${WHERE}: options.timeout`);
    const sessions = new Sessions(toEnforcedUnsignedLong(maxCachedSessions, `${WHERE}: options.maxCachedSessions`));
    /** @type {Record<string, any>} */
    const shared = { highWaterMark: HIGH_WATER_MARK, ...others, keepAlive, keepAliveInitialDelay };

    /**
     * @param {Record<string, any>} target
     * @param {Callback} callback
     */
    return function connect(target, callback) {
      const { hostname, httpSocket, localAddress, protocol } = target;
      const isSecure = protocol === "https:";
      const port = target.port || (isSecure ? 443 : 80);
      // Not a literal that spreads the shared options first: Node 20 makes those slowly.
      const socketOptions = Object.assign({}, shared, { host: hostname, port, localAddress: localAddress ?? shared.localAddress });
      if (httpSocket && filters(own)) {
        const error = invalidAccess(`${WHERE}: a proxy connects onwards itself: the filter of addresses would judge only the proxy's`);
        queueMicrotask(() => callback(error, null));
        return undefined;
      }
      const stream = httpSocket ?? openStream(isSecure ? Object.assign({}, socketOptions, UNDER_TLS) : socketOptions, own, port);
      const socket = isSecure ? secure(stream, target, socketOptions) : stream;
      once(socket, isSecure ? "secureConnect" : "connect", callback);
      return socket;
    };

    /**
     * TLS over the stream.
     *
     * @param {any} stream
     * @param {Record<string, any>} target
     * @param {Record<string, any>} socketOptions
     */
    function secure(stream, target, socketOptions) {
      const servername = target.servername || shared.servername || nameOf(target.host) || undefined;
      const key = servername ?? target.hostname;
      const socket = tls.connect({
        ...socketOptions,
        path: undefined,
        servername,
        session: shared.session ?? sessions.get(key),
        ALPNProtocols: shared.ALPNProtocols ?? (allowH2 ? ["http/1.1", "h2"] : ["http/1.1"]),
        socket: stream,
      });
      socket.on("session", (session) => sessions.set(key, session));
      if (stream !== target.httpSocket) {
        dress(socket, stream, { allowHalfOpen: socketOptions.allowHalfOpen });
      }
      limitHandshake(socket, stream, own.connectTimeout);
      return socket;
    }
  },
};

/** The name in a Host header; undefined if it is an address, which SNI does not have. @param {string | undefined} host */
function nameOf(host) {
  if (typeof host !== "string") {
    return undefined;
  }
  const name = host.startsWith("[") ? host.slice(1, host.indexOf("]")) : host.split(":", 1)[0];
  return net.isIP(name) === 0 ? name : undefined;
}

/**
 * Calls the callback once, with the socket or the error. The listener for errors stays, as undici's does: it takes the socket's errors over.
 *
 * @param {any} socket
 * @param {string} event
 * @param {Callback} callback
 */
function once(socket, event, callback) {
  let isDone = false;
  const settle = (/** @type {Error | null} */ error) => {
    if (!isDone) {
      isDone = true;
      callback(error, error === null ? socket : null);
    }
  };
  socket.once(event, () => settle(null));
  socket.on("error", settle);
}

module.exports = { connector };
