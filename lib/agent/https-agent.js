"use strict";

// HttpsAgent: an https.Agent whose connections are made by connect() (R-agent). TLS, sessions and the check of names are the runtime's.

const https = require("node:https");
const { agentOver } = require("./agent.js");
const { openStream } = require("./open.js");
const { UNDER_TLS, dress, limitHandshake } = require("./secure.js");

const { createConnection } = /** @type {any} */ (https.Agent.prototype);

/** @type {import("./agent.js").Connect} */
function connectSecurely(agent, options, own) {
  if (options.socket) {
    // TLS over a connection that exists.
    return null;
  }
  // Not literals that spread the options first: Node 20 makes those slowly.
  const stream = openStream(Object.assign({}, options, UNDER_TLS), own, agent.defaultPort ?? 443);
  const socket = Reflect.apply(createConnection, agent, [Object.assign({}, options, { socket: stream })]);
  dress(socket, stream, options);
  limitHandshake(socket, stream, own.connectTimeout);
  return { socket, event: "secureConnect" };
}

class HttpsAgent extends agentOver(https.Agent, "HttpsAgent", connectSecurely) {}

module.exports = { HttpsAgent };
