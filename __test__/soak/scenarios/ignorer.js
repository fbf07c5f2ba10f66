"use strict";

// A sender that ignores false, to a receiver that takes nothing: it is stopped by an error, not by the system.

const { TCPServerSocket, TCPSocket } = require("../../..");
const { play, company, next, watchMemory, sleep } = require("./roles");

play({
  /** The sender. `pace`: "loop" sends in one go, "turns" lets the event loop run every 100 sends. */
  async main({ maxBufferedAmount, chunk, pace }) {
    const server = new TCPServerSocket({ localAddress: "127.0.0.1", ...(maxBufferedAmount && { maxBufferedAmount }) });
    const peer = company(__filename, "peer", { port: server.localPort });
    const { connectedSocket: socket } = await next(server, "connect");
    server.close();
    await peer.hear("suspended");
    const events = [];
    for (const type of ["error", "close", "drain", "halfclose"]) {
      socket.addEventListener(type, (event) => {
        events.push({ type, readyState: socket.readyState, code: event.error?.code, name: event.error?.name });
      });
    }
    const closed = next(socket, "close");
    const memory = watchMemory();
    const block = new Uint8Array(chunk).fill(7);
    let calls = 0;
    let falses = 0;
    let taken = 0;
    let last;
    let thrown;
    const most = 4 * (maxBufferedAmount ?? 2 ** 28);
    while (socket.readyState === "open" && taken < most) {
      last = socket.send(block);
      calls += 1;
      falses += !last;
      taken += socket.readyState === "open" ? chunk : 0;
      if (calls % 64 === 0) {
        memory.look();
      }
      if (pace === "turns" && calls % 100 === 0) {
        await sleep(0);
      }
    }
    const stateAtOnce = socket.readyState;
    const bufferedAtOnce = socket.bufferedAmount;
    const eventsAtOnce = events.filter(({ type }) => type !== "drain").length;
    try {
      socket.send(block);
    } catch (error) {
      thrown = error.name;
    }
    await closed;
    const bufferedAtEnd = socket.bufferedAmount;
    const growth = memory.stop();
    peer.tell("look");
    const { lost } = await peer.hear("result");
    peer.close();
    return { calls, falses, taken, last, stateAtOnce, eventsAtOnce, bufferedAtOnce, bufferedAtEnd, thrown, events, growth, lost };
  },

  /** The receiver: suspended until it is asked to look at what became of the connection. */
  async peer({ port }, parent) {
    const socket = new TCPSocket("127.0.0.1", port);
    socket.suspend();
    let received = 0;
    let code;
    socket.onmessage = ({ data }) => {
      received += data.byteLength;
    };
    socket.onerror = ({ error }) => {
      code = error.code;
    };
    const closed = next(socket, "close");
    await next(socket, "open");
    parent.tell("suspended");
    await parent.hear("look");
    socket.resume();
    await closed;
    parent.tell("result", { lost: { code, received } });
    process.removeAllListeners("message");
  },
});
