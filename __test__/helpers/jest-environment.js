"use strict";

// The environment of every test file: Node's, and a warning of the process fails the test that it comes in. A test that makes a socket
// fail listens for its error, and what is to warn runs in a child whose output the test reads. (Nothing of this can be seen from
// inside: jest gives tests a copy of `process`, on which "warning" is never emitted.)

const { TestEnvironment } = require("jest-environment-node");
const { setImmediate } = require("node:timers");

class StrictEnvironment extends TestEnvironment {
  /** Those that no test has been failed for yet. @type {Error[]} */
  #warnings = [];

  #note = (warning) => this.#warnings.push(warning);

  async setup() {
    await super.setup();
    process.on("warning", this.#note);
    // Another build of the native half. Not by NAPI_RS_NATIVE_LIBRARY_PATH from outside: jest's module resolver reads that, too.
    const { TCP_UDP_SOCKETS_BINARY: binary } = process.env;
    if (binary) this.global.process.env.NAPI_RS_NATIVE_LIBRARY_PATH = binary;
  }

  async teardown() {
    process.off("warning", this.#note);
    await super.teardown();
  }

  /** jest-circus's events, in order; each waits until this has run. */
  async handleTestEvent({ name, test }, state) {
    if (name !== "test_done" && name !== "run_finish") return;
    // A warning is emitted in the tick after what it is about.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    const errors = this.#warnings.splice(0).map((warning) => new Error(`the process was warned: ${warning}`));
    (test?.errors ?? state.unhandledErrors).push(...errors);
  }
}

module.exports = StrictEnvironment;
