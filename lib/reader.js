"use strict";

// interface TCPReader: the attribute `reader` of a TCPSocket and a UnixSocket, which reads by demand (R-reader).

const { toSignal } = require("./abort.js");
const { invalidAccess, invalidState } = require("./errors.js");
const { requireNoFraming } = require("./framing.js");
const { makeLines } = require("./lines.js");
const { changed, isEnding } = require("./progress.js");
const { ReaderIntake } = require("./reader-intake.js");
const { READ, exactly, line, until } = require("./reads.js");
const { readyState } = require("./sockets.js");
const {
  brandCheck,
  bytesOf,
  defineInterface,
  dictionary,
  missingArguments,
  nameInterface,
  shown,
  toBytes,
  toEnforcedUnsignedLong,
} = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {{ signal?: AbortSignal, timeout?: number, limit?: number }} Options */

/** The default of `limit`, in bytes. */
const LIMIT = 65_536;

/** dictionary ReadOptions. */
const toReadOptions = dictionary({ signal: toSignal, timeout: toEnforcedUnsignedLong });
/** dictionary ReadUntilOptions. */
const toReadUntilOptions = dictionary({ limit: toEnforcedUnsignedLong, signal: toSignal, timeout: toEnforcedUnsignedLong });

/** No options. */
const NONE = /** @type {Options} */ (Object.freeze({}));
/** readLine() with the default limit. */
const LINE = line(LIMIT);

/** If the constructor's argument is this object, it makes a reader. Only takeReader() has the object. */
const INSIDE = Object.freeze({});

/**
 * What a method that reads returns: the promise of its read, or one that is rejected with what it has thrown.
 *
 * @template T
 * @param {() => Promise<T>} begin
 * @returns {Promise<T>}
 */
function promised(begin) {
  try {
    return begin();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Gives a reader its intake when the program reads the attribute. @type {(reader: TCPReader, intake: InstanceType<typeof ReaderIntake>) => void} */
let attach = () => {};

class TCPReader {
  /** What holds the bytes and the reads. Its presence also shows that an object is a TCPReader. @type {InstanceType<typeof ReaderIntake>} */
  #intake;
  /** The name of the socket's interface, for messages. */
  #name;

  /**
   * @param {unknown} inside
   * @param {string} name
   * @param {InstanceType<typeof ReaderIntake>} intake
   */
  constructor(inside, name, intake) {
    if (inside !== INSIDE) {
      throw new TypeError("Illegal constructor: read the attribute reader of a socket");
    }
    this.#name = name;
    this.#intake = intake;
  }

  // The methods that read are not async. Such a function would settle its promise later than readLine() does, so that two reads could settle in
  // another order than that in which they were served.

  /** @param {unknown} [options] */
  read(options = undefined) {
    return promised(() => {
      brandCheck(#intake in this, "TCPReader.read()");
      return this.#open("read()").read(READ, options === undefined ? NONE : toReadOptions(options, "options"));
    });
  }

  /**
   * @param {unknown} length
   * @param {unknown} [options]
   */
  readExactly(length, options = undefined) {
    return promised(() => {
      brandCheck(#intake in this, "TCPReader.readExactly()");
      if (arguments.length === 0) {
        throw missingArguments("TCPReader.readExactly()", 1, 0);
      }
      const bytes = toEnforcedUnsignedLong(length, "length");
      const converted = toReadOptions(options, "options");
      const intake = this.#open("readExactly()");
      return bytes === 0 ? Promise.resolve(new Uint8Array(0)) : intake.read(exactly(bytes), converted);
    });
  }

  /**
   * @param {unknown} delimiter
   * @param {unknown} [options]
   */
  readUntil(delimiter, options = undefined) {
    const where = "TCPReader.readUntil()";
    return promised(() => {
      brandCheck(#intake in this, where);
      if (arguments.length === 0) {
        throw missingArguments(where, 1, 0);
      }
      const bytes = toBytes(delimiter, "delimiter");
      const converted = toReadUntilOptions(options, "options");
      if (bytes.length === 0) {
        throw invalidAccess(`${where}: the delimiter is empty`);
      }
      return this.#open("readUntil()").read(until(bytes, converted.limit ?? LIMIT), converted);
    });
  }

  /** @param {unknown} [options] */
  readLine(options = undefined) {
    return promised(() => {
      brandCheck(#intake in this, "TCPReader.readLine()");
      const intake = this.#open("readLine()");
      if (options === undefined) {
        const there = intake.lineAtOnce(LIMIT);
        return there === undefined ? intake.read(LINE, NONE) : Promise.resolve(there);
      }
      const converted = toReadUntilOptions(options, "options");
      return intake.read(converted.limit === undefined ? LINE : line(converted.limit), converted);
    });
  }

  /** @param {unknown} [options] */
  lines(options = undefined) {
    brandCheck(#intake in this, "TCPReader.lines");
    const converted = options === undefined ? NONE : toReadUntilOptions(options, "options");
    return makeLines(converted.limit ?? LIMIT, converted, () => this.#open("lines()"));
  }

  /** @param {unknown} data */
  unread(data) {
    brandCheck(#intake in this, "TCPReader.unread");
    if (arguments.length === 0) {
      throw missingArguments("TCPReader.unread()", 1, 0);
    }
    const bytes = bytesOf(data, "data");
    if (bytes === undefined) {
      throw new TypeError(`data must be an ArrayBuffer or a view on one, not ${shown(data)}`);
    }
    this.#open("unread()").unread(bytes);
  }

  get buffered() {
    brandCheck(#intake in this, "TCPReader.buffered");
    return this.#intake.isReleased ? 0 : this.#intake.buffered;
  }

  release() {
    brandCheck(#intake in this, "TCPReader.release");
    this.#open("release()").release(`${this.#name}.reader.release()`);
  }

  /** The intake, if the reader was not released. @param {string} member */
  #open(member) {
    const intake = this.#intake;
    if (intake.isReleased) {
      throw invalidState(`${this.#name}.reader.${member}: the reader was released; read the attribute reader again to take it`);
    }
    return intake;
  }

  static {
    nameInterface(this, "TCPReader");
    attach = (reader, intake) => {
      reader.#intake = intake;
    };
  }
}

defineInterface(TCPReader, "TCPReader", [
  "read", "readExactly", "readUntil", "readLine", "lines", "unread", "buffered", "release",
]);

/**
 * The attribute `reader` of a stream socket.
 *
 * @param {SocketRecord} record
 */
function takeReader(record) {
  const where = `${record.name}.reader`;
  const extras = record.ensureExtras();
  const { intake: present } = extras;
  if (extras.reader !== undefined && present instanceof ReaderIntake) {
    return extras.reader;
  }
  if (present !== undefined) {
    throw invalidState(`${where}: the readable of the socket was taken: it receives the data`);
  }
  requireNoFraming(record, where);
  if (extras.relay !== undefined && !record.closed) {
    throw invalidState(`${where}: the socket is relayed: what comes in goes to the other socket of relay()`);
  }
  const intake = new ReaderIntake(record);
  extras.intake = intake;
  if (extras.reader === undefined) {
    extras.reader = new TCPReader(INSIDE, record.name, intake);
  } else {
    attach(/** @type {TCPReader} */ (extras.reader), intake);
  }
  if (record.failure !== null) {
    intake.fail(record.failure);
  } else if (record.ended || (readyState(record) === "closing" && record.ending === "")) {
    // While the socket closes because of the peer's end, `ending` is empty.
    intake.end();
  } else if (isEnding(record)) {
    intake.closing();
  }
  changed(record);
  return extras.reader;
}

module.exports = { takeReader };
