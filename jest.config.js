"use strict";

const soak = process.env.TCP_UDP_SOCKETS_SOAK === "1";

/** @type {import("jest").Config} */
module.exports = {
  // Node's, where a warning fails the test that it comes in.
  testEnvironment: "<rootDir>/__test__/helpers/jest-environment.js",
  reporters: ["default", "<rootDir>/__test__/helpers/skip-reporter.js"],
  // The soak tests take minutes each: `npm run test:soak`.
  testMatch: [soak ? "<rootDir>/__test__/soak/**/*.test.js" : "<rootDir>/__test__/**/*.test.js"],
  testPathIgnorePatterns: soak ? ["/node_modules/"] : ["/node_modules/", "<rootDir>/__test__/soak/"],
  // Copies of the package that a build leaves, and other people's code.
  modulePathIgnorePatterns: ["<rootDir>/dist/", "<rootDir>/target/", "<rootDir>/fuzz/target/"],
  watchPathIgnorePatterns: ["<rootDir>/target/", "\\.node$"],
  // Nothing is transformed: what is tested is what is shipped.
  transform: {},
  // In processes of their own even where there is one core: a crash is told as that of its file. Three, since many tests wait for what
  // takes its time by rule (a linger, a deadline). Soak tests want the machine.
  maxWorkers: soak ? 1 : 3,
  // Enough for a lifecycle test's child process on a busy machine; a test that hangs is still noticed.
  testTimeout: soak ? 900_000 : 30_000,
};
