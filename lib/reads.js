"use strict";

// The kinds of reads that `reader` has: when each can be served, and from what (R-reader).

const { networkError } = require("./errors.js");

/** @typedef {InstanceType<typeof import("./byte-buffer.js").ByteBuffer>} ByteBuffer */

/**
 * A kind of read, with its arguments.
 *
 * - `name`: the method, for messages.
 * - `most`: how many bytes the read may need, in bytes.
 * - `isLarge`: the read needs all of `most`, and these are so many that they are read straight into the result's memory.
 * - `take(buffer, progress)`: takes the result from the buffer. WAITS: more bytes are needed, and `progress` says where to go on. Throws if
 *   the read has failed. Then the buffer keeps its bytes.
 * - `atEnd(buffer)`: takes the result when no more bytes come and take() has returned WAITS. Throws if the read has failed.
 *
 * @typedef {object} ReadKind
 * @property {string} name
 * @property {number} most
 * @property {boolean} isLarge
 * @property {(buffer: ByteBuffer, progress: Progress) => unknown} take
 * @property {(buffer: ByteBuffer) => unknown} atEnd
 */

/**
 * How far a read has come: `searched` bytes from the first one on are known not to begin what it looks for.
 *
 * @typedef {{ searched: number }} Progress
 */

/** From this length on, a readExactly() reads straight into the memory of its result. Shorter ones share one read of the system. */
const LARGE = 64 * 1024;

/** The result of take() if more bytes are needed. */
const WAITS = Symbol("waits");

/** read(). @type {ReadKind} */
const READ = {
  name: "read()",
  most: 0,
  isLarge: false,
  take: (buffer) => (buffer.length === 0 ? WAITS : buffer.take(buffer.length)),
  atEnd: () => null,
};

/**
 * readExactly().
 *
 * @param {number} length at least 1
 * @returns {ReadKind}
 */
function exactly(length) {
  return {
    name: "readExactly()",
    most: length,
    isLarge: length >= LARGE,
    take: (buffer) => (buffer.length < length ? WAITS : buffer.take(length)),
    atEnd(buffer) {
      throw endedEarly("readExactly()", `${count(buffer.length)} of ${length}`);
    },
  };
}

/**
 * readUntil().
 *
 * @param {Uint8Array} delimiter not empty
 * @param {number} limit
 * @returns {ReadKind}
 */
function until(delimiter, limit) {
  return {
    name: "readUntil()",
    most: limit,
    isLarge: false,
    take(buffer, progress) {
      const at = buffer.find(delimiter, progress.searched);
      const length = at + delimiter.length;
      if (at >= 0 && length <= limit) {
        return buffer.take(length);
      }
      if (buffer.length >= limit) {
        throw overLimit("readUntil()", "the delimiter", limit);
      }
      // The last bytes may be the beginning of the delimiter.
      progress.searched = Math.max(0, buffer.length - delimiter.length + 1);
      return WAITS;
    },
    atEnd(buffer) {
      if (buffer.length === 0) {
        return null;
      }
      throw endedEarly("readUntil()", `${count(buffer.length)} without the delimiter`);
    },
  };
}

/**
 * readLine().
 *
 * @param {number} limit
 * @returns {ReadKind}
 */
function line(limit) {
  return {
    name: "readLine()",
    most: limit,
    isLarge: false,
    take(buffer, progress) {
      const result = buffer.takeLine(limit, progress.searched);
      if (typeof result === "string") {
        return result;
      }
      if (result !== undefined || buffer.length >= limit) {
        throw overLimit("readLine()", "a line end", limit);
      }
      progress.searched = buffer.length;
      return WAITS;
    },
    atEnd: (buffer) => (buffer.length === 0 ? null : buffer.takeText()),
  };
}

/**
 * @param {string} name
 * @param {string} what
 */
function endedEarly(name, what) {
  return networkError(`${name}: the peer has ended after ${what}`, { code: "ERR_UNEXPECTED_END" });
}

/**
 * @param {string} name
 * @param {string} what
 * @param {number} limit
 */
function overLimit(name, what, limit) {
  return networkError(`${name}: the first ${count(limit)} do not hold ${what} (options.limit)`, { code: "ERR_LIMIT_EXCEEDED" });
}

/** @param {number} bytes */
function count(bytes) {
  return bytes === 1 ? "1 byte" : `${bytes} bytes`;
}

module.exports = { READ, WAITS, exactly, line, until };
