// The servers, written with Deno's own sockets. They run only under Deno (--unstable-net for the datagrams).

/* global Deno */

import { BEGIN, DATAGRAMS_PER_TICK, SENDS_PER_TICK, numbered, path, payload, secure, start } from "./shared.mjs";

const hostname = "127.0.0.1";
/** Bytes of one read, as in the other APIs. */
const READ = 64 * 1024;

/** @param {(connection: any) => Promise<void>} serve */
function listen(serve) {
  const where = path === null ? { hostname, port: 0 } : { transport: "unix", path };
  const listener = secure ? Deno.listenTls({ ...where, ...secure }) : Deno.listen(where);
  (async () => {
    for await (const connection of listener) {
      // Neither TLS connections, which have Nagle's algorithm off from the start, nor Unix sockets have such a method.
      connection.setNoDelay?.(true);
      // The load generator ends without closing its connections.
      serve(connection).catch(() => {});
    }
  })();
  return listener.addr.path ?? listener.addr.port;
}

/**
 * @param {any} connection
 * @param {Uint8Array} bytes
 */
async function writeAll(connection, bytes) {
  for (let written = 0; written < bytes.length; ) written += await connection.write(bytes.subarray(written));
}

function bind() {
  return Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
}

await start({
  "tcp-echo": () =>
    listen(async (connection) => {
      const buffer = new Uint8Array(READ);
      for (let read; (read = await connection.read(buffer)) !== null; ) {
        await writeAll(connection, buffer.subarray(0, read));
      }
      connection.close();
    }),

  "tcp-discard": () =>
    listen(async (connection) => {
      const buffer = new Uint8Array(READ);
      while ((await connection.read(buffer)) !== null);
      connection.close();
    }),

  "tcp-once": () =>
    listen(async (connection) => {
      const buffer = new Uint8Array(16);
      const read = await connection.read(buffer);
      await writeAll(connection, buffer.subarray(0, read ?? 0));
      connection.close();
    }),

  "tcp-send": () =>
    listen(async (connection) => {
      for (;;) await writeAll(connection, payload);
    }),

  "tcp-small": () =>
    listen(async (connection) => {
      for (;;) {
        for (let i = 0; i < SENDS_PER_TICK; i++) await writeAll(connection, payload);
        await new Promise(setImmediate);
      }
    }),

  "udp-echo": () => {
    const socket = bind();
    (async () => {
      for await (const [data, from] of socket) await socket.send(data, from);
    })();
    return socket.addr.port;
  },

  "udp-discard": () => {
    const socket = bind();
    (async () => {
      for await (const [data] of socket) void data.byteLength;
    })();
    return socket.addr.port;
  },

  "udp-send": () => {
    const socket = bind();
    let isSending = false;
    (async () => {
      for await (const [data, from] of socket) {
        isSending = data[0] === BEGIN;
        if (isSending) send(from);
      }
    })();
    async function send(to) {
      while (isSending) {
        for (let i = 0; i < DATAGRAMS_PER_TICK; i++) await socket.send(numbered(), to);
        await new Promise(setImmediate);
      }
    }
    return socket.addr.port;
  },
});
