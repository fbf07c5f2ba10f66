"use strict";

// Sending Blobs. send() puts a Blob into the queue at once. Its bytes are read piece by piece, when the native half asks for them
// (docs/binding.md, Blobs).

const { binding } = require("./native.js");
const { findGetter } = require("./original-getter.js");
const { SENTENCE, cut } = require("./shown.js");
const { GONE } = require("./socket-record.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {{ blob: Blob, kind: BlobKind, size: number, offset: number }} Entry a Blob in the queue; `offset`: the bytes already read */
/**
 * The Blobs that are not yet read to their end. `error`: the error of a Blob that could not be read; undefined if there is none.
 *
 * @typedef {{ entries: Entry[], error: unknown }} BlobQueue
 */

/**
 * @typedef {object} BlobKind the original members of one implementation of Blob; a program may replace them later
 * @property {(this: Blob) => number} size
 * @property {typeof Blob.prototype.slice} slice
 * @property {typeof Blob.prototype.arrayBuffer} arrayBuffer
 * @property {typeof Blob} Blob the constructor
 */

/** The most bytes of a Blob that a stream socket gets in one piece (docs/binding.md). */
const PIECE_BYTES = 256 * 1024;

/**
 * The implementations of Blob: the runtime's, and the global Blob if it differs (jest's jsdom environment). The `size` getter of an
 * implementation works for its Blobs of all realms, and throws for anything else. instanceof does not recognise Blobs of other realms.
 *
 * @type {BlobKind[]}
 */
const kinds = [...new Set([globalThis.Blob, require("node:buffer").Blob])].flatMap((constructor) => {
  const prototype = constructor?.prototype;
  const size = findGetter(prototype, "size");
  return size !== undefined && prototype.arrayBuffer !== undefined
    ? [{ size, slice: prototype.slice, arrayBuffer: prototype.arrayBuffer, Blob: constructor }]
    : [];
});

/**
 * A queue entry for a Blob; undefined if the value is no Blob.
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
        // The value is not a Blob of this kind.
      }
    }
  }
  return undefined;
}

/**
 * Keeps a Blob that send() has accepted until the native half has asked for all of its bytes.
 *
 * @param {SocketRecord} record
 * @param {Entry} entry
 */
function enqueue(record, entry) {
  if (record.id !== GONE) {
    const extras = record.ensureExtras();
    extras.blobs ??= { entries: [], error: undefined };
    extras.blobs.entries.push(entry);
  }
}

/**
 * Gives the native half the next piece of the first Blob that is not yet complete.
 *
 * @param {SocketRecord} record
 * @param {number} most the most bytes of one piece
 */
async function answer(record, most) {
  const queue = record.extras?.blobs;
  const entry = queue?.entries[0];
  if (queue === undefined || entry === undefined) {
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
 * Takes the stored error of a Blob, for the `cause` of an exception; undefined if the Failure does not come from a Blob.
 *
 * @param {SocketRecord} record
 * @param {import("./errors.js").Failure} failure
 */
function takeBlobError({ extras }, failure) {
  const blobs = extras?.blobs;
  if (blobs === undefined || failure.code !== "EIO" || failure.syscall !== undefined) {
    return undefined;
  }
  const { error } = blobs;
  blobs.error = undefined;
  return error;
}

/**
 * A Blob of these bytes and another Blob behind them.
 *
 * @param {Uint8Array} bytes
 * @param {unknown} blob a value for which toBlob() has an entry
 */
function blobBehind(bytes, blob) {
  const { kind } = /** @type {Entry} */ (toBlob(blob));
  return new kind.Blob([/** @type {Uint8Array<ArrayBuffer>} */ (bytes), /** @type {Blob} */ (blob)]);
}

module.exports = { PIECE_BYTES, answer, blobBehind, enqueue, takeBlobError, toBlob };
