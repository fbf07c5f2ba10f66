"use strict";

// Agent: an http.Agent whose connections are made by connect() (R-agent). Pooling, queues, limits and timeouts are the runtime's.

const http = require("node:http");
const { invalidAccess } = require("../errors.js");
const { markIdle } = require("./node-stream.js");
const { openStream } = require("./open.js");
const { filters, refuseOwn, takeOptions } = require("./options.js");

/** @typedef {import("./options.js").OwnOptions} OwnOptions */

/** A request target in absolute form: such a request goes to a proxy (RFC 9112, section 3.2.2). */
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * The options of an agent, checked.
 *
 * @param {unknown} options
 * @param {string} where
 */
function takeAgentOptions(options, where) {
  const taken = takeOptions(options, where);
  if (taken.rest.proxyEnv && Object.keys(taken.own).length > 0) {
    throw invalidAccess(
      `${where}: options.${Object.keys(taken.own)[0]} would concern only the proxy, which connects onwards itself; leave it or proxyEnv out`,
    );
  }
  return taken;
}

/**
 * Checks a request before it is queued, or gets a socket of the pool.
 *
 * @param {any} request an http.ClientRequest
 * @param {any} options
 * @param {OwnOptions} own
 */
function checkRequest(request, options, own) {
  refuseOwn(options, "http.request()");
  if (filters(own) && (request?.method === "CONNECT" || ABSOLUTE.test(request?.path ?? ""))) {
    throw invalidAccess(
      "http.request(): the request is for a proxy, which connects onwards itself: the agent's filter would judge only the proxy's address",
    );
  }
}

/**
 * The arguments of createConnection(): an options object, or a port and a host, then options.
 *
 * @param {any[]} values
 * @returns {{ options: Record<string | symbol, any>, callback: ((error: Error | null, stream?: any) => void) | undefined }}
 */
function normalized(values) {
  const [port, host] = values;
  if (typeof port === "object" && port !== null) {
    return { options: port, callback: typeof host === "function" ? host : undefined };
  }
  const last = values[values.length - 1];
  const given = values.find((value) => typeof value === "object" && value !== null) ?? {};
  const options = { ...given };
  if (typeof port === "number" || typeof port === "string") {
    options.port = port;
  }
  if (typeof host === "string") {
    options.host = host;
  }
  return { options, callback: typeof last === "function" ? last : undefined };
}

/**
 * Calls the callback of createConnection() when the connection is established, or has failed.
 *
 * @param {any} stream
 * @param {string} event the event when it is established
 * @param {((error: Error | null, stream?: any) => void) | undefined} callback
 */
function report(stream, event, callback) {
  if (callback === undefined) {
    return;
  }
  const established = () => {
    stream.removeListener("error", failed);
    callback(null, stream);
  };
  const failed = (/** @type {Error} */ error) => {
    stream.removeListener(event, established);
    callback(error);
  };
  stream.once(event, established);
  stream.once("error", failed);
}

class Agent extends http.Agent {
  /** The own options. */
  #own;

  /** @param {unknown} [options] */
  constructor(options = undefined) {
    const { own, rest } = takeAgentOptions(options, "Agent constructor");
    super(rest);
    this.#own = own;
  }

  /**
   * @param {any} request
   * @param {any} options
   * @param {any[]} more
   */
  addRequest(request, options, ...more) {
    checkRequest(request, options, this.#own);
    // @ts-expect-error Node's typings leave it out.
    return super.addRequest(request, options, ...more);
  }

  /**
   * @param {any[]} values options and a callback
   * @returns {any} a stream that is connecting
   */
  createConnection(...values) {
    const { options, callback } = normalized(values);
    refuseOwn(options, "Agent.createConnection()");
    if (/** @type {any} */ (this).options?.proxyEnv) {
      // The runtime knows how to speak to proxies.
      return super.createConnection(options, callback);
    }
    const stream = openStream(options, this.#own, /** @type {any} */ (this).defaultPort ?? 80);
    report(stream, "connect", callback);
    return stream;
  }

  /** @param {any} socket */
  keepSocketAlive(socket) {
    markIdle(socket, true);
    return super.keepSocketAlive(socket);
  }

  /**
   * @param {any} socket
   * @param {any} request
   */
  reuseSocket(socket, request) {
    markIdle(socket, false);
    super.reuseSocket(socket, request);
  }
}

module.exports = { Agent, checkRequest, normalized, report, takeAgentOptions };
