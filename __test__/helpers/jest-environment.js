"use strict";

// The environment of every test file. It is Node's, but a warning of the process fails the current test. A test that expects a socket to
// fail listens for its error. A test that expects a warning runs it in a child, and reads the child's output. (Tests cannot see warnings
// themselves: jest gives them a copy of `process` that never emits "warning".)

const { TestEnvironment } = require("jest-environment-node");
const { setImmediate } = require("node:timers");

class StrictEnvironment extends TestEnvironment {
  /** Warnings that have not failed a test yet. @type {Error[]} */
  #warnings = [];

  #note = (warning) => this.#warnings.push(warning);

  async setup() {
    await super.setup();
    process.on("warning", this.#note);
    // Selects another build of the native half. NAPI_RS_NATIVE_LIBRARY_PATH cannot do it from outside: jest's module resolver reads it too.
    const { TCP_UDP_SOCKETS_BINARY: binary } = process.env;
    if (binary) this.global.process.env.NAPI_RS_NATIVE_LIBRARY_PATH = binary;
  }

  async teardown() {
    process.off("warning", this.#note);
    await super.teardown();
  }

  /** Gets jest-circus's events in order. Each waits until this has run. */
  async handleTestEvent({ name, test }, state) {
    if (name !== "test_done" && name !== "run_finish") return;
    // A warning is emitted in the tick after its cause.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    const errors = this.#warnings.splice(0).map((warning) => new Error(`the process was warned: ${warning}`));
    (test?.errors ?? state.unhandledErrors).push(...errors);
  }
}

module.exports = StrictEnvironment;
