"use strict";

// One direction of a connection, as the model knows it: the bytes that send() has taken, and how far the other end has received them. What
// comes out must be a prefix of what went in.

const { Buffer } = require("node:buffer");

/** Random bytes, the same in each process. Each send takes a piece of them, so that a byte out of place is noticed. */
const POOL_BYTES = 1 << 20;

/** Fills a pool with bytes that `allowed` accepts. @param {(byte: number) => boolean} allowed */
function makePool(allowed) {
  const pool = Buffer.alloc(POOL_BYTES);
  let state = 0x9e3779b9;
  for (let i = 0; i < POOL_BYTES;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    if (allowed(state >>> 24)) {
      pool[i++] = state >>> 24;
    }
  }
  return pool;
}

/** Any bytes. */
const pool = makePool(() => true);
/** Bytes without the delimiter of framed connections. */
const linePool = makePool((byte) => byte !== 0x0a);

/** @param {number} from @param {number} size @param {boolean} [isLine] true: without a line feed */
function piece(from, size, isLine = false) {
  const source = isLine ? linePool : pool;
  const at = from % (POOL_BYTES - size);
  return source.subarray(at, at + size);
}

class Flow {
  /** Bytes that were sent, in order. @type {Buffer[]} */
  #parts = [];
  /** The offset of each part. @type {number[]} */
  #offsets = [];
  /** The length of each frame that was sent, for framed connections. @type {number[]} */
  frames = [];
  /** Frames that were received. */
  framesReceived = 0;
  /** Bytes that this end itself has sent. */
  own = 0;
  /** Bytes that the other end has received. */
  position = 0;
  /** The flow whose further bytes follow ours (an echo, a relay), and from which offset. @type {{ flow: Flow, from: number } | undefined} */
  tail = undefined;
  /** True once a write was refused: the bytes that it had may be missing at the end. */
  isUnsure = false;
  /** True once a call has panicked: any part of its bytes may have gone out, so what follows is not compared. */
  isLoose = false;

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  /** Whether this flow, or one whose bytes follow, is loose. @returns {boolean} */
  get #isLoose() {
    return this.isLoose || (this.tail !== undefined && this.tail.flow.#isLoose);
  }

  /** Bytes that must come out if all ends well. @returns {number} */
  get total() {
    return this.own + (this.tail === undefined ? 0 : Math.max(0, this.tail.flow.total - this.tail.from));
  }

  /** @param {Uint8Array} bytes */
  sent(bytes) {
    if (bytes.length > 0) {
      this.#parts.push(Buffer.from(bytes));
      this.#offsets.push(this.own);
      this.own += bytes.length;
    }
  }

  /** From now on the bytes of `flow` that its other end has not received yet follow. @param {Flow} flow */
  follow(flow) {
    this.tail = { flow, from: flow.position };
  }

  /**
   * Whether these bytes are those from `at` on.
   *
   * @param {number} at
   * @param {Uint8Array} bytes
   * @returns {boolean}
   */
  matches(at, bytes) {
    let done = 0;
    // The last part that begins at or before `at`.
    let low = 0;
    let high = this.#parts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#offsets[middle] <= at) low = middle;
      else high = middle;
    }
    for (let i = low; i < this.#parts.length && done < bytes.length && at + done < this.own; i++) {
      const from = at + done - this.#offsets[i];
      const part = this.#parts[i].subarray(from, from + bytes.length - done);
      if (Buffer.compare(part, bytes.subarray(done, done + part.length)) !== 0) {
        return false;
      }
      done += part.length;
    }
    if (done === bytes.length) {
      return true;
    }
    return this.tail !== undefined && this.tail.flow.matches(this.tail.from + at + done - this.own, bytes.subarray(done));
  }

  /** The other end has received these bytes. Returns what is wrong with them; undefined if nothing is. @param {Uint8Array} bytes */
  received(bytes) {
    const at = this.position;
    this.position += bytes.length;
    if (this.#isLoose) {
      return undefined;
    }
    if (this.position > this.total) {
      return `${this.name}: ${this.position} bytes came, and ${this.total} were sent`;
    }
    return this.matches(at, bytes) ? undefined : `${this.name}: the ${bytes.length} bytes from ${at} on are not those that were sent`;
  }

  /** The other end has received a frame. @param {Uint8Array} bytes */
  receivedFrame(bytes) {
    const length = this.frames[this.framesReceived];
    this.framesReceived += 1;
    if (length !== bytes.length && !this.#isLoose) {
      return `${this.name}: frame ${this.framesReceived} has ${bytes.length} bytes, and ${length} were sent`;
    }
    return this.received(bytes);
  }
}

module.exports = { Flow, piece };
