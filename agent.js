"use strict";

// Agents for node:http, node:https, undici and the built-in fetch, whose connections are made by connect().

const { Agent } = require("./lib/agent/agent.js");
const { connector } = require("./lib/agent/connector.js");
const { HttpsAgent } = require("./lib/agent/https-agent.js");

module.exports = { Agent, HttpsAgent, connector };
