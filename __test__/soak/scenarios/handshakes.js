"use strict";

// Many connections that never finish their TLS handshake, and honest clients in between.

const net = require("node:net");
const { TCPServerSocket, TCPSocket } = require("../../..");
const { authority } = require("../../helpers/certificates");
const { play, company, next } = require("./roles");

play({
  /** The server, and the honest clients. */
  async main({ count }) {
    const { ca, server: identity } = authority();
    const server = new TCPServerSocket({
      localAddress: "127.0.0.1",
      handshakeTimeout: 0,
      secureTransport: { cert: identity.cert, key: identity.key },
    });
    const result = { connects: 0, errors: 0, served: 0 };
    server.onconnect = ({ connectedSocket }) => {
      result.connects += 1;
      connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
    };
    server.onerror = () => {
      result.errors += 1;
    };
    const serve = async () => {
      const socket = new TCPSocket("127.0.0.1", server.localPort, { secureTransport: { ca: ca.cert } });
      await next(socket, "open");
      const answer = next(socket, "message");
      socket.send("hello");
      await answer;
      socket.reset();
      result.served += 1;
    };
    for (let i = 0; i < 20; i++) await serve();
    const before = process.memoryUsage.rss();
    const peer = company(__filename, "peer", { count, port: server.localPort });
    await peer.hear("all open");
    const start = performance.now();
    for (let i = 0; i < 20; i++) await serve();
    result.eachServedIn = (performance.now() - start) / 20;
    result.bytesEach = Math.round((process.memoryUsage.rss() - before) / count);
    server.close();
    result.reset = (await peer.hear("all reset")).count;
    peer.close();
    return result;
  },

  /** The strangers: a third says nothing, a third begins a ClientHello, a third announces a long record. */
  async peer({ count, port }, parent) {
    const beginnings = [null, Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), Buffer.concat([Buffer.from([0x16, 3, 1, 0x3f, 0xff]), Buffer.alloc(4000)])];
    let open = 0;
    let ended = 0;
    const all = new Promise((resolve) => {
      const begin = (i) => {
        const socket = net.connect({ host: "127.0.0.1", port, localAddress: `127.0.0.${2 + (i % 4)}` });
        socket.on("error", () => {});
        socket.on("close", () => {
          ended += 1;
          if (ended === count) resolve();
        });
        return next(socket, "connect").then(() => {
          const bytes = beginnings[i % 3];
          if (bytes !== null) socket.write(bytes);
          socket.resume();
          open += 1;
        });
      };
      (async () => {
        for (let i = 0; i < count; i += 200) {
          await Promise.all(Array.from({ length: Math.min(200, count - i) }, (_, j) => begin(i + j)));
        }
        parent.tell("all open", { open });
      })();
    });
    await all;
    parent.tell("all reset", { count: ended });
    process.removeAllListeners("message");
  },
});
