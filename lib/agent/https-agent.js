"use strict";

// HttpsAgent: an https.Agent whose connections are made by connect() (R-agent). TLS, sessions and the check of names are the runtime's.

const https = require("node:https");
const { agentOver } = require("./agent.js");
const { openStream } = require("./open.js");
const { dress, limitHandshake } = require("./secure.js");

const { createConnection } = /** @type {any} */ (https.Agent.prototype);

/** @type {import("./agent.js").Connect} */
function connectSecurely(agent, options, own) {
  if (options.socket) {
    // TLS over a connection that exists.
    return null;
  }
  const stream = openStream(options, own, agent.defaultPort ?? 443);
  // Not a literal that spreads the options first: Node 20 makes those slowly.
  const socket = Reflect.apply(createConnection, agent, [Object.assign({}, options, { socket: stream })]);
  dress(socket, stream, options);
  limitHandshake(socket, stream, own.connectTimeout);
  return { socket, event: "secureConnect" };
}

class HttpsAgent extends agentOver(https.Agent, "HttpsAgent", connectSecurely) {}

module.exports = { HttpsAgent };
