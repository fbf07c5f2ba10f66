"use strict";

// Tests of what TCP and Unix sockets have in common:
//
//   test.each(families)("$name: close() flushes what is buffered", async ({ pair }) => { … });
//
// A family has the same functions under the same names, so a test does not say which addresses it uses.

const fs = require("node:fs");
const net = require("node:net");
const { once, settle } = require("./events");
const peers = require("./peers");
const { TCPServerSocket, TCPSocket, acceptedPair, tcp, tcpPair, tcpServer, track } = require("./sockets");
const { UnixServerSocket, UnixSocket, acceptedUnixPair, dialPath, obstacle, socketPath, unix, unixPair, unixServer } = require("./unix");

/** A path with a socket file whose server has ended: connections are refused. */
async function deserted() {
  const [path, file] = [socketPath(), socketPath()];
  const server = await peers.listen({ path });
  // node:net removes the file of its own name alone.
  fs.linkSync(path, file);
  await server.close();
  return file;
}

/** TCP over 127.0.0.1. */
const tcpFamily = {
  name: "TCPSocket",
  Socket: TCPSocket,
  ServerSocket: TCPServerSocket,
  /** A socket and its node:net peer. */
  pair: tcpPair,
  /** A server, a socket that it has accepted, and its node:net peer. */
  acceptedPair,
  /** A node:net server, as peers.js has it. */
  listen: peers.listen,
  /** A server of the package's. */
  serve: tcpServer,
  /** A new socket that connects to a server: listen()'s, serve()'s, or refusing()'s. */
  connectTo: (server, options) => tcp("127.0.0.1", server.port ?? server.localPort, options),
  /** A connected node:net client of serve()'s server. */
  dial: (server, options) => peers.dial(server.localPort, options),
  /** The same before it is connected. */
  dialLater: (server, options) => peers.dialLater(server.localPort, options),
  /** The members of an error that say where a server is. */
  addressOf: (server) => ({ address: "127.0.0.1", port: server.port ?? server.localPort }),
  /** Waits for what a node:net peer sees of reset(). */
  async seesReset(peer) {
    expect((await once(peer, "error")).code).toBe("ECONNRESET");
  },
  /** What refuses connections with ECONNREFUSED, for connectTo(). */
  refusing: async () => ({ port: await peers.refusedPort() }),
  /** A socket whose connection lose() breaks, so that the socket reads ECONNRESET. say() sends it a text before. The peer reads nothing. */
  async losable() {
    const { socket, peer } = await tcpPair({ peer: { allowHalfOpen: true } });
    peer.pause();
    const say = (text) => new Promise((resolve) => {
      peer.write(text, resolve);
    });
    return { socket, say, lose: () => peer.resetAndDestroy() };
  },
};

/** Unix sockets in a temporary folder. */
const unixFamily = {
  name: "UnixSocket",
  Socket: UnixSocket,
  ServerSocket: UnixServerSocket,
  async pair(how) {
    const made = await unixPair(how);
    Object.assign(made.server, { path: made.path });
    return made;
  },
  acceptedPair: acceptedUnixPair,
  async listen(options) {
    const path = socketPath();
    return Object.assign(await peers.listen({ path, ...options }), { path });
  },
  serve: unixServer,
  connectTo: (server, options) => unix(server.path ?? server.localPath, options),
  dial: (server, options) => dialPath(server.localPath, options),
  dialLater: (server, options) => peers.keep(net.connect({ path: server.localPath, ...options })),
  addressOf: (server) => ({ address: server.path ?? server.localPath, port: undefined }),
  /** There is no RST (R-unix). */
  seesReset: (peer) => once(peer, "end"),
  refusing: async () => ({ path: await deserted() }),
  async losable() {
    const { client, accepted } = await both(unixFamily);
    // The peer ends with a byte unread (R-unix): without a `message` listener it reads nothing.
    client.send("x");
    await settle();
    const say = async (text) => {
      accepted.send(text);
      // reset() would drop what has not left yet.
      await settle();
    };
    return { socket: client, say, lose: () => accepted.reset() };
  },
};

/** The families that this system has. */
const families = obstacle ? [tcpFamily] : [tcpFamily, unixFamily];

/**
 * Two open sockets of a family, both the package's.
 *
 * @param {typeof tcpFamily} family
 * @param {{ server?: object, client?: object }} [options]
 * @returns {Promise<{ server: EventTarget, client: EventTarget, accepted: EventTarget }>}
 */
async function both({ serve, connectTo }, { server: serverOptions, client: clientOptions } = {}) {
  const server = serve(serverOptions);
  const connect = once(server, "connect");
  const client = connectTo(server, clientOptions);
  const [{ connectedSocket }] = await Promise.all([connect, once(client, "open")]);
  return { server, client, accepted: track(connectedSocket) };
}

module.exports = { both, deserted, families, tcpFamily, unixFamily };
