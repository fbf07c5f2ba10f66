"use strict";

// A receiver that takes nothing: the sender is held back, memory stays bounded at both ends, nothing is lost.

const { createHash } = require("node:crypto");
const { TCPServerSocket, TCPSocket } = require("../../..");
const { play, company, next, watchMemory, sleep } = require("./roles");

const BLOCK = 64 * 1024;

play({
  /** The receiver. `how`: "suspend", or "nobody" for no message listener at all. */
  async main({ how, stallMs }) {
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const peer = company(__filename, "peer", { port: server.localPort, stallMs });
    const { connectedSocket } = await next(server, "connect");
    server.close();
    const memory = watchMemory();
    const hash = createHash("sha256");
    let received = 0;
    const take = ({ data }) => {
      received += data.byteLength;
      hash.update(new Uint8Array(data));
    };
    if (how === "suspend") {
      connectedSocket.suspend();
      connectedSocket.onmessage = take;
    }
    const stalled = await peer.hear("stalled");
    const receivedMeanwhile = received;
    const growth = memory.stop();
    const closed = next(connectedSocket, "close");
    if (how === "suspend") {
      connectedSocket.resume();
    } else {
      connectedSocket.onmessage = take;
    }
    peer.tell("finish");
    await closed;
    const { digest, sent } = await peer.hear("result");
    peer.close();
    return {
      stalled,
      receivedMeanwhile,
      growth,
      received,
      sent,
      same: digest === hash.digest("hex"),
    };
  },

  /** The sender: sends whenever it may, until nothing moves any more. */
  async peer({ port, stallMs }, parent) {
    const socket = new TCPSocket("127.0.0.1", port);
    await next(socket, "open");
    const memory = watchMemory();
    const hash = createHash("sha256");
    let sent = 0;
    let drains = 0;
    let finishing = false;
    const push = () => {
      for (;;) {
        const block = Buffer.alloc(BLOCK, (sent / BLOCK) % 251);
        hash.update(block);
        sent += BLOCK;
        if (!socket.send(block) || finishing) {
          return;
        }
      }
    };
    socket.ondrain = () => {
      drains += 1;
      if (!finishing) {
        push();
      }
    };
    push();
    // Held back for good: no drain in all this time.
    for (let before = -1; before !== drains; ) {
      before = drains;
      await sleep(stallMs);
    }
    parent.tell("stalled", { sent, bufferedAmount: socket.bufferedAmount, growth: memory.stop(), drains });
    await parent.hear("finish");
    finishing = true;
    const closed = next(socket, "close");
    socket.close();
    await closed;
    parent.tell("result", { sent, digest: hash.digest("hex") });
    process.removeAllListeners("message");
  },
});
