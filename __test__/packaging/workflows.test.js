"use strict";

// What the workflows of GitHub promise: each action at a fixed commit, the least permissions, and steps that also run on any other machine.
// Their syntax is checked by `.ci/run`'s step "workflows".

const { existsSync, readFileSync, readdirSync } = require("node:fs");
const path = require("node:path");

const ROOT = path.join(__dirname, "..", "..");
const FOLDER = path.join(ROOT, ".github", "workflows");

const workflows = readdirSync(FOLDER);

/** The lines of a workflow whose member has this name, without the name. */
const values = (text, name) => [...text.matchAll(new RegExp(`^ *(?:- )?${name}: (.*)$`, "gm"))].map(([, value]) => value);

test("there are CI and the release", () => {
  expect(workflows).toEqual(expect.arrayContaining(["ci.yml", "release.yml"]));
});

describe.each(workflows)("%s", (workflow) => {
  const text = readFileSync(path.join(FOLDER, workflow), "utf8");
  const jobs = text.slice(text.indexOf("\njobs:\n")).match(/^ {2}\w+:$[\s\S]*?(?=^ {2}\w|(?![\s\S]))/gm);

  test("each action is one of GitHub's, at a commit, with its version beside it", () => {
    const actions = values(text, "uses");
    expect(actions.length).toBeGreaterThan(0);
    for (const action of actions) expect(action).toMatch(/^actions\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test("an action has the same commit everywhere", () => {
    const all = workflows.flatMap((name) => values(readFileSync(path.join(FOLDER, name), "utf8"), "uses"));
    const names = new Set(all.map((action) => action.split("@")[0]));
    expect(new Set(all).size).toBe(names.size);
  });

  test("nothing is permitted but what a job asks for, and each job has a time limit", () => {
    expect(text).toMatch(/^permissions: \{\}$/m);
    expect(text).toMatch(/^concurrency:$/m);
    expect(jobs.length).toBeGreaterThan(0);
    for (const job of jobs) {
      expect(job).toMatch(/^ {4}timeout-minutes: \d+$/m);
      expect(job).toMatch(/^ {4}permissions:$/m);
    }
  });

  test("each step is one line, which runs a script of this repository", () => {
    const steps = values(text, "run");
    expect(steps.length).toBeGreaterThan(0);
    for (const step of steps) {
      const [, file] = /^(?:node )?((?:scripts|\.ci)\/[\w/.-]+)(?: "\$[A-Z]+"| --[a-z-]+)*$/.exec(step) ?? [];
      if (step !== "npm test") expect({ step, exists: file !== undefined && existsSync(path.join(ROOT, file)) }).toEqual({ step, exists: true });
    }
  });
});

test("in CI and the release only the job that publishes has an identity, only the release's page may be written, and no secret is used", () => {
  const all = ["ci.yml", "release.yml"].map((name) => readFileSync(path.join(FOLDER, name), "utf8")).join("\n");
  expect(all.match(/^ +[a-z-]+: write\b/gm).map((line) => line.trim())).toEqual(["id-token: write", "contents: write"]);
  expect(all).not.toMatch(/secrets\.|NODE_AUTH_TOKEN|NPM_TOKEN/);
});

test("a release that is started by hand is a dry run", () => {
  const text = readFileSync(path.join(FOLDER, "release.yml"), "utf8");
  expect(text).toMatch(/ dry-run:\n +description: .*\n +type: boolean\n +default: true\n/);
  const steps = text.split(/^ {6}- /m).filter((step) => step.includes("--for-real"));
  // The page is made after the check, which no dry run reaches.
  for (const step of steps) if (!step.includes("announce")) expect(step).toContain("if: env.FOR_REAL == 'true'");
  expect(steps).toHaveLength(3);
});
