"use strict";

// Blobs on their way out. A Blob takes its place in the order of the sends at once; its bytes are read, piece by piece, when
// the native half asks for them (docs/binding.md, Blobs).

const { GONE, binding } = require("./native.js");
const { SENTENCE, cut } = require("./shown.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */
/** @typedef {{ blob: Blob, kind: BlobKind, size: number, offset: number }} Entry */
/** @typedef {{ entries: Entry[], error: unknown }} BlobQueue the error is the one of the Blob that could not be read */

/**
 * @typedef {object} BlobKind an implementation of Blob: its own members, taken before anybody can replace them
 * @property {(this: Blob) => number} size
 * @property {typeof Blob.prototype.slice} slice
 * @property {typeof Blob.prototype.arrayBuffer} arrayBuffer
 */

/** What a TCP socket is given at a time, as docs/binding.md says. */
const PIECE_BYTES = 256 * 1024;

/**
 * The runtime's Blob, and the global one where that is another (jest's jsdom environment). Both are told by the brand check of
 * their `size` getter, not by instanceof: a Blob of another realm's prototype is one all the same.
 *
 * @type {BlobKind[]}
 */
const kinds = [...new Set([globalThis.Blob, require("node:buffer").Blob])].flatMap((constructor) => {
  const prototype = constructor?.prototype;
  const size = prototype && Object.getOwnPropertyDescriptor(prototype, "size")?.get;
  return size !== undefined && prototype.arrayBuffer !== undefined
    ? [{ size, slice: prototype.slice, arrayBuffer: prototype.arrayBuffer }]
    : [];
});

/**
 * What a value is as a Blob, or undefined if it is none.
 *
 * @param {unknown} value
 * @returns {Entry | undefined}
 */
function toBlob(value) {
  if (typeof value === "object" && value !== null) {
    for (const kind of kinds) {
      try {
        const size = kind.size.call(/** @type {Blob} */ (value));
        if (typeof size === "number") {
          return { blob: /** @type {Blob} */ (value), kind, size, offset: 0 };
        }
      } catch {
        // Not of this kind.
      }
    }
  }
  return undefined;
}

/**
 * Remembers a Blob that the native half has taken, until it has asked for all of it.
 *
 * @param {SocketRecord} record
 * @param {Entry} entry
 */
function enqueue(record, entry) {
  if (record.id !== GONE) {
    record.blobs ??= { entries: [], error: undefined };
    record.blobs.entries.push(entry);
  }
}

/**
 * "The first Blob that is not yet complete: its next piece, please."
 *
 * @param {SocketRecord} record
 * @param {number} most bytes at a time
 */
async function answer(record, most) {
  const queue = record.blobs;
  const entry = queue?.entries[0];
  if (queue === null || entry === undefined) {
    return;
  }
  const { blob, kind, size, offset } = entry;
  const end = Math.min(offset + most, size);
  let bytes;
  let failure;
  try {
    const piece = offset === 0 && end === size ? blob : kind.slice.call(blob, offset, end);
    bytes = await kind.arrayBuffer.call(piece);
    if (bytes.byteLength !== end - offset) {
      throw new RangeError(`${bytes.byteLength} bytes came where ${end - offset} were announced`);
    }
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  if (record.id === GONE) {
    return;
  }
  entry.offset = end;
  if (end === size || failure !== undefined) {
    queue.entries.shift();
  }
  if (failure === undefined) {
    binding.blobPiece(record.id, /** @type {ArrayBuffer} */ (bytes));
  } else {
    queue.error = failure;
    binding.blobFail(record.id, `a Blob could not be read: ${cut(failure.message, SENTENCE)}`);
  }
}

/**
 * The error of the Blob that a Failure is about, for `cause`.
 *
 * @param {SocketRecord} record
 * @param {import("./errors.js").Failure} failure
 */
function takeBlobError({ blobs }, failure) {
  if (blobs === null || failure.code !== "EIO" || failure.syscall !== undefined) {
    return undefined;
  }
  const { error } = blobs;
  blobs.error = undefined;
  return error;
}

module.exports = { PIECE_BYTES, answer, enqueue, takeBlobError, toBlob };
