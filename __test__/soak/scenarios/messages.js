"use strict";

// Very many small messages through one connection, in order.

const { TCPServerSocket, TCPSocket } = require("../../..");
const { play, company, next, watchMemory } = require("./roles");

const SIZE = 64;

play({
  /** The receiver. */
  async main({ count }) {
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const peer = company(__filename, "peer", { count, port: server.localPort });
    const { connectedSocket } = await next(server, "connect");
    server.close();
    const memory = watchMemory();
    const start = performance.now();
    const record = Buffer.alloc(SIZE);
    let filled = 0;
    let received = 0;
    let wrong = 0;
    connectedSocket.onmessage = ({ data }) => {
      const bytes = Buffer.from(data);
      let at = 0;
      while (at < bytes.length) {
        const taken = bytes.copy(record, filled, at);
        at += taken;
        filled += taken;
        if (filled === SIZE) {
          filled = 0;
          if (record.readUInt32LE(0) !== received || record[SIZE - 1] !== received % 251 || record[SIZE / 2] !== received % 13) {
            wrong += 1;
          }
          received += 1;
        }
      }
    };
    await next(connectedSocket, "close");
    const result = { received, wrong, rest: filled, growth: memory.stop(), ms: Math.round(performance.now() - start) };
    const sender = await peer.hear("result");
    peer.close();
    return { ...result, waits: sender.waits, senderGrowth: sender.growth };
  },

  /** The sender: waits for drain at each false. */
  async peer({ count, port }, parent) {
    const socket = new TCPSocket("127.0.0.1", port);
    await next(socket, "open");
    const memory = watchMemory();
    const message = Buffer.alloc(SIZE);
    let waits = 0;
    for (let i = 0; i < count; i++) {
      message.writeUInt32LE(i, 0);
      message[SIZE / 2] = i % 13;
      message[SIZE - 1] = i % 251;
      if (!socket.send(message)) {
        waits += 1;
        await next(socket, "drain");
      }
    }
    const closed = next(socket, "close");
    socket.close();
    await closed;
    parent.tell("result", { waits, growth: memory.stop() });
    process.removeAllListeners("message");
  },
});
