"use strict";

// HttpsAgent: an https.Agent whose connections are made by connect() (R-agent). TLS, sessions and the check of names are the runtime's.

const https = require("node:https");
const { checkRequest, normalized, report, takeAgentOptions } = require("./agent.js");
const { openStream } = require("./open.js");
const { refuseOwn } = require("./options.js");
const { dress, limitHandshake } = require("./secure.js");

class HttpsAgent extends https.Agent {
  /** The own options. */
  #own;

  /** @param {unknown} [options] */
  constructor(options = undefined) {
    const { own, rest } = takeAgentOptions(options, "HttpsAgent constructor");
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
   * @returns {any} a TLSSocket that is connecting
   */
  createConnection(...values) {
    const { options, callback } = normalized(values);
    refuseOwn(options, "HttpsAgent.createConnection()");
    if (options.socket || /** @type {any} */ (this).options?.proxyEnv) {
      // TLS over a connection that exists, or a tunnel through a proxy.
      return super.createConnection(options, callback);
    }
    const stream = openStream(options, this.#own, /** @type {any} */ (this).defaultPort ?? 443);
    const secure = /** @type {any} */ (super.createConnection(/** @type {any} */ ({ ...options, socket: stream })));
    dress(secure, stream, options);
    limitHandshake(secure, stream, this.#own.connectTimeout);
    report(secure, "secureConnect", callback);
    return secure;
  }
}

module.exports = { HttpsAgent };
