"use strict";

/** Functions that close what the current test opened, newest last. */
const closers = [];

/**
 * Runs `close` (sync or async) after the current test.
 *
 * @param {() => unknown} close
 */
function defer(close) {
  closers.push(close);
}

/** Closes everything that the current test opened, the newest first. Throws errors only once all is closed. */
async function closeAll() {
  const errors = [];
  while (closers.length > 0) {
    try {
      await closers.pop()();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) {
    throw errors[0];
  }
}

// Only under jest. (Scripts and benchmarks use some helpers too.)
if (typeof afterEach === "function") {
  afterEach(closeAll);
}

module.exports = { defer };
