"use strict";

const { createHash } = require("node:crypto");
const { deadline } = require("./events");

// Looked up once, outside the loop below: in jest's vm context each look-up of a global costs a call.
const { imul } = Math;

/**
 * `length` bytes that do not repeat at any power of two, so that a test sees a lost, doubled or moved block.
 *
 * @param {number} length
 * @param {number} [seed]
 */
function pattern(length, seed = 1) {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state = (imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** SHA-256 in hex: compares large bodies without printing them. */
function sha256(...chunks) {
  const hash = createHash("sha256");
  for (const chunk of chunks.flat()) {
    hash.update(ArrayBuffer.isView(chunk) ? chunk : new Uint8Array(chunk));
  }
  return hash.digest("hex");
}

/** UTF-8 text of an ArrayBuffer or view. */
function text(data) {
  return Buffer.from(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength).toString();
}

/**
 * Everything that arrives at a TCPSocket (its `message` events) or a node:net socket (its 'data' events).
 * It listens from now on, and resumes a paused node:net socket.
 *
 *   const inbox = collect(peer);
 *   await inbox.until(5);
 *   expect(inbox.text()).toBe("hello");
 */
function collect(socket) {
  const chunks = [];
  let length = 0;
  const waiting = new Set();
  function take(chunk) {
    chunks.push(chunk);
    length += chunk.byteLength;
    for (const check of waiting) {
      check();
    }
  }
  let ended;
  if (typeof socket.addEventListener === "function") {
    socket.addEventListener("message", (event) => take(event.data));
  } else {
    socket.on("data", take);
    socket.resume();
    ended = new Promise((resolve) => {
      socket.once("end", resolve);
    });
  }
  const bytes = () => Buffer.concat(chunks.map((chunk) => (ArrayBuffer.isView(chunk) ? chunk : new Uint8Array(chunk))));
  return {
    chunks,
    bytes,
    get length() {
      return length;
    },
    text: () => bytes().toString(),
    sha256: () => sha256(chunks),
    /** Resolves when at least `count` bytes have arrived. */
    until(count, ms) {
      const promise = new Promise((resolve) => {
        function check() {
          if (length >= count) {
            waiting.delete(check);
            resolve();
          }
        }
        waiting.add(check);
        check();
      });
      return deadline(promise, () => `${count} bytes, have ${length}`, ms);
    },
    /** node:net only: resolves when the other end's FIN has arrived. */
    end(ms) {
      return deadline(ended, "the peer's FIN", ms);
    },
  };
}

module.exports = { pattern, sha256, text, collect };
