"use strict";

const fs = require("node:fs");

/**
 * Names the tests that were skipped below jest's summary, so that what is missing on a machine is seen. Those that know their reason
 * have it in their name, in brackets: "(needs openssl)". Where TCP_UDP_SOCKETS_SKIPPED names a file, each is added to it as a line.
 */
class SkipReporter {
  #isFiltered;

  /** @param {{ testNamePattern?: string }} config jest's */
  constructor({ testNamePattern }) {
    this.#isFiltered = Boolean(testNamePattern);
  }

  onRunComplete(_, { testResults }) {
    const skipped = testResults.flatMap((file) => file.testResults.filter(({ status }) => status === "pending").map(({ fullName }) => fullName));
    // Where only tests of some name were asked for, all others count as skipped.
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

/** What a skipped test says that it needs; empty where it does not say. */
function reasonOf(name) {
  return name.match(/\((needs [^()]*(?:\([^()]*\))?[^()]*)\)$/)?.[1] ?? "";
}

/** The names by their reasons. */
function group(names) {
  const groups = new Map();
  for (const name of names) {
    const reason = reasonOf(name);
    groups.set(reason, [...(groups.get(reason) ?? []), name]);
  }
  return groups;
}

module.exports = SkipReporter;
