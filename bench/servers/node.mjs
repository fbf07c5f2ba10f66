// The servers, written with node:net, node:tls and node:dgram. They run under Node, Bun and Deno.

import dgram from "node:dgram";
import { once } from "node:events";
import net from "node:net";
import { createInterface } from "node:readline";
import { Duplex } from "node:stream";
import tls from "node:tls";
import { BEGIN, DATAGRAMS_PER_TICK, OWN_BUFFER, SENDS_PER_TICK, backend, endless, numbered, path, payload, secure, start } from "./shared.mjs";

const host = "127.0.0.1";

/** @param {(socket: net.Socket) => void} serve */
async function listen(serve) {
  const connected = (/** @type {net.Socket} */ socket) => {
    // The load generator ends without closing its connections.
    socket.on("error", () => {});
    serve(socket);
  };
  const server = secure ? tls.createServer({ noDelay: true, ...secure }, connected) : net.createServer({ noDelay: true }, connected);
  await once(path === null ? server.listen(0, host) : server.listen(path), "listening");
  const address = /** @type {net.AddressInfo | string} */ (server.address());
  return typeof address === "string" ? address : address.port;
}

async function bind() {
  const socket = dgram.createSocket("udp4");
  await once(socket.bind(0, host), "listening");
  return socket;
}

/**
 * @param {(socket: net.Socket) => void} before
 * @param {(socket: net.Socket) => void} after
 */
function small(before, after) {
  return listen((socket) => {
    const burst = () => {
      if (socket.destroyed) return;
      let goOn = true;
      before(socket);
      for (let i = 0; i < SENDS_PER_TICK; i++) goOn = socket.write(payload);
      after(socket);
      if (goOn) setImmediate(burst);
    };
    socket.on("drain", burst);
    burst();
  });
}

/** @param {string} kind of the server that it passes bytes on to */
async function pipeTo(kind) {
  const port = await backend(kind);
  return listen((socket) => {
    const target = net.connect({ port, host, noDelay: true });
    target.on("error", () => socket.destroy());
    socket.on("error", () => target.destroy());
    socket.pipe(target).pipe(socket);
  });
}

await start({
  "tcp-echo": () =>
    listen((socket) => {
      socket.on("data", (data) => socket.write(data));
    }),

  "tcp-discard": () =>
    listen((socket) => {
      socket.on("data", (data) => void data.byteLength);
    }),

  // A server has no such option. A new socket on the accepted handle has it, as a socket of net.connect() has.
  "tcp-discard-onread": async () => {
    const server = net.createServer({ noDelay: true, pauseOnConnect: true }, (accepted) => {
      const handle = accepted._handle;
      accepted._handle = null;
      const onread = { buffer: new Uint8Array(OWN_BUFFER), callback: (length) => length >= 0 };
      const socket = new net.Socket(/** @type {any} */ ({ handle, onread, readable: true, writable: true }));
      socket.on("error", () => {});
      socket.resume();
    });
    await once(server.listen(0, host), "listening");
    return /** @type {net.AddressInfo} */ (server.address()).port;
  },

  "tcp-lines": () =>
    listen(async (socket) => {
      try {
        for await (const line of createInterface({ input: socket, crlfDelay: Infinity })) void line.length;
      } catch {
        // The load generator ends without closing its connections.
      }
    }),

  "tcp-lines-events": () =>
    listen((socket) => {
      createInterface({ input: socket, crlfDelay: Infinity }).on("line", (line) => void line.length);
    }),

  "tcp-discard-streams": () =>
    listen(async (socket) => {
      for await (const chunk of Duplex.toWeb(socket).readable) void chunk.byteLength;
    }),

  "tcp-send-streams": () =>
    listen((socket) => {
      endless().pipeTo(Duplex.toWeb(socket).writable).catch(() => {});
    }),

  "tcp-echo-streams": () =>
    listen((socket) => {
      const { readable, writable } = Duplex.toWeb(socket);
      readable.pipeTo(writable).catch(() => {});
    }),

  "tcp-once": () =>
    listen((socket) => {
      socket.on("data", (data) => socket.end(data));
    }),

  "tcp-send": () =>
    listen((socket) => {
      const pump = () => {
        while (!socket.destroyed && socket.write(payload));
      };
      socket.on("drain", pump);
      pump();
    }),

  "tcp-small": () =>
    small(
      () => {},
      () => {},
    ),

  "tcp-small-corked": () =>
    small(
      (socket) => socket.cork(),
      (socket) => socket.uncork(),
    ),

  "relay-discard": () => pipeTo("tcp-discard"),

  "relay-echo": () => pipeTo("tcp-echo"),

  "udp-echo": async () => {
    const socket = await bind();
    socket.on("message", (data, from) => socket.send(data, from.port, from.address));
    return socket.address().port;
  },

  "udp-discard": async () => {
    const socket = await bind();
    socket.on("message", (data) => void data.byteLength);
    return socket.address().port;
  },

  "udp-send": async () => {
    const socket = await bind();
    let isSending = false;
    let address = "";
    let port = 0;
    const burst = () => {
      if (!isSending) return;
      for (let i = 0; i < DATAGRAMS_PER_TICK; i++) socket.send(numbered(), port, address);
      setImmediate(burst);
    };
    socket.on("message", (data, from) => {
      isSending = data[0] === BEGIN;
      ({ address, port } = from);
      burst();
    });
    return socket.address().port;
  },
});
