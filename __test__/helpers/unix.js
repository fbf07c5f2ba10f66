"use strict";

// Unix sockets: paths that exist for one test, tracked sockets of the package, and node:net as the other end.

const { mkdtempSync, rmSync } = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { defer } = require("./cleanup");
const { once } = require("./events");
const { dial, listen } = require("./peers");
const { ROOT, track } = require("./sockets");

const { UnixSocket, UnixServerSocket } = require(ROOT);

/** Why this system cannot test Unix sockets; undefined if it can. */
const obstacle = process.platform === "win32" ? "needs Unix sockets" : undefined;

/** `test` if this system has Unix sockets, else a skipped test whose name says why. */
function unixTest(name, body, timeout) {
  if (obstacle) {
    test.skip(`${name} (${obstacle})`, body);
  } else {
    test(name, body, timeout);
  }
}

/**
 * A path in a new folder, which is removed with everything in it after the test. It is short: a socket's path may have
 * 103 bytes on some systems.
 *
 * @param {string} [name]
 */
function socketPath(name = "socket") {
  const folder = mkdtempSync(path.join(os.tmpdir(), "tus-"));
  defer(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, name);
}

/**
 * `new UnixSocket(path, options)`, closed after the test.
 *
 * @param {string} where
 * @param {object} [options]
 */
function unix(where, options = {}) {
  return track(new UnixSocket(where, options));
}

/**
 * `new UnixServerSocket(options)` on a new path unless options have one, closed after the test.
 *
 * @param {object} [options]
 */
function unixServer(options = {}) {
  return track(new UnixServerSocket({ path: options.path ?? socketPath(), ...options }));
}

/**
 * A connected node:net client.
 *
 * @param {string} where
 * @param {import("node:net").NetConnectOpts} [options]
 */
function dialPath(where, options) {
  return dial(undefined, { ...options, path: where });
}

/**
 * An open UnixSocket and its node:net peer.
 *
 * @param {{ options?: object, peer?: import("node:net").ServerOpts }} [how]
 *   `options` for the UnixSocket, `peer` for the node:net server (such as `{ allowHalfOpen: true }`)
 * @returns {Promise<{ socket: UnixSocket, peer: import("node:net").Socket, server: object, path: string }>}
 */
async function unixPair({ options, peer: peerOptions } = {}) {
  const where = socketPath();
  const server = await listen({ path: where, ...peerOptions });
  const socket = unix(where, options);
  const [peer] = await Promise.all([server.next(), once(socket, "open")]);
  return { socket, peer, server, path: where };
}

/**
 * A UnixServerSocket, one accepted UnixSocket and its node:net client.
 *
 * @param {{ options?: object, peer?: import("node:net").NetConnectOpts }} [how]
 *   `options` for the UnixServerSocket, `peer` for node:net's connect()
 * @returns {Promise<{ server: UnixServerSocket, socket: UnixSocket, peer: import("node:net").Socket }>}
 */
async function acceptedUnixPair({ options, peer: peerOptions } = {}) {
  const server = unixServer(options);
  const connect = once(server, "connect");
  const peer = await dialPath(server.localPath, peerOptions);
  const { connectedSocket } = await connect;
  return { server, socket: track(connectedSocket), peer };
}

module.exports = { UnixSocket, UnixServerSocket, obstacle, unixTest, socketPath, unix, unixServer, dialPath, unixPair, acceptedUnixPair };
