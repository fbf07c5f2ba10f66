"use strict";

const { connect } = require("./lib/connect.js");
const { features } = require("./lib/features.js");
const { once } = require("./lib/once.js");
const { relay } = require("./lib/relay.js");
const { TCPServerSocket } = require("./lib/tcp-server-socket.js");
const { TCPSocket } = require("./lib/tcp-socket.js");
const { UDPSocket } = require("./lib/udp-socket.js");
const { UnixServerSocket } = require("./lib/unix-server-socket.js");
const { UnixSocket } = require("./lib/unix-socket.js");

module.exports = { TCPServerSocket, TCPSocket, UDPSocket, UnixServerSocket, UnixSocket, connect, features, once, relay };
