// The servers, written with Bun's own sockets. They run only under Bun.

/* global Bun */

import { BEGIN, DATAGRAMS_PER_TICK, SENDS_PER_TICK, numbered, path, payload, secure, start } from "./shared.mjs";

const hostname = "127.0.0.1";

/** @param {Record<string, Function>} socket the handlers */
function listen(socket) {
  const where = path === null ? { hostname, port: 0 } : { unix: path };
  const server = Bun.listen({ ...where, tls: secure ?? undefined, socket: { data() {}, ...socket } });
  return server.unix ?? server.port;
}

/**
 * Bun's write() returns how much it took. The caller has to keep the rest until drain.
 *
 * @param {any} socket
 * @param {Uint8Array} bytes
 * @returns {boolean} whether it took all bytes
 */
function write(socket, bytes) {
  const written = socket.write(bytes);
  if (written === bytes.length || written < 0) return written >= 0;
  const rest = bytes.slice(written);
  socket.data.rest = socket.data.rest === null ? rest : Buffer.concat([socket.data.rest, rest]);
  return false;
}

/** @param {any} socket */
function open(socket) {
  socket.data = { rest: null };
}

/**
 * @param {any} socket
 * @returns {boolean} whether no bytes are left
 */
function flush(socket) {
  const { rest } = socket.data;
  if (rest === null) return true;
  socket.data.rest = null;
  return write(socket, rest);
}

/** @param {(socket: any, state: { isSending: boolean, address: string, port: number }) => void} burst sends the datagrams of one turn */
async function sender(burst) {
  const state = { isSending: false, address: "", port: 0 };
  const socket = await Bun.udpSocket({
    hostname,
    socket: {
      data(self, data, port, address) {
        state.isSending = data[0] === BEGIN;
        Object.assign(state, { address, port });
        burst(self, state);
      },
      drain: (self) => burst(self, state),
      error() {},
    },
  });
  return socket.port;
}

await start({
  "tcp-echo": () =>
    listen({
      open,
      data(socket, data) {
        if (socket.data.rest === null) write(socket, data);
        else socket.data.rest = Buffer.concat([socket.data.rest, data]);
      },
      drain: flush,
    }),

  "tcp-discard": () => listen({ data: (socket, data) => void data.byteLength }),

  "tcp-once": () => listen({ data: (socket, data) => socket.end(data) }),

  "tcp-send": () => {
    const pump = (socket) => {
      while (write(socket, payload));
    };
    return listen({
      [secure ? "handshake" : "open"](socket) {
        open(socket);
        pump(socket);
      },
      drain: (socket) => void (flush(socket) && pump(socket)),
    });
  },

  "tcp-small": () => {
    const burst = (socket) => {
      if (socket.readyState <= 0 || !flush(socket)) return;
      for (let i = 0; i < SENDS_PER_TICK; i++) {
        if (!write(socket, payload)) return;
      }
      setImmediate(burst, socket);
    };
    return listen({
      open(socket) {
        open(socket);
        burst(socket);
      },
      drain: burst,
    });
  },

  "udp-echo": async () => {
    const echo = { data: (socket, data, port, address) => void socket.send(data, port, address), error() {} };
    return (await Bun.udpSocket({ hostname, socket: echo })).port;
  },

  "udp-discard": async () => {
    const discard = { data: (socket, data) => void data.byteLength };
    return (await Bun.udpSocket({ hostname, socket: discard })).port;
  },

  "udp-send": () =>
    sender(function burst(socket, state) {
      if (!state.isSending) return;
      for (let i = 0; i < DATAGRAMS_PER_TICK; i++) {
        if (!socket.send(numbered(), state.port, state.address)) return;
      }
      setImmediate(burst, socket, state);
    }),

  // Each datagram of a sendMany() needs memory of its own. Otherwise all of them would have the last one's number.
  "udp-send-many": () =>
    sender(function burst(socket, state) {
      if (!state.isSending) return;
      const datagrams = [];
      for (let i = 0; i < DATAGRAMS_PER_TICK; i++) datagrams.push(numbered().slice(), state.port, state.address);
      if (socket.sendMany(datagrams) === DATAGRAMS_PER_TICK) setImmediate(burst, socket, state);
    }),
});
