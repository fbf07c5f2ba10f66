"use strict";

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { environment } = require("../helpers/environment");

const { status, stderr, output } = spawnSync(process.execPath, [path.join(__dirname, "harness.js")], {
  encoding: "utf8",
  env: environment(),
  stdio: ["ignore", "pipe", "pipe", "pipe"],
  timeout: 20_000,
  maxBuffer: 16 * 1024 * 1024,
});
const subtests = status === 0 ? JSON.parse(output[3]) : [];

test("idlharness runs to its end over all IDL files (R-shape)", () => {
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("idlharness has a subtest for every member of the draft's interfaces, of what is added to them, and of Unix sockets (R-shape, R-unix)", () => {
  // Not the count but a floor: an idlharness that silently tests nothing must not pass.
  expect(subtests.length).toBeGreaterThan(130);
  const files = ["raw-sockets.webidl", "extensions.webidl", ...(process.platform === "win32" ? [] : ["unix-sockets.webidl"])];
  const idl = files.map((file) => fs.readFileSync(path.join(__dirname, file), "utf8")).join("\n");
  for (const [, name, body] of idl.matchAll(/interface (\w+) (?:: \w+ )?\{([^}]*)\}/g)) {
    for (const [, attribute, operation] of body.matchAll(/attribute [\w?<>]+ (\w+);|(?:undefined|boolean|object|Promise<object>) (\w+)\(/g)) {
      const member = attribute ?? operation;
      const tested = subtests.some((subtest) => subtest.name.includes(name) && subtest.name.includes(member));
      expect({ name, member, tested }).toEqual({ name, member, tested: true });
    }
  }
});

if (subtests.length > 0) {
  describe("idlharness subtest (R-shape)", () => {
    test.each(subtests.map(({ name, passed, message }) => [name, passed, message]))("%s", (name, passed, message) => {
      expect({ passed, message }).toEqual({ passed: true, message: null });
    });
  });
}
