"use strict";

const path = require("node:path");
const { runJSON } = require("../../helpers");

/**
 * Play a scenario of this folder to its end, in processes of its own; gives its result.
 *
 * @param {string} name the file's
 * @param {object} parameters
 * @param {{ timeout: number }} how ms until it is killed
 */
function scenario(name, parameters, { timeout }) {
  const file = path.join(__dirname, `${name}.js`);
  return runJSON(`require(${JSON.stringify(file)});`, { args: ["main", JSON.stringify(parameters)], timeout });
}

const MiB = 1 << 20;

/**
 * What V8 lets lie around of ArrayBuffers that nobody has any more before it collects them: part of what a process grows by that
 * receives in bulk, with any library (node:net: 36 to 50 MiB up to V8 12, 81 to 88 MiB from V8 13 on, in Node 24).
 */
const pile = (Number.parseInt(process.versions.v8, 10) >= 13 ? 96 : 32) * MiB;

module.exports = { scenario, MiB, pile };
