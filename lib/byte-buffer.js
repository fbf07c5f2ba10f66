"use strict";

// The bytes that `reader` holds: received and not yet read (R-reader). They lie in one piece of memory, so a search never spans two pieces. If the
// buffer is empty, it adopts the memory of what comes in, and copies nothing.

const { Buffer } = require("node:buffer");
const { TextDecoder } = require("node:util");
const { binding } = require("./native.js");
const { pinned } = require("./pinned.js");

/** Decodes lines. It is not fatal, and keeps the byte order mark (R-reader). */
const decoder = pinned(new TextDecoder("utf-8", { ignoreBOM: true }), ["decode"]);

/** The code of a line feed, as a byte and as a character. */
const LINE_FEED = 10;
/** The code of a carriage return. */
const CARRIAGE_RETURN = 13;

/** The least memory for bytes that come in behind others, in bytes. */
const LEAST = 1024;
/** The least memory that room() makes, in bytes. It is asked for only while bytes come in bulk. */
const LEAST_ROOM = 64 * 1024;
/** room() makes memory for so many times the bytes that there are. With more, less is copied; with less, a peer that stops costs less memory. */
const ROOM_FACTOR = 4;
/** If fewer bytes than this follow a line, the line is decoded alone. */
const WORTH_A_TEXT = 512;

/** The memory of a buffer that has none of its own. */
const EMPTY = new Uint8Array(0);

/** Makes memory that is not cleared. */
const { newMemory } = binding;

// The runtime's own functions. They are stored here, because a program may replace them later.
/** Those of typed arrays. */
const { indexOf, lastIndexOf, set, slice, subarray } = Object.getPrototypeOf(Uint8Array.prototype);
/** Searches for several bytes. Typed arrays have no such function. */
const bufferIndexOf = Buffer.prototype.indexOf;
/** Makes a Buffer on the memory of an ArrayBuffer. */
const bufferFrom = Buffer.from;
/** The constructor of the memory. */
const ByteArray = Uint8Array;

/** @type {(array: Uint8Array, start: number, end: number) => Uint8Array} */
const part = (array, start, end) => Reflect.apply(subarray, array, [start, end]);

class ByteBuffer {
  /** The memory. */
  #bytes = /** @type {Uint8Array} */ (EMPTY);
  /** Where the first byte is. */
  #start = 0;
  /** Where the byte behind the last one would be. */
  #end = 0;
  /** The memory up to the last byte, for searches. */
  #view = /** @type {Uint8Array} */ (EMPTY);
  /** True if the memory was made here, so that it may have room behind the last byte. */
  #isOwn = false;
  /** Complete lines from the first byte on, decoded. "": none are. */
  #text = "";
  /** Where the first character of the next line is in `#text`. */
  #textStart = 0;
  /** Where the bytes of `#text` end. */
  #textEnd = 0;
  /** True if each byte of the lines is one character of `#text`. */
  #isNarrow = false;

  /** How many bytes there are. */
  get length() {
    return this.#end - this.#start;
  }

