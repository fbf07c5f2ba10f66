"use strict";

// lines() of `reader`: an async iterator of readLine() (R-reader).

const { line } = require("./reads.js");
const { illegalInvocation } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./reader-intake.js").ReaderIntake>} ReaderIntake */

/** The name of the iterator's interface. */
const NAME = "TCPReader AsyncIterator";

class Lines {
  /** True once the loop has ended. */
  #isOver = false;
  /** How many bytes a line may have. */
  #limit;
  /** The kind of its reads. */
  #kind;
  /** The other options. */
  #options;
  /** Returns the intake; throws if the reader was released. */
  #open;

  /**
   * @param {number} limit
   * @param {{ signal?: AbortSignal, timeout?: number }} options
   * @param {() => ReaderIntake} open
   */
  constructor(limit, options, open) {
    this.#limit = limit;
    this.#kind = line(limit);
    this.#options = options;
    this.#open = open;
  }

  /** @returns {Promise<IteratorResult<string, undefined>>} */
  next() {
    if (this.#isOver) {
      return Promise.resolve({ done: true, value: undefined });
    }
    try {
      const intake = this.#open();
      if (this.#options.signal === undefined) {
        const value = intake.lineAtOnce(this.#limit);
        if (value !== undefined) {
          return Promise.resolve({ done: false, value });
        }
      }
      return this.#wait(intake);
    } catch (error) {
      this.#isOver = true;
      return Promise.reject(error);
    }
  }

  /**
   * Waits for the next line. The function is async, so that the stack of an exception shows the loop (R-stack).
   *
   * @param {ReaderIntake} intake
   * @returns {Promise<IteratorResult<string, undefined>>}
   */
  async #wait(intake) {
    try {
      const value = await intake.read(this.#kind, this.#options);
      if (value !== null) {
        return { done: false, value };
      }
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
    this.#isOver = true;
    return { done: true, value: undefined };
  }

  /** The program has left the loop. The reader stays as it is. @param {unknown} value */
  leave(value) {
    this.#isOver = true;
    return Promise.resolve({ done: true, value });
  }
}

/** The iterators. @type {WeakMap<object, Lines>} */
const all = new WeakMap();

/**
 * @param {object} iterator
 * @param {(lines: Lines) => Promise<unknown>} act
 */
function linesOf(iterator, act) {
  const lines = all.get(iterator);
  return lines === undefined ? Promise.reject(illegalInvocation(`The ${NAME}`)) : act(lines);
}

// The engine's prototype of async iterators has a Symbol.asyncIterator method that returns the iterator itself.
const prototype = Object.create(Object.getPrototypeOf(Object.getPrototypeOf((async function* () {}).prototype)));
Object.assign(prototype, {
  /** @this {object} */
  next() {
    return linesOf(this, (lines) => lines.next());
  },
  /**
   * @this {object}
   * @param {unknown} value
   */
  return(value) {
    return linesOf(this, (lines) => lines.leave(value));
  },
});
Object.defineProperty(prototype, Symbol.toStringTag, { value: NAME, configurable: true });

/**
 * The iterator that lines() returns.
 *
 * @param {number} limit
 * @param {{ signal?: AbortSignal, timeout?: number }} options
 * @param {() => ReaderIntake} open returns the intake; throws if the reader was released
 */
function makeLines(limit, options, open) {
  const iterator = Object.create(prototype);
  all.set(iterator, new Lines(limit, options, open));
  return iterator;
}

module.exports = { makeLines };
