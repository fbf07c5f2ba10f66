"use strict";

// Random tests that can be repeated: the same seed gives the same test.

const { once, turn } = require("./events");

/**
 * A generator of whole random numbers from 0 to below its argument.
 *
 * @param {number} seed
 */
function generator(seed) {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/**
 * Sends the bytes in random pieces, with random pauses. Then ends.
 *
 * @param {any} socket
 * @param {Uint8Array} bytes
 * @param {(bound: number) => number} random
 * @param {readonly number[]} sizes the lengths of the pieces; the last piece may be shorter
 */
async function sendInPieces(socket, bytes, random, sizes) {
  for (let at = 0; at < bytes.length;) {
    const size = sizes[random(sizes.length)];
    if (!socket.send(bytes.subarray(at, at + size))) {
      await once(socket, "drain");
    }
    at += size;
    if (random(3) === 0) {
      await turn();
    }
  }
  socket.halfclose();
}

module.exports = { generator, sendInPieces };
