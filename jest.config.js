"use strict";

const { SLOWNESS } = require("./__test__/helpers/slowness");

const soak = process.env.TCP_UDP_SOCKETS_SOAK === "1";
/**
 * Which tests run. `npm test` runs all of them under the first wake source, "sockets" under the second one (tests that can differ by the wake
 * source), and "waits" under the others, which are like the second one in all but the way in which a thread waits.
 */
const part = process.env.TCP_UDP_SOCKETS_TESTS ?? "";
/** The folders of the tests that cannot differ: they check sources, pages, packages and the checkers themselves. */
const SAME_EVERYWHERE = ["circles", "contract", "docs", "packaging", "torture"];
/** The folders of the tests in which it matters how a thread waits. */
const WAITS = ["faults", "lifecycle", "shortage", "tcp-server-socket", "tcp-socket", "udp-socket", "unix-socket"];

/** @param {string[]} folders */
const inFolders = (folders) => folders.map((folder) => `<rootDir>/__test__/${folder}/**/*.test.js`);
const testMatch = soak ? inFolders(["soak"]) : part === "waits" ? inFolders(WAITS) : ["<rootDir>/__test__/**/*.test.js"];
const left = [...(soak ? [] : ["soak"]), ...(part === "sockets" ? SAME_EVERYWHERE : [])];

/** @type {import("jest").Config} */
module.exports = {
  // Node's environment. A warning makes the test fail in which it is printed.
  testEnvironment: "<rootDir>/__test__/helpers/jest-environment.js",
  reporters: ["default", "<rootDir>/__test__/helpers/skip-reporter.js"],
  // Each soak test takes minutes. `npm run test:soak` runs them.
  testMatch,
  testPathIgnorePatterns: ["/node_modules/", ...left.map((folder) => `<rootDir>/__test__/${folder}/`)],
  // Folders with copies of the package that a build makes, and with the code of others.
  modulePathIgnorePatterns: ["<rootDir>/dist/", "<rootDir>/target/"],
  watchPathIgnorePatterns: ["<rootDir>/target/", "\\.node$"],
  // Nothing is transformed: the tests run the code that is shipped.
  transform: {},
  // Test files run in processes of their own, even on one core, so that a crash is reported for its file. There are three processes because
  // many tests wait for a time that is fixed (a linger, a deadline). Soak tests need the machine for themselves.
  maxWorkers: soak ? 1 : 3,
  // In milliseconds. A lifecycle test's child process needs less on a busy machine, and a test that hangs is still found.
  testTimeout: (soak ? 900_000 : 30_000) * SLOWNESS,
};
