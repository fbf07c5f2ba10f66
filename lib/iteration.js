"use strict";

// `for await` over a TCPServerSocket or a UDPSocket (R-iterate). Each next() gets one connection or datagram. While no next() waits, the
// package takes none from the system.

const { asyncIterators } = require("./async-iterator.js");
const { requestIncoming, requestIncomingLater } = require("./readable.js");
const { noteCaller } = require("./trace.js");
const { checkedRecord } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {{ loop: Loop, resolve: (result: IteratorResult<unknown, undefined>) => void, reject: (error: unknown) => void }} WaitingNext */

/** @type {IteratorReturnResult<undefined>} */
const DONE = { done: true, value: undefined };

/** The loops over one socket. Each connection or datagram goes to only one of them. */
class Iteration {
  /** The next() calls that wait, the oldest first. @type {WaitingNext[]} */
  #waiting = [];

  /** @param {SocketRecord} record */
  constructor(record) {
    this.record = record;
  }

  get isAwaited() {
    return this.#waiting.length > 0;
  }

  /** @param {WaitingNext} waiting */
  add(waiting) {
    this.#waiting.push(waiting);
    requestIncoming(this.record);
  }

  /**
   * Gives a connection or a datagram to the next() that has waited longest.
   *
   * @param {unknown} value
   */
  take(value) {
    const waiting = this.#waiting.shift();
    requestIncomingLater(this.record);
    waiting?.resolve({ done: false, value });
  }

  /**
   * Ends the next() calls of a loop that the program has left.
   *
   * @param {Loop} loop
   */
  leave(loop) {
    const leaving = this.#waiting.filter((waiting) => waiting.loop === loop);
    this.#waiting = this.#waiting.filter((waiting) => waiting.loop !== loop);
    requestIncoming(this.record);
    for (const { resolve } of leaving) {
      resolve({ ...DONE });
    }
  }

  /**
   * Ends all loops without an error, because the socket is closed. A server that closes may still have a connection. It goes to the listeners, or
   * is reset (R-srv-close).
   */
  end() {
    const ending = this.#waiting.splice(0);
    requestIncoming(this.record);
    for (const { loop, resolve } of ending) {
      loop.isOver = true;
      resolve({ ...DONE });
    }
  }

  /**
   * Ends all loops after an error has closed the socket. Each loop throws the error once.
   *
   * @param {unknown} error
   */
  fail(error) {
    for (const { loop, resolve, reject } of this.#waiting.splice(0)) {
      if (loop.isOver) {
        resolve({ ...DONE });
      } else {
        loop.isOver = true;
        reject(error);
      }
    }
  }
}

/** One loop. */
class Loop {
  /** The record of the socket. */
  #record;
  /** True once the loop has ended: next() returns only `{ done: true }`. */
  isOver = false;

  /** @param {SocketRecord} record */
  constructor(record) {
    this.#record = record;
  }

  /** @returns {Promise<IteratorResult<unknown, undefined>>} */
  next() {
    const record = this.#record;
    if (!this.isOver && record.failure !== null) {
      this.isOver = true;
      return Promise.reject(record.failure);
    }
    if (this.isOver || isClosed(record)) {
      this.isOver = true;
      return Promise.resolve({ ...DONE });
    }
    const extras = record.ensureExtras();
    extras.iteration ??= new Iteration(record);
    const { iteration } = extras;
    return new Promise((resolve, reject) => {
      iteration.add({ loop: this, resolve, reject });
    });
  }

  /** @param {unknown} value */
  leave(value) {
    this.isOver = true;
    this.#record.extras?.iteration?.leave(this);
    return Promise.resolve({ done: true, value });
  }
}

/**
 * Whether the socket is closed and no `error` event is still to come. If a datagram that was too long has closed a UDPSocket, the error
 * comes later. Until then the result is false, so that a loop waits and can throw the error.
 *
 * @param {SocketRecord} record
 */
function isClosed(record) {
  return record.closed && (record.finished || record.ending !== "");
}

/**
 * Returns the object that gets the next connection or datagram: the loops, if a next() waits, otherwise the `readable`. undefined if the
 * listeners get it.
 *
 * @param {SocketRecord} record
 */
function takerOf({ extras }) {
  if (extras === undefined) {
    return undefined;
  }
  const { intake, iteration } = extras;
  // Only a stream socket can have a `reader`.
  const readable = /** @type {InstanceType<typeof import("./readable.js").Readable> | undefined} */ (intake);
  return iteration !== undefined && iteration.isAwaited ? iteration : readable;
}

/**
 * Defines Symbol.asyncIterator.
 *
 * @param {{ name: string, prototype: object }} interfaceClass
 * @param {(socket: unknown) => SocketRecord | undefined} recordOf returns undefined for an object that is not of the interface
 */
function defineIteration({ name, prototype }, recordOf) {
  const member = `${name}[Symbol.asyncIterator]`;
  const makeIterator = asyncIterators(`${name} AsyncIterator`, `The async iterator of ${name}`);
  const members = {
    /** @this {object} */
    [Symbol.asyncIterator]() {
      const record = checkedRecord(recordOf(this), member);
      noteCaller(record, members[Symbol.asyncIterator]);
      return makeIterator(new Loop(record));
    },
  };
  Object.defineProperty(prototype, Symbol.asyncIterator, {
    value: members[Symbol.asyncIterator],
    writable: true,
    configurable: true,
  });
}

module.exports = { Iteration, defineIteration, takerOf };
