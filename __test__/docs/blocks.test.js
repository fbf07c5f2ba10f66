"use strict";

// Every code block of README.md, CONTRIBUTING.md and docs/ runs, and prints what its page shows: scripts/docs.mjs does it.

const { execFile, execFileSync } = require("node:child_process");
const path = require("node:path");
const { ROOT } = require("../helpers");

const CHECKER = path.join(ROOT, "scripts", "docs.mjs");

/** @param {string} stdout a line of JSON for each block */
const parse = (stdout) => stdout.trimEnd().split("\n").map((line) => JSON.parse(line));

/** What is to become of each block here. @type {{ name: string, outcome: string, detail: string }[]} */
const plan = parse(execFileSync(process.execPath, [CHECKER, "--plan", "--json"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));

/** What has become of each. @type {Map<string, { outcome: string, detail: string }>} */
let results;

beforeAll(async () => {
  const stdout = await new Promise((resolve) => {
    execFile(process.execPath, [CHECKER, "--json"], (_error, text) => resolve(text));
  });
  results = new Map(parse(stdout).map(({ name, ...result }) => [name, result]));
}, 180_000);

describe("code blocks of the documentation", () => {
  for (const { name, outcome, detail } of plan) {
    if (outcome === "skipped") test.skip(`${name} (${detail})`, () => {});
    else if (outcome === "ran") test(`${name} runs`, () => expect(results.get(name)).toEqual({ outcome, detail: "" }));
  }

  test("each of the others is a drawing, runs in another step of .ci/run, or says why it cannot", () => {
    const others = plan.filter(({ outcome }) => outcome !== "ran" && outcome !== "skipped");
    expect(others.filter(({ outcome }) => !["drawing", "step", "not here"].includes(outcome))).toEqual([]);
    expect(others.filter(({ outcome, detail }) => outcome === "step" && detail === "")).toEqual([]);
  });
});
