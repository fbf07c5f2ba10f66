// The clients of blocks that serve. Each throws if the block does not serve it as the page says.

import { X509Certificate } from "node:crypto";
import dgram from "node:dgram";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import tls from "node:tls";

/** Milliseconds between two attempts, while the client waits for another process. */
const AGAIN = 25;
const TEXT = "Hello World";

/** @typedef {{ port: number, file: (name: string) => Buffer, folder: string, pid: number }} Server the block, its files and its process */

/** Kinds of client. @type {Record<string, (server: Server) => Promise<void>>} */
export const clients = {
  async echo({ port }) {
    await echoed(await reach(port));
  },

  /** Sends two lines, and receives the same. */
  async "line-echo"({ port }) {
    await echoed(await reach(port), "one\ntwo\n");
  },

  /** Asks for a page, which is "Hello World". */
  async http({ port }) {
    (await reach(port)).destroy();
    const [response] = await once(http.get(`http://127.0.0.1:${port}/`), "response");
    let text = "";
    for await (const chunk of response) text += chunk;
    if (response.statusCode !== 200 || text !== TEXT) throw new Error(`status ${response.statusCode}: ${text}`);
  },

  async "udp-echo"({ port }) {
    const socket = dgram.createSocket("udp4");
    const answered = once(socket, "message");
    // The block may not listen yet.
    const again = setInterval(() => socket.send(TEXT, port, "127.0.0.1"), AGAIN);
    socket.send(TEXT, port, "127.0.0.1");
    const [data] = await answered;
    clearInterval(again);
    socket.close();
    if (data.toString() !== TEXT) throw new Error(`an echo of ${JSON.stringify(TEXT)} was ${JSON.stringify(data.toString())}`);
  },

  async "tls-echo"({ port, file }) {
    await echoed(await secure(port, { ca: file("cert.pem") }));
  },

  /** Receives a line of text. */
  async "tls-listener"({ port, file }) {
    const socket = await secure(port, { ca: file("cert.pem") });
    const [greeting] = await once(socket, "data");
    await leave(socket);
    if (!/^Hello.*\n$/.test(greeting)) throw new Error(`no greeting: ${greeting}`);
  },

  /** Asks for the names that have their own certificates. */
  async "tls-names"({ port, file }) {
    for (const [servername, pem] of [["example.com", "example.com.pem"], ["www.example.com", "wildcard.pem"]]) {
      const socket = await secure(port, { ca: file("ca.pem"), servername, ALPNProtocols: ["http/1.1"] });
      const isIts = shows(socket, file(pem));
      await leave(socket);
      if (socket.alpnProtocol !== "http/1.1") throw new Error(`ALPN agreed on ${socket.alpnProtocol}`);
      if (!isIts) throw new Error(`${servername} has not got ${pem}`);
    }
  },

  /** Asks for a name whose certificate is loaded on demand. */
  async "tls-on-demand"({ port, file }) {
    for (let visit = 0; visit < 2; visit++) {
      const socket = await secure(port, { ca: file("ca.pem"), servername: "example.com" });
      const isIts = shows(socket, file("example.com.pem"));
      const [greeting] = await once(socket, "data");
      await leave(socket);
      if (!isIts || String(greeting) !== "Hello, in private\n") throw new Error("example.com has not got its certificate");
    }
  },

  /** Checks that the certificate changes after its files have changed and SIGHUP was sent. */
  async "tls-renewal"({ port, file, folder, pid }) {
    await leave(await secure(port, { ca: file("cert.pem") }));
    copyFileSync(path.join(folder, "renewed.pem"), path.join(folder, "cert.pem"));
    copyFileSync(path.join(folder, "renewed.key"), path.join(folder, "key.pem"));
    process.kill(pid, "SIGHUP");
    // A signal takes some time. A client that refused the old certificate would cause an error at the server.
    for (let isRenewed = false; !isRenewed; await sleep(AGAIN)) {
      const socket = await secure(port, { rejectUnauthorized: false });
      isRenewed = shows(socket, file("renewed.pem"));
      await leave(socket);
    }
  },
};

/** Whether a server has presented this certificate. @param {tls.TLSSocket} socket @param {Buffer} pem */
const shows = (socket, pem) => socket.getPeerCertificate().raw.equals(new X509Certificate(pem).raw);

/** A connection to the block, as soon as it listens. @param {number} port @returns {Promise<net.Socket>} */
export async function reach(port) {
  for (;;) {
    const socket = net.connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return socket.on("error", () => {});
    } catch (error) {
      if (error.code !== "ECONNREFUSED") throw error;
      await sleep(AGAIN);
    }
  }
}

/** @param {number} port @param {tls.ConnectionOptions} options */
async function secure(port, options) {
  const socket = tls.connect({ servername: "localhost", ...options, socket: await reach(port) });
  await once(socket, "secureConnect");
  return socket.on("error", () => {});
}

/** Ends in good order: a handshake that is cut short causes an error at the server. @param {net.Socket} socket */
async function leave(socket) {
  socket.end();
  socket.resume();
  await once(socket, "close");
}

/** @param {net.Socket} socket @param {string} [text] */
async function echoed(socket, text = TEXT) {
  socket.end(text);
  let answer = "";
  for await (const chunk of socket) answer += chunk;
  if (answer !== text) throw new Error(`an echo of ${JSON.stringify(text)} was ${JSON.stringify(answer)}`);
}
