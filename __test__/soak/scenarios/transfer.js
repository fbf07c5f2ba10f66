"use strict";

// A body each way through one connection, at the same time: checksums, back-pressure at both ends, memory.

const { createHash } = require("node:crypto");
const { setTimeout } = require("node:timers");
const { TCPServerSocket, TCPSocket } = require("../../..");
const { play, company, next, watchMemory } = require("./roles");

const BLOCK = 256 * 1024;

/** Sends `bytes` bytes that do not repeat, waiting for drain whenever send() says false; tells their SHA-256. */
async function sendBody(socket, bytes, seed) {
  const hash = createHash("sha256");
  const block = new Uint32Array(BLOCK / 4);
  const view = new Uint8Array(block.buffer);
  let state = seed;
  for (let i = 0; i < block.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    block[i] = state;
  }
  let sent = 0;
  let waits = 0;
  let mostBuffered = 0;
  while (sent < bytes) {
    const length = Math.min(BLOCK, bytes - sent);
    // Every block is another one; the array is used again at once (R-copy).
    for (let i = 0; i < block.length; i += 256) {
      block[i] = (block[i] + sent + i) >>> 0;
    }
    const part = view.subarray(0, length);
    hash.update(part);
    sent += length;
    const more = socket.send(part);
    mostBuffered = Math.max(mostBuffered, socket.bufferedAmount);
    if (!more) {
      waits += 1;
      await next(socket, "drain");
    }
  }
  return { sent, waits, mostBuffered, digest: hash.digest("hex") };
}

/** Receives until the peer's FIN, stopping for a while at every `pauseEvery` bytes; tells the SHA-256. */
function receiveBody(socket, pauseEvery) {
  const hash = createHash("sha256");
  let received = 0;
  let pauses = 0;
  let nextPause = pauseEvery;
  let whileSuspended = 0;
  let suspended = false;
  socket.onmessage = ({ data }) => {
    whileSuspended += suspended;
    hash.update(new Uint8Array(data));
    received += data.byteLength;
    if (received >= nextPause) {
      nextPause += pauseEvery;
      pauses += 1;
      suspended = true;
      socket.suspend();
      setTimeout(() => {
        suspended = false;
        socket.resume();
      }, 20);
    }
  };
  return {
    ended: next(socket, "halfclose"),
    result: () => ({ received, pauses, whileSuspended, digest: hash.digest("hex") }),
  };
}

async function end(socket, { bytes, pauseEvery }, seed) {
  const closed = next(socket, "close");
  const errors = [];
  socket.onerror = ({ error }) => errors.push(error.code);
  const receiving = receiveBody(socket, pauseEvery);
  const memory = watchMemory();
  const out = await sendBody(socket, bytes, seed);
  socket.halfclose();
  await Promise.race([receiving.ended, closed]);
  await closed;
  return { out, in: receiving.result(), growth: memory.stop(), errors, readyState: socket.readyState };
}

play({
  async main(parameters) {
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const peer = company(__filename, "peer", { ...parameters, port: server.localPort });
    const { connectedSocket } = await next(server, "connect");
    server.close();
    const start = performance.now();
    const ours = await end(connectedSocket, parameters, 1);
    const ms = Math.round(performance.now() - start);
    const { theirs } = await peer.hear("result");
    peer.close();
    return { ours, theirs, ms };
  },

  async peer(parameters, parent) {
    const socket = new TCPSocket("127.0.0.1", parameters.port);
    await next(socket, "open");
    parent.tell("result", { theirs: await end(socket, parameters, 2) });
    process.removeAllListeners("message");
  },
});