  /**
   * Appends bytes. The caller gives them up.
   *
   * @param {Uint8Array} bytes
   */
  append(bytes) {
    const { length } = bytes;
    if (length === 0) {
      return;
    }
    if (this.#end === this.#start) {
      this.#adopt(bytes);
      return;
    }
    if (!this.#isOwn || this.#bytes.length - this.#end < length) {
      this.#grow(length, 0);
    }
    Reflect.apply(set, this.#bytes, [bytes, this.#end]);
    this.#end += length;
    this.#view = part(this.#bytes, 0, this.#end);
  }

  /**
   * The memory behind the bytes, for the next ones to be written there. extend() then makes them part of the buffer. If all bytes up to
   * `most` come so, take() copies none of them.
   *
   * @param {number} id the socket that will write them
   * @param {number} most how many bytes there will be at most; more than there are
   */
  room(id, most) {
    const { length } = this;
    if (!this.#isOwn || this.#end === this.#bytes.length) {
      const size = Math.min(most, Math.max(LEAST_ROOM, ROOM_FACTOR * length));
      const bytes = newMemory(id, size);
      if (bytes === undefined) {
        throw new RangeError(`${size} bytes could not be allocated`);
      }
      this.#moveTo(bytes, 0);
    }
    return part(this.#bytes, this.#end, Math.min(this.#bytes.length, this.#start + most));
  }

  /** So many bytes were written to room(). @param {number} length */
  extend(length) {
    this.#end += length;
    this.#view = part(this.#bytes, 0, this.#end);
  }

  /**
   * Puts bytes in front of the others. The caller gives them up.
   *
   * @param {Uint8Array} bytes
   */
  prepend(bytes) {
    const { length } = bytes;
    if (length === 0) {
      return;
    }
    this.#forgetText();
    if (this.#end === this.#start) {
      this.#adopt(bytes);
      return;
    }
    this.#grow(0, length);
    this.#start -= length;
    Reflect.apply(set, this.#bytes, [bytes, this.#start]);
  }

  /**
   * Takes the first `length` bytes. The result has memory of its own.
   *
   * @param {number} length not more than there are
   */
  take(length) {
    this.#forgetText();
    const isAll = length === this.#end - this.#start;
    const result =
      isAll && length === this.#bytes.length ? this.#bytes : Reflect.apply(slice, this.#bytes, [this.#start, this.#start + length]);
    this.#skip(length);
    return result;
  }

  /**
   * Takes the last `length` bytes.
   *
   * @param {number} length not more than there are
   */
  takeLast(length) {
    this.#forgetText();
    const result = Reflect.apply(slice, this.#bytes, [this.#end - length, this.#end]);
    this.#end -= length;
    this.#view = part(this.#bytes, 0, this.#end);
    return result;
  }

  /**
   * Looks for bytes. Returns how many bytes are before the first place where they are; -1 if they are nowhere.
   *
   * @param {Uint8Array} delimiter not empty
   * @param {number} from how many bytes are known not to begin it
   */
  find(delimiter, from) {
    const start = this.#start + from;
    const at =
      delimiter.length === 1
        ? Reflect.apply(indexOf, this.#view, [delimiter[0], start])
        : Reflect.apply(bufferIndexOf, bufferFrom(this.#view.buffer, this.#view.byteOffset, this.#end), [delimiter, start]);
    return at < 0 ? -1 : at - this.#start;
  }

  /**
   * Takes the next line, without its line end. Undefined: there is no line end. A number: the line is longer than `limit`, and stays.
   *
   * @param {number} limit how many bytes the line may have, line feed included
   * @param {number} from how many bytes are known to be no line feed
   * @returns {string | number | undefined}
   */
  takeLine(limit, from) {
    if (this.#text !== "") {
      return this.#takeDecoded(limit);
    }
    const start = this.#start;
    const at = Reflect.apply(indexOf, this.#view, [LINE_FEED, start + from]);
    if (at < 0) {
      return undefined;
    }
    const length = at + 1 - start;
    if (length > limit) {
      return length;
    }
    if (this.#end - at > WORTH_A_TEXT) {
      this.#decodeLines();
      return this.#takeDecoded(limit);
    }
    const end = at > start && this.#bytes[at - 1] === CARRIAGE_RETURN ? at - 1 : at;
    const line = decoder.decode(part(this.#bytes, start, end));
    this.#skip(length);
    return line;
  }

  /** Takes all bytes, as text. */
  takeText() {
    const text = decoder.decode(part(this.#bytes, this.#start, this.#end));
    this.#forgetText();
    this.#skip(this.length);
    return text;
  }

  /** Takes the next line of `#text`. @param {number} limit */
  #takeDecoded(limit) {
    const text = this.#text;
    const from = this.#textStart;
    const at = text.indexOf("\n", from);
    const length = this.#isNarrow ? at + 1 - from : Reflect.apply(indexOf, this.#view, [LINE_FEED, this.#start]) + 1 - this.#start;
    if (length > limit) {
      return length;
    }
    const end = at > from && text.charCodeAt(at - 1) === CARRIAGE_RETURN ? at - 1 : at;
    this.#start += length;
    this.#textStart = at + 1;
    if (this.#start === this.#textEnd) {
      this.#text = "";
      this.#skip(0);
    }
    return text.slice(from, end);
  }

  /** Decodes all complete lines at once, which takes a fraction of the time that each line alone would take. There is at least one. */
  #decodeLines() {
    const end = Reflect.apply(lastIndexOf, this.#view, [LINE_FEED]) + 1;
    const text = decoder.decode(part(this.#bytes, this.#start, end));
    this.#text = text;
    this.#textStart = 0;
    this.#textEnd = end;
    // Decoding never gives more characters than bytes. So if there are as many, each byte has given one.
    this.#isNarrow = text.length === end - this.#start;
  }

  #forgetText() {
    this.#text = "";
  }

  /** Removes the first `length` bytes. If none are left, the memory is given up. @param {number} length */
  #skip(length) {
    this.#start += length;
    if (this.#start === this.#end) {
      this.#bytes = EMPTY;
      this.#view = EMPTY;
      this.#start = 0;
      this.#end = 0;
      this.#isOwn = false;
    }
  }

  /** Becomes these bytes. @param {Uint8Array} bytes */
  #adopt(bytes) {
    this.#bytes = bytes;
    this.#view = bytes;
    this.#start = 0;
    this.#end = bytes.length;
    this.#isOwn = false;
  }

  /**
   * Moves the bytes to memory with room. There is room for as many bytes again, so that a long wait for small pieces copies each byte only a
   * few times.
   *
   * @param {number} behind how many bytes come behind the others
   * @param {number} before how many bytes come before the others
   */
  #grow(behind, before) {
    const { length } = this;
    const needed = length + behind;
    this.#moveTo(new ByteArray(before + Math.max(LEAST, behind > length ? needed : 2 * needed)), before);
  }

  /**
   * Moves the bytes to other memory.
   *
   * @param {Uint8Array} bytes
   * @param {number} before how many bytes come before the others
   */
  #moveTo(bytes, before) {
    const { length } = this;
    Reflect.apply(set, bytes, [part(this.#bytes, this.#start, this.#end), before]);
    // The decoded lines move along.
    this.#textEnd += before - this.#start;
    this.#bytes = bytes;
    this.#start = before;
    this.#end = before + length;
    this.#view = part(bytes, 0, this.#end);
    this.#isOwn = true;
  }
}

module.exports = { ByteBuffer };
