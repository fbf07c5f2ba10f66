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

module.exports = { scenario, MiB };
