"use strict";

// Finds the getters of built-in prototypes. They are stored when the package is loaded, because a program may replace them later.

/**
 * The getter of a prototype's property; undefined if there is none. It may be inherited: a program may have put a subclass in the place of a
 * global before the package is loaded.
 *
 * @param {object | undefined} prototype
 * @param {string} name
 * @returns {((this: any) => any) | undefined}
 */
function findGetter(prototype, name) {
  for (let at = prototype; at; at = Object.getPrototypeOf(at)) {
    const descriptor = Object.getOwnPropertyDescriptor(at, name);
    if (descriptor) {
      return descriptor.get;
    }
  }
  return undefined;
}

/**
 * The same for a property that every engine has.
 *
 * @param {object} prototype
 * @param {string} name
 */
function originalGetter(prototype, name) {
  return /** @type {(this: any) => any} */ (findGetter(prototype, name));
}

module.exports = { findGetter, originalGetter };
