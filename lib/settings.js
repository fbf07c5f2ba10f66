"use strict";

// The package's settings in the environment's variables.

const process = require("node:process");
const { isDeno } = require("./runtime.js");

/**
 * The value of a variable of the environment; undefined if it is not set, or empty. Deno may forbid the question. Then the variable counts as not set, so that programs which gave the
 * package only the permissions that earlier versions needed go on as before.
 *
 * @param {string} name
 */
function setting(name) {
  try {
    return process.env[name] || undefined;
  } catch (error) {
    if (isDeno) {
      return undefined;
    }
    throw error;
  }
}

module.exports = { setting };
