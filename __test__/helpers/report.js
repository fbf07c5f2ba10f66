"use strict";

const fs = require("node:fs");

/** The file descriptor that child.js and netns.js open in each child for its results. */
const CHANNEL = 3;

/**
 * Sends a value to the test that started this process, as JSON over a descriptor of its own. Printed output and its colours do not
 * affect it. When this returns, the value is written, so process.exit() may follow.
 *
 * @param {unknown} value a value that JSON can represent
 */
function report(value) {
  fs.writeFileSync(CHANNEL, `${JSON.stringify(value)}\n`);
}

module.exports = { report };
