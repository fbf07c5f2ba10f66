"use strict";

// TLS on both ends: this package's sockets, with node:tls as the peer.

const { mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const tls = require("node:tls");
const { defer } = require("./cleanup");
const { deadline, once, record } = require("./events");
const { keep } = require("./peers");
const { both, families } = require("./families");
const { expendable, tcp, tcpServer, track } = require("./sockets");

/**
 * A listening node:tls server on port 0 of 127.0.0.1. `next()` returns the connections whose handshake is done, one by one.
 * `failed()` returns the error of the next handshake that failed.
 *
 * @param {import("node:tls").TlsOptions & { host?: string }} options
 */
async function listenTLS({ host = "127.0.0.1", ...options }) {
  const server = tls.createServer(options);
  const queues = { secureConnection: [], tlsClientError: [] };
  const asked = { secureConnection: [], tlsClientError: [] };
  for (const type of Object.keys(queues)) {
    server.on(type, (value, socket) => {
      keep(socket ?? value);
      const take = asked[type].shift();
      if (take) {
        take(value);
      } else {
        queues[type].push(value);
      }
    });
  }
  const next = (type, what) => (ms) => {
    const there = queues[type].shift();
    return deadline(there ? Promise.resolve(there) : new Promise((resolve) => asked[type].push(resolve)), what, ms);
  };
  server.listen(0, host);
  await once(server, "listening");
  defer(() => new Promise((resolve) => server.close(resolve)));
  return {
    server,
    host,
    port: server.address().port,
    next: next("secureConnection", "a connection to the node:tls server"),
    failed: next("tlsClientError", "a failed handshake at the node:tls server"),
    /** Connections whose handshake is done and that next() has not returned. */
    get waiting() {
      return queues.secureConnection.length;
    },
  };
}

/**
 * A node:tls client before its handshake. It verifies nothing unless options say so.
 *
 * @param {number} port
 * @param {import("node:tls").ConnectionOptions} [options]
 */
function dialTLSLater(port, options = {}) {
  return keep(tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options }));
}

/**
 * A node:tls client whose handshake is done.
 *
 * @param {number} port
 * @param {import("node:tls").ConnectionOptions} [options]
 */
async function dialTLS(port, options) {
  const socket = dialTLSLater(port, options);
  const failed = new Promise((_, reject) => {
    socket.once("error", reject);
  });
  await Promise.race([once(socket, "secureConnect"), failed]);
  return socket;
}

/**
 * `new TCPSocket()` to a port of 127.0.0.1 with these SecureTransportOptions.
 *
 * @param {number} port
 * @param {object} secureTransport
 * @param {object} [options] further TCPOptions
 */
function secureClient(port, secureTransport, options = {}) {
  return tcp("127.0.0.1", port, { secureTransport, ...options });
}

/**
 * `new TCPServerSocket()` on 127.0.0.1 with these SecureTransportOptions.
 *
 * @param {object} secureTransport
 * @param {object} [options] further TCPServerOptions
 */
function secureServer(secureTransport, options = {}) {
  return tcpServer({ secureTransport, ...options });
}

/**
 * A secureServer() with a `connect` listener, without which it would not accept (R-listen). Its connections and handshakes may fail.
 *
 * @param {object} secureTransport
 * @param {object} [options] further TCPServerOptions
 */
function acceptingServer(secureTransport, options) {
  const server = expendable(secureServer(secureTransport, options));
  server.onconnect = ({ connectedSocket }) => expendable(connectedSocket);
  return server;
}

/**
 * The SHA-256 of the certificate that a client which asks for this name is shown; its error's code if it is refused.
 *
 * @param {{ localPort: number }} server
 * @param {string} servername
 * @param {import("node:tls").ConnectionOptions} [options]
 */
async function shownFor(server, servername, options = {}) {
  const socket = dialTLSLater(server.localPort, { servername, ...options });
  const result = await Promise.race([
    once(socket, "secureConnect").then(() => socket.getPeerCertificate().fingerprint256.replaceAll(":", "").toLowerCase()),
    once(socket, "error").then((error) => error.code),
  ]);
  socket.destroy();
  return result;
}

