"use strict";

const fs = require("node:fs");

/**
 * Lists skipped tests below jest's summary, so that people see what a machine lacks. A test that knows its reason has it in its
 * name, in brackets: "(needs openssl)". If TCP_UDP_SOCKETS_SKIPPED names a file, each test is appended to it as a line.
 */
class SkipReporter {
  #isFiltered;

  /** @param {{ testNamePattern?: string }} config jest's */
  constructor({ testNamePattern }) {
    this.#isFiltered = Boolean(testNamePattern);
  }

  onRunComplete(_, { testResults }) {
    const skipped = testResults.flatMap((file) => file.testResults.filter(({ status }) => status === "pending").map(({ fullName }) => fullName));
    // If jest runs only tests of some name, all others count as skipped.
    if (skipped.length === 0 || this.#isFiltered) return;
    const reasons = group(skipped);
    process.stderr.write(`\nSkipped here: ${skipped.length} tests\n`);
    for (const [reason, names] of reasons) {
      process.stderr.write(reason ? `  ${names.length}  ${reason}\n` : names.map((name) => `  1  ${name}\n`).join(""));
    }
    const { TCP_UDP_SOCKETS_SKIPPED: file } = process.env;
    if (file) fs.appendFileSync(file, skipped.map((name) => `${reasonOf(name) || name}\n`).join(""));
  }

}

/** The need in a skipped test's name; empty if it has none. */
function reasonOf(name) {
  return name.match(/\((needs [^()]*(?:\([^()]*\))?[^()]*)\)$/)?.[1] ?? "";
}

/** Groups the names by reason. */
function group(names) {
  const groups = new Map();
  for (const name of names) {
    const reason = reasonOf(name);
    groups.set(reason, [...(groups.get(reason) ?? []), name]);
  }
  return groups;
}

module.exports = SkipReporter;
