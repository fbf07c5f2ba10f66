"use strict";

// lines() of `reader`: an async iterator of readLine() (R-reader).

const { asyncIterators } = require("./async-iterator.js");
const { line } = require("./reads.js");

/** @typedef {InstanceType<typeof import("./reader-intake.js").ReaderIntake>} ReaderIntake */

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

/** Makes the async iterator around a Lines. */
const makeIterator = asyncIterators("TCPReader AsyncIterator", "The TCPReader AsyncIterator");

/**
 * The iterator that lines() returns.
 *
 * @param {number} limit
 * @param {{ signal?: AbortSignal, timeout?: number }} options
 * @param {() => ReaderIntake} open returns the intake; throws if the reader was released
 */
function makeLines(limit, options, open) {
  return makeIterator(new Lines(limit, options, open));
}

module.exports = { makeLines };