/**
 * Resolves when the socket is open. Rejects with its error if that comes first.
 *
 * @param {EventTarget} socket
 */
function opened(socket, ms) {
  const log = record(socket, ["open", "error"]);
  return log.atLeast(1, undefined, ms).then(([{ type, event }]) => {
    log.stop();
    if (type === "error") {
      throw event.error;
    }
  });
}

/**
 * The `error.error` with which a connection attempt fails. Rejects if the socket opens, or if a `close` follows.
 *
 * @param {EventTarget} socket
 */
async function failure(socket, ms) {
  const log = record(socket, ["open", "error", "close"]);
  const [{ type, event }] = await log.atLeast(1, undefined, ms);
  expect(type).toBe("error");
  expect(socket.readyState).toBe("closed");
  return event.error;
}

/**
 * An open TCPSocket with TLS and its node:tls peer.
 *
 * @param {object} how
 * @param {{ cert: string, key: string }} how.identity the peer's
 * @param {object} how.secureTransport the TCPSocket's
 * @param {object} [how.options] further TCPOptions
 * @param {import("node:tls").TlsOptions} [how.peer]
 */
async function securePair({ identity, secureTransport, options, peer: peerOptions }) {
  const server = await listenTLS({ cert: identity.chain, key: identity.key, ...peerOptions });
  const socket = secureClient(server.port, secureTransport, options);
  const [peer] = await Promise.all([server.next(), opened(socket)]);
  return { socket, peer, server };
}

/**
 * A TCPServerSocket with TLS, one accepted TCPSocket and its node:tls client.
 *
 * @param {object} how
 * @param {object} how.secureTransport the server's
 * @param {object} [how.options] further TCPServerOptions
 * @param {import("node:tls").ConnectionOptions} [how.peer]
 */
async function secureAccepted({ secureTransport, options, peer: peerOptions }) {
  const server = secureServer(secureTransport, options);
  const connect = once(server, "connect");
  const peer = await dialTLS(server.localPort, peerOptions);
  const { connectedSocket } = await connect;
  return { server, socket: track(connectedSocket), peer };
}

/**
 * Two TCPSockets over TLS, the package at both ends.
 *
 * @param {object} how
 * @param {object} how.server SecureTransportOptions
 * @param {object} how.client SecureTransportOptions
 * @param {object} [how.serverOptions] further TCPServerOptions
 * @param {object} [how.clientOptions] further TCPOptions
 */
async function secureBoth({ server: serverTransport, client: clientTransport, serverOptions, clientOptions }) {
  const server = secureServer(serverTransport, serverOptions);
  const connect = once(server, "connect");
  const client = secureClient(server.localPort, clientTransport, clientOptions);
  const [{ connectedSocket }] = await Promise.all([connect, opened(client)]);
  return { server, client, accepted: track(connectedSocket) };
}

/**
 * Two open sockets of the package over TCP, Unix sockets and TLS. For describe.each(): each row has a name and a function that connects.
 *
 * @param {{ cert: string, key: string }} identity the TLS server's
 * @returns {[string, () => Promise<{ client: any, accepted: any }>][]}
 */
function bothOfEach({ cert, key }) {
  const secure = () => secureBoth({ server: { cert, key }, client: { rejectUnauthorized: false } });
  return [...families.map((family) => [family.name, () => both(family)]), ["TLS", secure]];
}

/**
 * Makes a folder for this test, with files in it. It is removed afterwards.
 *
 * @param {Record<string, string | Uint8Array>} [files]
 * @returns {(name: string) => string} the path of a file in it
 */
function folder(files = {}) {
  const where = mkdtempSync(path.join(os.tmpdir(), "tcp-udp-sockets-"));
  defer(() => rmSync(where, { recursive: true, force: true }));
  for (const [name, contents] of Object.entries(files)) {
    writeFileSync(path.join(where, name), contents);
  }
  return (name) => path.join(where, name);
}

module.exports = {
  bothOfEach,
  acceptingServer,
  dialTLS,
  dialTLSLater,
  failure,
  folder,
  listenTLS,
  opened,
  secureAccepted,
  secureBoth,
  secureClient,
  securePair,
  secureServer,
  shownFor,
};
