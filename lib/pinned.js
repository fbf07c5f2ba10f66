"use strict";

// Protects the runtime's objects that lib/ uses from programs that replace methods of prototypes. It does not protect objects of programs.

/**
 * Copies methods of an object's prototype onto the object itself. So the object keeps them if somebody replaces the prototype's methods
 * later, as polyfills and test fakes do.
 *
 * @template {object} T
 * @param {T} object
 * @param {(keyof T)[]} names
 * @returns {T}
 */
function pinned(object, names) {
  for (const name of names) {
    Object.defineProperty(object, name, { value: object[name] });
  }
  return object;
}

module.exports = { pinned };
