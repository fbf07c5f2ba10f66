"use strict";

const path = require("node:path");
const { defer } = require("./cleanup");
const { once } = require("./events");
const { listen, dial } = require("./peers");

/** The package's own folder, which child processes and fixtures require. */
const ROOT = path.join(__dirname, "..", "..");

const { UDPSocket, TCPSocket, TCPServerSocket } = require(ROOT);

function ignore() {}

/** Closes `socket` after the test, at once and in any state. */
function track(socket) {
  defer(() => {
    // Closing it while it connects causes an error, which no test expects.
    socket.addEventListener("error", ignore);
    return typeof socket.reset === "function" ? socket.reset() : socket.close();
  });
  return socket;
}

/** Does track(), for a socket that fails in the test. Listens for its error, and ignores it. */
function expendable(socket) {
  socket.addEventListener("error", ignore);
  return track(socket);
}

/**
 * `new TCPSocket(...)`, closed after the test.
 *
 * @param {string} address
 * @param {number} port
 * @param {object} [options]
 */
function tcp(address, port, options = {}) {
  return track(new TCPSocket(address, port, options));
}

/**
 * `new TCPServerSocket(options)` on 127.0.0.1 unless options say otherwise, closed after the test.
 *
 * @param {object} [options]
 */
function tcpServer(options = {}) {
  return track(new TCPServerSocket({ localAddress: "127.0.0.1", ...options }));
}

/**
 * `new UDPSocket(options)` on 127.0.0.1 unless options say otherwise, closed after the test.
 *
 * @param {object} [options]
 */
function udp(options = {}) {
  return track(new UDPSocket({ localAddress: "127.0.0.1", ...options }));
}

/**
 * An open TCPSocket and its node:net peer, over loopback.
 *
 * @param {{ options?: object, peer?: import("node:net").ServerOpts, host?: string }} [how]
 *   `options` for the TCPSocket, `peer` for the node:net server (such as `{ allowHalfOpen: true }`)
 * @returns {Promise<{ socket: TCPSocket, peer: import("node:net").Socket, server: object }>}
 */
async function tcpPair({ options, peer: peerOptions, host = "127.0.0.1" } = {}) {
  const server = await listen({ host, ...peerOptions });
  const socket = tcp(host, server.port, options);
  const [peer] = await Promise.all([server.next(), once(socket, "open")]);
  return { socket, peer, server };
}

/**
 * A TCPServerSocket, one accepted TCPSocket and its node:net client.
 *
 * @param {{ options?: object, peer?: import("node:net").NetConnectOpts }} [how]
 *   `options` for the TCPServerSocket, `peer` for node:net's connect()
 * @returns {Promise<{ server: TCPServerSocket, socket: TCPSocket, peer: import("node:net").Socket }>}
 */
async function acceptedPair({ options, peer: peerOptions } = {}) {
  const server = tcpServer(options);
  const connect = once(server, "connect");
  const peer = await dial(server.localPort, peerOptions);
  const { connectedSocket } = await connect;
  return { server, socket: track(connectedSocket), peer };
}

module.exports = { ROOT, UDPSocket, TCPSocket, TCPServerSocket, track, expendable, tcp, tcpServer, udp, tcpPair, acceptedPair };
