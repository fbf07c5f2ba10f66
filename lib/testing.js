"use strict";

// tcp-udp-sockets/testing: what tests of programs need. It knows the sockets of this package instance alone.

const { setImmediate } = require("node:timers");
const { invalidAccess, networkError } = require("./errors.js");
const { races } = require("./race.js");
const { readyState, sockets } = require("./sockets.js");
const { TCPServerSocket, recordOf: serverRecordOf } = require("./tcp-server-socket.js");
const { TCPSocket, recordOf: clientRecordOf } = require("./tcp-socket.js");
const { UDPSocket } = require("./udp-socket.js");
const { UnixServerSocket } = require("./unix-server-socket.js");
const { UnixSocket } = require("./unix-socket.js");
const { dictionary } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** The functions of each interface that closeAll() needs. A program may replace them on the prototype later. */
const INTERFACES = {
  TCPSocket: functionsOf(TCPSocket, "reset"),
  UnixSocket: functionsOf(UnixSocket, "reset"),
  UDPSocket: functionsOf(UDPSocket, "close"),
  TCPServerSocket: functionsOf(TCPServerSocket, "close"),
  UnixServerSocket: functionsOf(UnixServerSocket, "close"),
};

/** dictionary SocketPairOptions. The constructors convert the two members. */
const toSocketPairOptions = dictionary({ client: toObject, server: toObject });

/** The wildcard addresses, and the loopback address that leads to each. @type {Record<string, string>} */
const LOOPBACKS = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/**
 * The functions that end a socket of an interface.
 *
 * @param {{ prototype: any }} interfaceClass
 * @param {"close" | "reset"} method the method that ends it at once
 */
function functionsOf({ prototype }, method) {
  const end = /** @type {() => void} */ (prototype[method]);
  const closed = /** @type {() => Promise<unknown>} */ (Object.getOwnPropertyDescriptor(prototype, "closed")?.get);
  return { end, closed };
}

/**
 * @param {unknown} value
 * @param {string} what
 */
function toObject(value, what) {
  if (typeof value !== "object" || value === null) {
    throw new TypeError(`${what} must be an object`);
  }
  return value;
}

/**
 * Refuses a pair of which one end alone does TLS: its handshake would wait for the other end.
 *
 * @param {boolean} isClientSecure
 * @param {boolean} isServerSecure
 */
function checkSecure(isClientSecure, isServerSecure) {
  if (isClientSecure !== isServerSecure) {
    const [one, other] = isClientSecure ? ["client", "server"] : ["server", "client"];
    throw invalidAccess(`socketPair(): options.${one} asks for TLS, and options.${other} does not; give both secureTransport`);
  }
}

/** Ends a socket. The promise is fulfilled when it has ended. @param {Pick<SocketRecord, "name" | "socket">} record */
async function endSocket({ name, socket }) {
  const { closed, end } = INTERFACES[/** @type {keyof typeof INTERFACES} */ (name)];
  // Asked for before the end, so that an error that follows counts as reported (R-unheard).
  const ended = Reflect.apply(closed, socket, []).catch(() => {});
  Reflect.apply(end, socket, []);
  await ended;
}

// Methods of an object literal cannot be called with `new`.
const { closeAll, openSockets, socketPair } = {
  openSockets() {
    const open = sockets.values().filter((record) => readyState(record) !== "closed");
    // The order in which they were made.
    return open.sort((a, b) => a.asyncId() - b.asyncId()).map(({ socket }) => socket);
  },

  async closeAll() {
    while (sockets.size > 0 || races.length > 0) {
      for (const race of [...races]) {
        race.abort(networkError("connect(): closeAll() was called", { code: "ECONNABORTED" }));
      }
      // A socket may be closed and still be in the registry, because it has bytes to send or an event to fire.
      await Promise.all(sockets.values().map(endSocket));
      // Closing a server may deliver connections, and handlers may open sockets. A promise may settle before the last event of its socket.
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  },

  /** @param {unknown} [options] */
  async socketPair(options = undefined) {
    const { client: clientOptions, server: serverOptions } = toSocketPairOptions(options, "options");
    const server = /** @type {any} */ (new TCPServerSocket({ localAddress: "127.0.0.1", ...serverOptions }));
    const ends = [];
    try {
      const client = new TCPSocket(LOOPBACKS[server.localAddress] ?? server.localAddress, server.localPort, clientOptions);
      ends.push(client);
      checkSecure(clientRecordOf(client)?.secure?.kind === "on", serverRecordOf(server)?.secureTransport === "on");
      ends.push(await connected(server, client));
      return ends;
    } catch (error) {
      await Promise.all(ends.map((socket) => endSocket({ name: "TCPSocket", socket })));
      throw error;
    } finally {
      server.close();
    }
  },
};

/**
 * The socket that the server accepts from the client, once both are open.
 *
 * @param {any} server a TCPServerSocket
 * @param {any} client a TCPSocket
 * @returns {Promise<any>} a TCPSocket
 */
function connected(server, client) {
  return new Promise((resolve, reject) => {
    /** @type {any} */
    let accepted;
    const controller = new AbortController();
    const { signal } = controller;
    const settle = () => {
      if (accepted !== undefined && client.readyState === "open") {
        controller.abort();
        resolve(accepted);
      }
    };
    /** @param {unknown} error */
    const fail = (error) => {
      controller.abort();
      accepted?.reset();
      reject(error);
    };
    const listeners = {
      /** @param {any} event */
      connect({ connectedSocket }) {
        if (connectedSocket.remotePort === String(client.localPort)) {
          accepted = connectedSocket;
          settle();
        } else {
          // Another program has found the port.
          connectedSocket.reset();
        }
      },
      /** @param {any} event */
      error({ error }) {
        if (error.port === undefined || error.port === client.localPort) {
          fail(error);
        }
      },
    };
    for (const [type, listener] of Object.entries(listeners)) {
      server.addEventListener(type, listener, { signal });
    }
    client.addEventListener("open", settle, { signal });
    client.addEventListener("error", (/** @type {any} */ event) => fail(event.error), { signal });
    const closed = () => fail(networkError("socketPair(): the socket was closed", { code: "ECONNABORTED" }));
    client.addEventListener("close", closed, { signal });
  });
}

module.exports = { closeAll, openSockets, socketPair };
