"use strict";

const dgram = require("node:dgram");
const net = require("node:net");
const os = require("node:os");
const { defer } = require("./cleanup");
const { deadline, once } = require("./events");

/** True if this machine has an IPv6 loopback address: `(hasIPv6 ? test : test.skip)(...)`. */
const hasIPv6 = Object.values(os.networkInterfaces())
  .flat()
  .some((address) => address?.address === "::1");

function ignore() {}

/** A node:net socket that is destroyed after the test and whose errors do not throw. */
function keep(socket) {
  socket.on("error", ignore);
  defer(() => socket.destroy());
  return socket;
}

/**
 * A listening node:net server on port 0, or on `path`. `next()` returns the connections one by one, in order.
 *
 * @param {import("node:net").ServerOpts & { host?: string, backlog?: number, port?: number, path?: string }} [options]
 */
async function listen({ host = "127.0.0.1", port = 0, path, backlog, ...options } = {}) {
  const server = net.createServer(options);
  const accepted = [];
  const asked = [];
  server.on("connection", (socket) => {
    keep(socket);
    const take = asked.shift();
    if (take) {
      take(socket);
    } else {
      accepted.push(socket);
    }
  });
  await new Promise((resolve, reject) => {
    server.once("listening", resolve);
    server.once("error", reject);
    server.listen(path === undefined ? { host, port, backlog } : { path, backlog });
  });
  defer(() => new Promise((resolve) => server.close(resolve)));
  return {
    server,
    host,
    port: server.address().port,
    /** The next accepted node:net socket, now or later. */
    next(ms) {
      const there = accepted.shift();
      const promise = there ? Promise.resolve(there) : new Promise((resolve) => asked.push(resolve));
      return deadline(promise, "a connection to the node:net server", ms);
    },
    /** Connections that are accepted and that next() has not returned. */
    get waiting() {
      return accepted.length;
    },
    /** Stops listening, so that the port refuses connections. */
    close() {
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * A connected node:net client.
 *
 * @param {number} port
 * @param {import("node:net").NetConnectOpts} [options]
 */
async function dial(port, options = {}) {
  const socket = keep(net.connect({ host: "127.0.0.1", port, ...options }));
  await once(socket, "connect");
  return socket;
}

/**
 * A node:net client that has not connected yet. The caller waits for its "connect", "error" or "close".
 *
 * @param {number} port
 * @param {import("node:net").NetConnectOpts} [options]
 */
function dialLater(port, options = {}) {
  return keep(net.connect({ host: "127.0.0.1", port, ...options }));
}

/**
 * A port of 127.0.0.1 that refuses connections as long as the test runs: the local end of a connection.
 * Unlike a port that was just closed, no other socket can get it meanwhile.
 */
async function refusedPort() {
  const server = await listen();
  const socket = await dial(server.port);
  return socket.localPort;
}

/**
 * A TCP port of 127.0.0.1 that can be bound. It is none of those that systems choose for port 0 or for connect().
 * So no TIME_WAIT of an earlier test and no other process uses it.
 */
async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      const server = await listen({ port });
      await server.close();
      return port;
    } catch (error) {
      if (error.code !== "EADDRINUSE") {
        throw error;
      }
    }
  }
}

/**
 * A bound node:dgram socket on port 0. `next()` returns one received datagram at a time, as `{ data, rinfo }`.
 *
 * @param {{ type?: "udp4" | "udp6", host?: string, port?: number } & object} [options]
 */
async function datagrams({ type = "udp4", host = type === "udp6" ? "::1" : "127.0.0.1", port = 0, ...options } = {}) {
  const socket = dgram.createSocket({ type, ...options });
  const arrived = [];
  const asked = [];
  socket.on("error", ignore);
  socket.on("message", (data, rinfo) => {
    const take = asked.shift();
    if (take) {
      take({ data, rinfo });
    } else {
      arrived.push({ data, rinfo });
    }
  });
  socket.bind(port, host);
  await once(socket, "listening");
  let closed = false;
  socket.once("close", () => {
    closed = true;
  });
  defer(() => (closed ? undefined : new Promise((resolve) => socket.close(resolve))));
  return {
    socket,
    host,
    port: socket.address().port,
    /** The next datagram, now or later. */
    next(ms) {
      const there = arrived.shift();
      const promise = there ? Promise.resolve(there) : new Promise((resolve) => asked.push(resolve));
      return deadline(promise, "a datagram at the node:dgram socket", ms);
    },
    /** Datagrams that have arrived and that next() has not returned. */
    get waiting() {
      return arrived.length;
    },
    /** Sends a datagram. Resolves when the system has it. */
    send(data, toPort, toAddress = host) {
      return new Promise((resolve, reject) => {
        socket.send(data, toPort, toAddress, (error) => (error ? reject(error) : resolve()));
      });
    },
  };
}

module.exports = { hasIPv6, keep, listen, dial, dialLater, refusedPort, freePort, datagrams };
