"use strict";

// `features`: what this system and this runtime can do.

const { AsyncLocalStorage, AsyncResource } = require("node:async_hooks");
const { isMadeImmutable } = require("./events.js");
const { isBun, isDeno } = require("./runtime.js");
const { systemFeatures } = require("./system-features.js");
const { tlsPlace } = require("./tls-place.js");

/**
 * Whether a socket's events run in the AsyncLocalStorage context of the code that made it (R-context). In Node they do. Other runtimes are
 * asked: in Node the question would turn async_hooks on for a moment.
 */
function keepsContext() {
  if (!isBun && !isDeno) {
    return true;
  }
  try {
    const storage = new AsyncLocalStorage();
    const resource = storage.run(true, () => new AsyncResource("TCPSOCKET"));
    return resource.runInAsyncScope(() => storage.getStore()) === true;
  } catch {
    return false;
  }
}

/** What the system can do, except what only `tlsInTurns` and `tlsInTasks` show. */
const ofSystem = Object.fromEntries(Object.entries(systemFeatures).filter(([name]) => name !== "oneProcessor"));

/** The object `features` of the package. */
const features = Object.freeze({
  ...ofSystem,
  tlsInTurns: tlsPlace !== "task",
  tlsInTasks: tlsPlace !== "turn",
  immutableData: isMadeImmutable,
  asyncContext: keepsContext(),
});

module.exports = { features };
