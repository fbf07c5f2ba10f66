// The peers that answer the blocks: servers that are made with Node's own modules, each at the address that the page names. `used` is true
// once a client has come. `problem()` returns the client's fault, if there was one.

import dgram from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import path from "node:path";
import tls from "node:tls";

/** How long a peer waits before it ends a connection that the client does not end, in ms. */
const IDLE = 500;

/** The same for a peer whose clients end their connections themselves, unless they are broken. A busy machine may hold them up for long. */
const PATIENT = 10_000;

/** The addresses of the names in the pages. No server listens at the IPv6 one, and no route leads there. */
export const HOSTS = {
  localhost: ["127.0.0.1", "::1"],
  "example.com": ["2001:db8::10", "192.0.2.10"],
  "mail.example.com": ["192.0.2.25"],
  "backend.example.com": ["192.0.2.80"],
};

/** @param {string} host */
export const addressOf = (host) => HOSTS[host]?.find((address) => net.isIPv4(address)) ?? host;

/** @typedef {{ used: boolean, problem?: () => string | undefined }} Peer */

/** Kinds of peer. @type {Record<string, (where: { host: string, port: number }, file: (name: string) => Buffer) => Promise<Peer>>} */
export const peers = {
  echo: (where) => listening(net.createServer({ allowHalfOpen: true }, echo), where, { idle: PATIENT }),

  "tls-echo": (where, file) =>
    listening(tls.createServer({ cert: file("server.pem"), key: file("server.key"), allowHalfOpen: true }, echo), where, {
      type: "secureConnection",
      idle: PATIENT,
    }),

  http: (where) => listening(http.createServer({ keepAliveTimeout: IDLE }, answer), where),

  https: (where, file) =>
    listening(https.createServer({ cert: file("example.com.pem"), key: file("example.com.key"), keepAliveTimeout: IDLE }, answer), where, {
      type: "secureConnection",
    }),

  /** Receives a file, which has to be movie.mkv. */
  async taker(where, file) {
    const chunks = [];
    const peer = await listening(net.createServer((socket) => socket.on("data", (chunk) => chunks.push(chunk)).on("error", () => {})), where);
    peer.problem = () => (Buffer.concat(chunks).equals(file("movie.mkv")) ? undefined : "what came is not movie.mkv");
    return peer;
  },

  /** A mail server that offers STARTTLS, and after the handshake AUTH. */
  async smtp(where, file) {
    let secured = false;
    const peer = await listening(net.createServer((socket) => speakSMTP(socket, file, () => (secured = true))), where);
    peer.problem = () => (secured ? undefined : "nobody spoke to it over TLS");
    return peer;
  },

  /** A device of the local network that answers a search (SSDP). */
  async ssdp({ host, port }) {
    const socket = dgram.createSocket({ type: "udp4", reuseAddr: true });
    const peer = { used: false };
    socket.on("message", (data, { address, port: from }) => {
      if (!data.toString().startsWith("M-SEARCH * HTTP/1.1\r\n")) return;
      peer.used = true;
      socket.send("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:1::upnp:rootdevice\r\n\r\n", from, address);
    });
    socket.bind(port, host);
    await once(socket, "listening");
    // 127.0.0.1 is the address of the loopback interface, the only one of the namespace.
    socket.addMembership(host, "127.0.0.1");
    return peer;
  },
};

/** @param {import("node:net").Socket} socket */
function echo(socket) {
  socket.on("error", () => {});
  socket.pipe(socket);
}

/** @param {http.IncomingMessage} request @param {http.ServerResponse} response */
function answer(request, response) {
  response.setHeader("Content-Type", "text/plain");
  response.end(`Hello from ${request.headers.host}\n`);
}

/**
 * @param {net.Server} server
 * @param {{ host: string, port: number }} where
 * @param {object} [options]
 * @param {string} [options.type] the event that reports a client
 * @param {number} [options.idle] after how many ms it ends a connection
 */
async function listening(server, { host, port }, { type = "connection", idle = IDLE } = {}) {
  /** @type {Peer} */
  const peer = { used: false };
  server.on(type, (socket) => {
    peer.used = true;
    socket.on("error", () => {});
    // Servers end idle connections. (http would handle a time-out of the socket itself by destroying it.)
    setTimeout(() => socket.end(), idle).unref();
  });
  server.listen(port, addressOf(host));
  await once(server, "listening");
  return peer;
}

/** @param {net.Socket} plain @param {(name: string) => Buffer} file @param {() => void} secured */
function speakSMTP(plain, file, secured) {
  plain.on("error", () => {});
  plain.write("220 mail.example.com ESMTP\r\n");
  const speak = (socket, isSecure) =>
    socket.on("data", (data) => {
      const command = data.toString();
      if (command.startsWith("EHLO") && isSecure) secured();
      if (command.startsWith("EHLO")) socket.write(`250-mail.example.com\r\n250 ${isSecure ? "AUTH PLAIN" : "STARTTLS"}\r\n`);
      else if (command === "QUIT\r\n") socket.end("221 bye\r\n");
      else if (command !== "STARTTLS\r\n" || isSecure) socket.end("500 what?\r\n");
      else {
        plain.removeAllListeners("data");
        plain.write("220 go ahead\r\n");
        const secure = new tls.TLSSocket(plain, { isServer: true, cert: file("mail.pem"), key: file("mail.key") });
        speak(secure.on("error", () => {}), true);
      }
    });
  speak(plain, false);
}

/** Reads the files of a block's folder. @param {string} folder */
export const reader = (folder) => (/** @type {string} */ name) => readFileSync(path.join(folder, name));
