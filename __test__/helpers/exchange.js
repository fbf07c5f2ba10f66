"use strict";

const { createHash } = require("node:crypto");
const { once } = require("./events");

// Looked up once: in a jest realm each look-up of a global is slow, and these are called for each byte.
const { floor, imul } = Math;

/** A generator of repeatable random numbers in [0, 1) (mulberry32). */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = imul(t ^ (t >>> 15), t | 1);
    t ^= t + imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` chunks of random bytes; their sizes are spread over all magnitudes up to `most`. */
function randomChunks(seed, count, most) {
  const next = random(seed);
  return Array.from({ length: count }, () => {
    const chunk = Buffer.alloc(floor(most ** next()));
    for (let i = 0; i < chunk.length; i++) {
      chunk[i] = next() * 256;
    }
    return chunk;
  });
}

const digest = (chunks) => chunks.reduce((hash, chunk) => hash.update(chunk), createHash("sha256")).digest("hex");

/** Sends the chunks through a TCPSocket or UnixSocket, in changing shapes, waiting for drain at each false; then halfcloses. */
async function sendOurs(socket, chunks) {
  for (const [i, chunk] of chunks.entries()) {
    const shapes = [chunk, new Uint8Array(chunk), new Uint8Array(chunk).buffer, new Blob([chunk])];
    if (!socket.send(shapes[i % shapes.length])) {
      await once(socket, "drain", 20_000);
    }
  }
  socket.halfclose();
}

/** Sends the chunks through a node:net socket, waiting for 'drain'; then ends it. */
async function sendTheirs(peer, chunks) {
  for (const chunk of chunks) {
    if (!peer.write(chunk)) {
      await once(peer, "drain", 20_000);
    }
  }
  peer.end();
}

/** All bytes that a TCPSocket or UnixSocket receives until it is closed. */
function receiveOurs(socket) {
  const hash = createHash("sha256");
  let length = 0;
  socket.addEventListener("message", ({ data }) => {
    length += data.byteLength;
    hash.update(new Uint8Array(data));
  });
  // With a halfclose listener our direction stays open when theirs has ended (R-tcp-fin).
  socket.addEventListener("halfclose", () => {});
  return once(socket, "close", 25_000).then(() => ({ length, digest: hash.digest("hex") }));
}

/** All bytes that a node:net socket receives until the other end's FIN. */
function receiveTheirs(peer) {
  const hash = createHash("sha256");
  let length = 0;
  peer.on("data", (chunk) => {
    length += chunk.length;
    hash.update(chunk);
  });
  return once(peer, "end", 25_000).then(() => ({ length, digest: hash.digest("hex") }));
}

/**
 * Both ends send all their chunks at the same time, and end. Checks that each received what the other sent.
 *
 * @param {object} socket ours
 * @param {import("node:net").Socket} peer
 * @param {number} seed
 * @param {{ count?: number, most?: number, make?: (seed: number) => Buffer[] }} [how] `make` returns the chunks of an end
 */
async function exchange(socket, peer, seed, { count = 150, most = 200_000, make = (own) => randomChunks(own, count, most) } = {}) {
  const [ours, theirs] = [make(seed), make(seed + 1)];
  const results = Promise.all([receiveOurs(socket), receiveTheirs(peer)]);
  await Promise.all([sendOurs(socket, ours), sendTheirs(peer, theirs)]);
  const [got, given] = await results;
  const total = (chunks) => chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  expect(got).toEqual({ length: total(theirs), digest: digest(theirs) });
  expect(given).toEqual({ length: total(ours), digest: digest(ours) });
}

module.exports = { random, randomChunks, digest, exchange };
