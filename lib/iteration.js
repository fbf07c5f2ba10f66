"use strict";

// `for await` over a TCPServerSocket or a UDPSocket (R-iterate): one connection or datagram for each next(), and none taken from
// the system while no next() waits.

const { claimIncoming } = require("./readable.js");
const { noteCaller } = require("./trace.js");
const { illegalInvocation } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */
/** @typedef {{ loop: Loop, resolve: (result: IteratorResult<unknown, undefined>) => void, reject: (error: unknown) => void }} Waiting */

/** @type {IteratorReturnResult<undefined>} */
const DONE = { done: true, value: undefined };

/** The loops over one socket: they share what comes. */
class Iteration {
  /** The next() calls that wait, the oldest first. @type {Waiting[]} */
  #waiting = [];

  /** @param {SocketRecord} record */
  constructor(record) {
    this.record = record;
  }

  get isAwaited() {
    return this.#waiting.length > 0;
  }

  /** @param {Waiting} waiting */
  add(waiting) {
    this.#waiting.push(waiting);
    claimIncoming(this.record);
  }

  /**
   * A connection or a datagram for who has waited longest.
   *
   * @param {unknown} value
   */
  take(value) {
    const waiting = this.#waiting.shift();
    claimIncoming(this.record);
    waiting?.resolve({ done: false, value });
  }

  /**
   * A loop is left.
   *
   * @param {Loop} loop
   */
  leave(loop) {
    const leaving = this.#waiting.filter((waiting) => waiting.loop === loop);
    this.#waiting = this.#waiting.filter((waiting) => waiting.loop !== loop);
    claimIncoming(this.record);
    for (const { resolve } of leaving) {
      resolve({ ...DONE });
    }
  }

  /** The socket is closed. */
  end() {
    for (const { loop, resolve } of this.#waiting.splice(0)) {
      loop.isOver = true;
      resolve({ ...DONE });
    }
  }

  /**
   * An error has closed the socket: each loop throws it, once.
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
  #record;
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
    record.iteration ??= new Iteration(record);
    const { iteration } = record;
    return new Promise((resolve, reject) => {
      iteration.add({ loop: this, resolve, reject });
    });
  }

  /** @param {unknown} value */
  leave(value) {
    this.isOver = true;
    this.#record.iteration?.leave(this);
    return Promise.resolve({ done: true, value });
  }
}

/**
 * A datagram that was too long has closed the socket, but its error is still to come: that is what the loop is to throw.
 *
 * @param {SocketRecord} record
 */
function isClosed(record) {
  return record.closed && (record.finished || record.ending !== "");
}

/**
 * Defines Symbol.asyncIterator.
 *
 * @param {{ name: string, prototype: object }} interfaceClass
 * @param {(socket: unknown) => SocketRecord | undefined} recordOf undefined for whatever is not of the interface
 */
function defineIteration({ name, prototype }, recordOf) {
  /** @type {WeakMap<object, Loop>} */
  const loops = new WeakMap();
  /**
   * @param {object} iterator
   * @param {(loop: Loop) => Promise<unknown>} act
   */
  const loop = (iterator, act) => {
    const found = loops.get(iterator);
    return found === undefined
      ? Promise.reject(illegalInvocation(`The async iterator of ${name}`))
      : act(found);
  };
  // It is its own iterable, as every async iterator: the engine's prototype says that.
  const iteratorPrototype = Object.create(Object.getPrototypeOf(Object.getPrototypeOf((async function* () {}).prototype)));
  Object.assign(iteratorPrototype, {
    /** @this {object} */
    next() {
      return loop(this, (found) => found.next());
    },
    /**
     * @this {object}
     * @param {unknown} value
     */
    return(value) {
      return loop(this, (found) => found.leave(value));
    },
  });
  Object.defineProperty(iteratorPrototype, Symbol.toStringTag, { value: `${name} AsyncIterator`, configurable: true });

  const members = {
    /** @this {object} */
    [Symbol.asyncIterator]() {
      const record = recordOf(this);
      if (record === undefined) {
        throw illegalInvocation(`${name}[Symbol.asyncIterator]`);
      }
      noteCaller(record, members[Symbol.asyncIterator]);
      const iterator = Object.create(iteratorPrototype);
      loops.set(iterator, new Loop(record));
      return iterator;
    },
  };
  Object.defineProperty(prototype, Symbol.asyncIterator, {
    value: members[Symbol.asyncIterator],
    writable: true,
    configurable: true,
  });
}

module.exports = { Iteration, defineIteration };
