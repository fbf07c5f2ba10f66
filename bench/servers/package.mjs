// The servers, written with this package. They run under Node, Bun and Deno.

import { TCPServerSocket, UDPSocket, UnixServerSocket, connect, relay } from "../../index.mjs";
import { BEGIN, DATAGRAMS_PER_TICK, EXACT, OWN_BUFFER, SENDS_PER_TICK, backend, endless, numbered, path, payload, secure, start } from "./shared.mjs";

const localAddress = "127.0.0.1";

/** @param {(socket: any) => void} serve */
function listen(serve) {
  const server =
    path === null ? new TCPServerSocket({ localAddress, secureTransport: secure ?? "off" }) : new UnixServerSocket({ path });
  server.onconnect = ({ connectedSocket }) => {
    // The load generator ends without closing its connections.
    connectedSocket.onerror = () => {};
    serve(connectedSocket);
  };
  return server.localPath ?? server.localPort;
}

/** @param {string} kind of the server that it passes bytes on to */
async function relayTo(kind) {
  const port = await backend(kind);
  return listen(async (socket) => {
    // The load generator ends without closing its connections: that is a loss.
    await relay(socket, await connect(localAddress, port)).catch(() => {});
  });
}

await start({
  "tcp-echo": () =>
    listen((socket) => {
      socket.onmessage = (event) => socket.send(event.data);
    }),

  "tcp-discard": () =>
    listen((socket) => {
      socket.onmessage = (event) => void event.data.byteLength;
    }),

  "tcp-discard-byob": () =>
    listen(async (socket) => {
      const reader = socket.readable.getReader({ mode: "byob" });
      let buffer = new ArrayBuffer(OWN_BUFFER);
      try {
        for (;;) {
          const { value, done } = await reader.read(new Uint8Array(buffer));
          if (done) return;
          void value.byteLength;
          ({ buffer } = value);
        }
      } catch {
        // The load generator ends without closing its connections.
      }
    }),

  "tcp-discard-exactly": () =>
    listen(async (socket) => {
      try {
        for (;;) void (await socket.reader.readExactly(EXACT)).byteLength;
      } catch {
        // The load generator ends without closing its connections.
      }
    }),

  "tcp-lines": () =>
    listen(async (socket) => {
      try {
        for await (const line of socket.reader.lines()) void line.length;
      } catch {
        // The load generator ends without closing its connections.
      }
    }),

  "tcp-lines-events": () =>
    listen((socket) => {
      const decoder = new TextDecoder();
      let rest = "";
      socket.onmessage = ({ data }) => {
        const lines = (rest + decoder.decode(data, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) void line.length;
      };
    }),

  "tcp-discard-streams": () =>
    listen(async (socket) => {
      for await (const chunk of socket.readable) void chunk.byteLength;
    }),

  "tcp-send-streams": () =>
    listen((socket) => {
      endless().pipeTo(socket.writable).catch(() => {});
    }),

  "tcp-echo-streams": () =>
    listen((socket) => {
      socket.readable.pipeTo(socket.writable).catch(() => {});
    }),

  "tcp-once": () =>
    listen((socket) => {
      socket.onmessage = (event) => {
        socket.send(event.data);
        socket.close();
      };
    }),

  "tcp-send": () =>
    listen((socket) => {
      const pump = () => {
        while (socket.readyState === "open" && socket.send(payload));
      };
      socket.ondrain = pump;
      pump();
    }),

  "tcp-small": () =>
    listen((socket) => {
      const burst = () => {
        if (socket.readyState !== "open") return;
        let goOn = true;
        for (let i = 0; i < SENDS_PER_TICK; i++) goOn = socket.send(payload);
        if (goOn) setImmediate(burst);
      };
      socket.ondrain = burst;
      burst();
    }),

  "relay-discard": () => relayTo("tcp-discard"),

  "relay-echo": () => relayTo("tcp-echo"),

  "udp-echo": () => {
    const socket = new UDPSocket({ localAddress });
    socket.onmessage = (event) => socket.send(event.data, event.remoteAddress, event.remotePort);
    return socket.localPort;
  },

  "udp-discard": () => {
    const socket = new UDPSocket({ localAddress });
    socket.onmessage = (event) => void event.data.byteLength;
    return socket.localPort;
  },

  "udp-discard-loop": () => {
    const socket = new UDPSocket({ localAddress });
    void (async () => {
      for await (const { data } of socket) void data.byteLength;
    })();
    return socket.localPort;
  },

  "udp-discard-readable": () => {
    const socket = new UDPSocket({ localAddress });
    void (async () => {
      for await (const { data } of socket.readable) void data.byteLength;
    })();
    return socket.localPort;
  },

  "udp-send": () => {
    const socket = new UDPSocket({ localAddress });
    let isSending = false;
    let address = "";
    let port = 0;
    const burst = () => {
      if (!isSending) return;
      for (let i = 0; i < DATAGRAMS_PER_TICK; i++) {
        if (!socket.send(numbered(), address, port)) return;
      }
      setImmediate(burst);
    };
    socket.ondrain = burst;
    socket.onmessage = (event) => {
      isSending = new Uint8Array(event.data)[0] === BEGIN;
      ({ remoteAddress: address, remotePort: port } = event);
      burst();
    };
    return socket.localPort;
  },
});
