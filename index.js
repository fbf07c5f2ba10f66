"use strict";

const { connect } = require("./lib/connect.js");
const { once } = require("./lib/once.js");
const { relay } = require("./lib/relay.js");
const { TCPServerSocket } = require("./lib/tcp-server-socket.js");
const { TCPSocket } = require("./lib/tcp-socket.js");
const { UDPSocket } = require("./lib/udp-socket.js");

module.exports = { TCPServerSocket, TCPSocket, UDPSocket, connect, once, relay };
