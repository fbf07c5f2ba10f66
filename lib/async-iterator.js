"use strict";

// The async iterators of `for await`, in the shape that Web IDL gives them.

const { illegalInvocation } = require("./webidl.js");

/**
 * What an iterator stands for: one loop of the program.
 *
 * @typedef {{ next: () => Promise<unknown>, leave: (value: unknown) => Promise<unknown> }} Source
 */

/**
 * Makes a class of iterators. Returns the function that makes one of them.
 *
 * @param {string} name the name of the class, as Object.prototype.toString() shows it
 * @param {string} subject names an iterator in the error of a method that is called on another object
 * @returns {(source: Source) => object}
 */
function asyncIterators(name, subject) {
  /** @type {WeakMap<object, Source>} */
  const sources = new WeakMap();
  /**
   * @param {object} iterator
   * @param {(source: Source) => Promise<unknown>} act
   */
  const sourceOf = (iterator, act) => {
    const source = sources.get(iterator);
    return source === undefined ? Promise.reject(illegalInvocation(subject)) : act(source);
  };
  // The engine's prototype of async iterators has a Symbol.asyncIterator method that returns the iterator itself.
  const prototype = Object.create(Object.getPrototypeOf(Object.getPrototypeOf((async function* () {}).prototype)));
  Object.assign(prototype, {
    /** @this {object} */
    next() {
      return sourceOf(this, (source) => source.next());
    },
    /**
     * @this {object}
     * @param {unknown} value
     */
    return(value) {
      return sourceOf(this, (source) => source.leave(value));
    },
  });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });

  return (source) => {
    const iterator = Object.create(prototype);
    sources.set(iterator, source);
    return iterator;
  };
}

module.exports = { asyncIterators };
