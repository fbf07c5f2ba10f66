"use strict";

// How util.inspect() and console.log() show the package's objects. Node and Bun call one method for that, Deno calls another one.

/** @typedef {(value: unknown, options: object) => string} Inspect */
/** The options of the runtime's inspect(), as far as this package uses them. @typedef {{ stylize?: (text: string, style: string) => string }} InspectOptions */
/** @typedef {(subject: any, isTooDeep: boolean, options: InspectOptions, inspect: Inspect) => string} Show */

/**
 * Defines the methods with which the runtimes inspect an object, and the objects that inherit from it.
 *
 * @param {object} target
 * @param {Show} show returns the text; `isTooDeep` is true if the object is deeper than the option `depth` allows
 */
function defineInspectors(target, show) {
  const inspectors = {
    /** @type {(this: unknown, depth: number | null, options: InspectOptions, inspect: Inspect) => string} */
    [Symbol.for("nodejs.util.inspect.custom")](depth, options, inspect) {
      return show(this, depth !== null && depth < 0, options, inspect);
    },
    /** @type {(this: unknown, inspect: Inspect, options: InspectOptions & { currentDepth?: number, depth?: number | null }) => string} */
    [Symbol.for("Deno.customInspect")](inspect, options) {
      const { currentDepth = 0, depth } = options;
      return show(this, depth != null && currentDepth > depth, options, inspect);
    },
  };
  for (const symbol of Object.getOwnPropertySymbols(inspectors)) {
    const value = /** @type {any} */ (inspectors)[symbol];
    Object.defineProperty(target, symbol, { value, writable: true, configurable: true });
  }
}

/**
 * The text for an object that is too deep.
 *
 * @param {string} name
 * @param {InspectOptions} options
 */
function tooDeep(name, { stylize }) {
  return stylize === undefined ? `[${name}]` : stylize(`[${name}]`, "special");
}

module.exports = { defineInspectors, tooDeep };
