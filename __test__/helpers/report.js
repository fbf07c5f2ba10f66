"use strict";

const fs = require("node:fs");

/** The file descriptor that child.js and netns.js open in each child for its results. */
const CHANNEL = 3;

/**
 * Gives the test that started this process a value. It goes over a descriptor of its own, as JSON: what is printed for people, and
 * how it is coloured, has no part in it. When this returns the value is written, so process.exit() may follow.
 *
 * @param {unknown} value what JSON can carry
 */
function report(value) {
  fs.writeFileSync(CHANNEL, `${JSON.stringify(value)}\n`);
}

module.exports = { report };
