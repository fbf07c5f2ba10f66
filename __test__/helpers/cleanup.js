"use strict";

/** What the current test opened: functions that close it, newest last. */
const closers = [];

/**
 * Run `close` (sync or async) after the current test.
 *
 * @param {() => unknown} close
 */
function defer(close) {
  closers.push(close);
}

/** Close everything that the current test opened, the newest first. Errors are shown only once all is closed. */
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

// With jest. (Some helpers serve scripts and benchmarks too.)
if (typeof afterEach === "function") {
  afterEach(closeAll);
}

module.exports = { defer };
