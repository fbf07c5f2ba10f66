"use strict";

// The part of `reader` that gets what a stream socket receives, and serves the reads (R-reader). It takes the place that the source of a
// `readable` has (readable.js): while the program has `reader`, the record's `intake` is a ReaderIntake.

const { watch } = require("./abort.js");
const { ByteBuffer } = require("./byte-buffer.js");
const { fromFailure, invalidState, networkError } = require("./errors.js");
const { requestBits } = require("./listener-bits.js");
const { binding } = require("./native.js");
const { cancel } = require("./pending-operations.js");
const { HALFCLOSE, INCOMING, Intake, takeIn } = require("./readable.js");
const { WAITS } = require("./reads.js");
const { GONE } = require("./socket-record.js");
const { readyState } = require("./sockets.js");
const { startTimer } = require("./timer.js");
const { withAwaiters } = require("./trace.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {import("./reads.js").ReadKind} ReadKind */
/** @typedef {{ signal?: AbortSignal, timeout?: number }} ReadOptions */

/** How many bytes are held for reads that are still to come. */
const BYTES_HELD = 64 * 1024;

/** After as many bytes at once more are likely to follow, so that memory can be made for them before they have come. */
const BULK = 16 * 1024;

/** The third argument of binding.giveBack(): why bytes are given back (docs/binding.md). */
const Why = /** @type {const} */ ({ EXCESS: 0, RELEASED: 1, END_UNDELIVERED: 2, END_DELIVERED: 3 });

/** A read that waits. */
class Read {
  /** How far the search has come (reads.js). */
  searched = 0;
  /** Fulfils the promise. @type {(value: any) => void} */
  fulfil = () => {};
  /** Rejects the promise. @type {(error: unknown) => void} */
  reject = () => {};
  /** Stops following the signal; undefined if there is none. @type {(() => void) | undefined} */
  unwatch = undefined;
  /** True once the signal has ended the read. */
  isAborted = false;
  /** The id of the timer; GONE if there is none. */
  timer = GONE;

  /** @param {ReadKind} kind */
  constructor(kind) {
    this.kind = kind;
    /** The promise of the read. @type {Promise<any>} */
    this.promise = new Promise((fulfil, reject) => {
      this.fulfil = fulfil;
      this.reject = reject;
    });
  }

  /** The read is over: nothing is to end it any more. */
  settle() {
    this.unwatch?.();
    if (this.timer !== GONE) {
      cancel(this.timer);
      this.timer = GONE;
    }
  }
}

class ReaderIntake {
  /** The name of the attribute, for messages. */
  name = /** @type {const} */ ("reader");
  /** Of streams: whether it was cancelled. A reader cannot be. */
  isCancelled = false;
  /** Of UDP sockets and servers. */
  isWanting = false;
  /** True once the program has called release(). */
  isReleased = false;
  /** What was received and not read. */
  #buffer = new ByteBuffer();
  /** The reads that wait, in the order of their calls. @type {Read[]} */
  #reads = [];
  /** What the native half was asked to do with the bytes. @type {number} */
  #intake = Intake.FLOWING;
  /** How many bytes the last message or direct read had. */
  #lastBytes = 0;
  /** Whether the peer has ended. */
  #hasEnded = false;
  /** What rejects reads that the bytes do not serve: a loss, or that the socket was closed. @type {Error | undefined} */
  #failure;
  /** The record of the socket. */
  #record;

  /** @param {SocketRecord} record */
  constructor(record) {
    this.#record = record;
    requestBits(record, record.ensureExtras().requestedBits | INCOMING | HALFCLOSE, INCOMING);
  }

  /** How many bytes were received and not read. */
  get buffered() {
    return this.#buffer.length;
  }

  // --- what the socket reports -------------------------------------------------------------------------------

  /** Bytes have come in. @param {Uint8Array} bytes */
  take(bytes) {
    this.#lastBytes = bytes.length;
    try {
      this.#buffer.append(bytes);
    } catch (cause) {
      this.#failNoMemory(cause);
    }
    this.#serve();
  }

  /** There are bytes for the large read in front, and they stay in the system until they are read. */
  readable() {
    this.#intake = Intake.HELD;
    const kind = this.#reads[0]?.kind;
    if (kind?.isLarge && this.#record.id !== GONE) {
      try {
        const { id } = this.#record;
        const room = this.#buffer.room(id, kind.most);
        this.#intake = Intake.DIRECT;
        const bytes = binding.readInto(id, room);
        if (bytes === 0) {
          return;
        }
        this.#lastBytes = bytes;
        this.#buffer.extend(bytes);
      } catch (cause) {
        this.#failNoMemory(cause);
      }
    }
    this.#serve();
  }

  /** No more bytes come. */
  end() {
    if (!this.#hasEnded && this.#failure === undefined) {
      this.#hasEnded = true;
      this.#serve();
    }
  }

  /** The connection is lost. @param {Error} error */
  fail(error) {
    this.#failure ??= error;
    this.#serve();
  }

  /** The program has called close() or reset(). */
  closing() {
    if (!this.#hasEnded) {
      const { ending, name } = this.#record;
      this.fail(invalidState(`${name}.reader: the socket is "${readyState(this.#record)}": ${ending}`));
    }
  }

  // --- what the program asks ---------------------------------------------------------------------------------

  /**
   * Starts a read. Serves it at once if it can be.
   *
   * @param {ReadKind} kind
   * @param {ReadOptions} options
   * @returns {Promise<any>}
   */
  read(kind, { signal, timeout }) {
    if (signal?.aborted) {
      return Promise.reject(signal.reason);
    }
    if (this.#reads.length === 0) {
      const progress = { searched: 0 };
      try {
        const result = this.#attempt(kind, progress);
        if (result !== WAITS) {
          this.#adjust();
          return Promise.resolve(result);
        }
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return this.#wait(kind, signal, timeout);
  }

  /**
   * Takes the next line if it is there, and no read waits. Undefined: it is not there, or too long. This is the hot path of readLine().
   *
   * @param {number} limit
   */
  lineAtOnce(limit) {
    if (this.#reads.length > 0) {
      return undefined;
    }
    const line = this.#buffer.takeLine(limit, 0);
    if (typeof line !== "string") {
      return undefined;
    }
    if (this.#intake !== Intake.FLOWING) {
      this.#adjust();
    }
    return line;
  }

  /** Puts bytes in front. @param {Uint8Array} bytes */
  unread(bytes) {
    this.#buffer.prepend(bytes);
    for (const read of this.#reads) {
      read.searched = 0;
    }
    this.#serve();
  }

  /**
   * Gives back what was not read: it belongs to whatever comes next.
   *
   * @param {string} where for messages
   */
  release(where) {
    const record = this.#record;
    if (this.#reads.length > 0) {
      throw invalidState(`${where}: ${this.#reads[0]?.kind.name} is pending`);
    }
    const extras = record.ensureExtras();
    const bytes = this.#buffer.take(this.#buffer.length);
    const why = !record.ended ? Why.RELEASED : extras.isEndDelivered ? Why.END_DELIVERED : Why.END_UNDELIVERED;
    const result = record.id !== GONE && binding.giveBack(record.id, bytes, why);
    if (typeof result === "object") {
      this.#buffer.append(bytes);
      throw fromFailure(result, where);
    }
    if (result) {
      // The native half reports the end again, after the bytes. If `halfclose` was already fired to a listener, it is not fired again.
      record.ended = false;
    } else {
      extras.droppedBytes += bytes.length;
    }
    this.#ask(Intake.FLOWING);
    // A `writable` also asks for `halfclose`.
    requestBits(record, extras.requestedBits & ~(extras.outlet === undefined ? HALFCLOSE | INCOMING : INCOMING), 0);
    extras.intake = undefined;
    this.isReleased = true;
  }

  /** @param {unknown} cause */
  #failNoMemory(cause) {
    this.#failure = networkError("reader: there is no memory for more bytes", { code: "ENOBUFS", cause });
  }

  // --- inside ------------------------------------------------------------------------------------------------

  /**
   * Returns the result of a read, or WAITS.
   *
   * @param {ReadKind} kind
   * @param {import("./reads.js").Progress} progress
   */
  #attempt(kind, progress) {
    const result = kind.take(this.#buffer, progress);
    if (result !== WAITS) {
      return result;
    }
    if (this.#hasEnded) {
      return kind.atEnd(this.#buffer);
    }
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    return WAITS;
  }

  /**
   * Adds a read to those that wait. The function is async, so that the stack of an exception shows the caller (R-stack).
   *
   * @param {ReadKind} kind
   * @param {AbortSignal | undefined} signal
   * @param {number | undefined} timeout
   */
  async #wait(kind, signal, timeout) {
    const read = new Read(kind);
    if (signal !== undefined) {
      read.unwatch = watch(signal, read, (reason) => {
        read.isAborted = true;
        this.#drop(read, reason);
      });
    }
    this.#reads.push(read);
    if (timeout !== undefined && timeout > 0) {
      const expired = () => {
        read.timer = GONE;
        this.#drop(read, networkError(`${kind.name}: not served within ${timeout} ms (options.timeout)`, { code: "ETIMEDOUT" }));
      };
      read.timer = startTimer(this.#record, timeout, expired, (error) => this.#drop(read, error), kind.name);
      // The socket keeps the process alive, or does not (R-keep).
      binding.ref(read.timer, false);
    }
    this.#adjust();
    try {
      return await read.promise;
    } catch (error) {
      // The reason of a signal is the program's: it stays as it is.
      throw read.isAborted ? error : withAwaiters(/** @type {DOMException} */ (error));
    }
  }

  /**
   * Ends a read that waits, before it is served. It has taken no bytes.
   *
   * @param {Read} read
   * @param {unknown} error
   */
  #drop(read, error) {
    const at = this.#reads.indexOf(read);
    if (at >= 0) {
      this.#reads.splice(at, 1);
      read.settle();
      read.reject(error);
      this.#serve();
    }
  }

  /** Serves the reads that can be served, in order. */
  #serve() {
    while (this.#reads.length > 0) {
      const read = /** @type {Read} */ (this.#reads[0]);
      try {
        const result = this.#attempt(read.kind, read);
        if (result === WAITS) {
          break;
        }
        read.fulfil(result);
      } catch (error) {
        read.reject(error);
      }
      this.#reads.shift();
      read.settle();
    }
    this.#adjust();
  }

  /** Makes the socket read on, or stop, or take back what the buffer must not hold. */
  #adjust() {
    const { length } = this.#buffer;
    const isFlowing = this.#intake === Intake.FLOWING;
    if ((isFlowing && length < BULK && this.#lastBytes < BULK) || this.#hasEnded || this.#failure !== undefined) {
      return;
    }
    if (this.#reads[0]?.kind.isLarge && (this.#intake === Intake.DIRECT || this.#lastBytes >= BULK)) {
      this.#ask(Intake.DIRECT);
      return;
    }
    if (isFlowing && length < BYTES_HELD) {
      return;
    }
    const most = Math.max(BYTES_HELD, this.#reads[0]?.kind.most ?? 0);
    if (length > most && this.#record.id !== GONE) {
      const excess = this.#buffer.takeLast(length - most);
      if (binding.giveBack(this.#record.id, excess, Why.EXCESS) !== true) {
        this.#buffer.append(excess);
      }
    }
    // Once it is held, it goes on when half of the bytes were read, or when a read waits for more.
    const isHeld = this.#intake === Intake.HELD ? this.#reads.length === 0 && length > BYTES_HELD / 2 : length >= most;
    this.#ask(isHeld ? Intake.HELD : Intake.FLOWING);
  }

  /** Says to the native half what to do with the bytes. @param {number} intake */
  #ask(intake) {
    if (this.#intake !== intake) {
      this.#intake = intake;
      takeIn(this.#record, intake);
    }
  }
}

module.exports = { ReaderIntake };
