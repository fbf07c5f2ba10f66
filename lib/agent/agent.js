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

/**
 * What a class of agents does to connect: returns the socket that is connecting, and the event that it emits when it is established; null if
 * the runtime is to connect.
 *
 * @typedef {(agent: any, options: Record<string | symbol, any>, own: OwnOptions) => { socket: any, event: string } | null} Connect
 */

/**
 * What Agent and HttpsAgent have in common: the own options, and which connections they are for.
 *
 * @template {new (...values: any[]) => any} Base
 * @param {Base} Base http.Agent or https.Agent
 * @param {string} name
 * @param {Connect} connect
 */
function agentOver(Base, name, connect) {
  return class extends Base {
    /** @type {OwnOptions} */
    #own;

    /** @param {any[]} values */
    constructor(...values) {
      const { own, rest } = takeAgentOptions(values[0], `${name} constructor`);
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
      return super.addRequest(request, options, ...more);
    }

    /**
     * @param {any[]} values options and a callback
     * @returns {any} a socket that is connecting
     */
    createConnection(...values) {
      const { options, callback } = normalized(values);
      refuseOwn(options, `${name}.createConnection()`);
      // The runtime knows how to speak to proxies.
      const connecting = this.options?.proxyEnv ? null : connect(this, options, this.#own);
      if (connecting === null) {
        return super.createConnection(options, callback);
      }
      report(connecting.socket, connecting.event, callback);
      return connecting.socket;
    }
  };
}

/** @type {Connect} */
const connectPlainly = (agent, options, own) => ({ socket: openStream(options, own, agent.defaultPort ?? 80), event: "connect" });

class Agent extends agentOver(http.Agent, "Agent", connectPlainly) {
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

module.exports = { Agent, agentOver };
