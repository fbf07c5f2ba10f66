"use strict";

const { SLOWNESS } = require("./__test__/helpers/slowness");

const soak = process.env.TCP_UDP_SOCKETS_SOAK === "1";
/** True: only tests that can differ by the wake source. `npm test` runs all tests under the first one, and these under the others. */
const onlySockets = process.env.TCP_UDP_SOCKETS_TESTS === "sockets";
/** The folders of the tests that cannot: they check sources, pages, packages and the checkers themselves. */
const SAME_EVERYWHERE = ["circles", "contract", "docs", "packaging", "torture"].map((folder) => `<rootDir>/__test__/${folder}/`);

/** @type {import("jest").Config} */
module.exports = {
  // Node's environment. A warning makes the test fail in which it is printed.
  testEnvironment: "<rootDir>/__test__/helpers/jest-environment.js",
  reporters: ["default", "<rootDir>/__test__/helpers/skip-reporter.js"],
  // Each soak test takes minutes. `npm run test:soak` runs them.
  testMatch: [soak ? "<rootDir>/__test__/soak/**/*.test.js" : "<rootDir>/__test__/**/*.test.js"],
  testPathIgnorePatterns: ["/node_modules/", ...(soak ? [] : ["<rootDir>/__test__/soak/"]), ...(onlySockets ? SAME_EVERYWHERE : [])],
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
