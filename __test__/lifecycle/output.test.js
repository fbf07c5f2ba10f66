"use strict";

// What tests are told by the processes that they start does not depend on colours: jest asks its workers' children for them where it
// is run on a terminal. And no warning stands among the results.

const { spawnSync } = require("node:child_process");
const path = require("node:path");
const { run, runJSON } = require("../helpers");
const { environment } = require("../helpers/environment");
const { inNamespace, namespaceTest } = require("../helpers/netns");
const { launch } = require("../helpers/programs");
const { folder } = require("../helpers/tls");

const VARIABLES = ["FORCE_COLOR", "NO_COLOR"];
const kept = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));

afterEach(() => {
  for (const [name, value] of Object.entries(kept)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

describe("a child process of a test", () => {
  test("reports values, whatever it prints and in whichever colours", async () => {
    const script = `console.log(20, { a: 1 }); report(20);`;
    expect(await runJSON(script, { env: { FORCE_COLOR: "1" } })).toBe(20);
  });

  test("prints no colours because jest has asked its own processes for them, and no word on that", async () => {
    process.env.FORCE_COLOR = "1";
    process.env.NO_COLOR = "1";
    const { stdout, stderr } = await run("console.log(20, { a: 1 }); process.stderr.hasColors?.();");
    expect({ stdout, stderr }).toEqual({ stdout: "20 { a: 1 }\n", stderr: "" });
    const shown = await launch(process.execPath, ["-e", "console.log(20)"]).ended(8000);
    expect([shown.stdout, shown.stderr]).toEqual(["20\n", ""]);
  });

  test("that reports nothing, or twice, is an error; null is a value", async () => {
    await expect(runJSON(`console.log("20")`)).rejects.toThrow("after 0 report()s");
    await expect(runJSON(`report(1); report(2)`)).rejects.toThrow("after 2 report()s");
    expect(await runJSON(`report(null)`)).toBeNull();
  });

  test("has all its reports received, even what it reports in the last moment", async () => {
    const big = "x".repeat(1 << 20);
    const { code, reports } = await run(`process.on("exit", () => report("x".repeat(1 << 20))); report(1); process.exit(3);`);
    expect([code, reports]).toEqual([3, [1, big]]);
  });

  namespaceTest("in a network namespace reports, too", async () => {
    process.env.FORCE_COLOR = "1";
    expect(await inNamespace(`console.log(20); report({ count: 20 });`)).toEqual({ count: 20 });
  });
});

test("a warning fails the test that it comes in, and only that one", () => {
  const file = folder({
    "package.json": "{}",
    "warned.test.js": `
      test("before", () => {});
      test("warned", () => process.emitWarning("something is wrong"));
      test("after", () => {});`,
  });
  const jest = path.join(path.dirname(require.resolve("jest/package.json")), "bin", "jest.js");
  const options = ["--json", "--watchman=false", "--testEnvironment", path.join(__dirname, "..", "helpers", "jest-environment.js")];
  const { status, stdout } = spawnSync(process.execPath, [jest, "--rootDir", file("."), ...options], {
    cwd: file("."),
    encoding: "utf8",
    env: environment(),
    timeout: 25_000,
  });
  const [{ assertionResults }] = JSON.parse(stdout).testResults;
  expect(assertionResults.map(({ title, status: result }) => [title, result])).toEqual([
    ["before", "passed"],
    ["warned", "failed"],
    ["after", "passed"],
  ]);
  expect(assertionResults[1].failureMessages.join()).toContain("something is wrong");
  expect(status).toBe(1);
});
