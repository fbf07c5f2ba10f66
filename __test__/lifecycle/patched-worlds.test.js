"use strict";

// The package does its work in a process whose builtins somebody has replaced, wrapped, watched, frozen or restricted, before it is loaded and
// after. The smoke test runs in each of these worlds, in a process of its own: TCP, UDP, TLS, Unix sockets, connect(), streams, relay().
// (replaced-builtins.test.js does more with single builtins that are broken or keep memory.)

const { spawnSync } = require("node:child_process");
const path = require("node:path");
const process = require("node:process");
const { clientTest, entry, folder } = require("../agent/clients");
const { SLOWNESS } = require("../helpers/slowness");

const ROOT = path.join(__dirname, "..", "..");
const SMOKE = path.join(ROOT, "__test__", "smoke", "smoke.mjs");
const LIMIT = 60_000 * SLOWNESS;
const [major, minor] = process.versions.node.split(".").map(Number);

/** Runs the smoke test with these options of Node. */
function smoke(nodeArgs) {
  const how = { cwd: ROOT, encoding: "utf8", timeout: LIMIT, env: { ...process.env, SMOKE_LIMIT: String(LIMIT) } };
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, SMOKE], how);
  // Node's own warnings about an experimental option are not ours.
  const problems = stderr.split("\n").filter((line) => line !== "" && !/ExperimentalWarning|--trace-warnings|SecurityWarning/.test(line));
  return { status, signal, problems, lastLine: stdout.trim().split("\n").at(-1) };
}

const RIGHT = { status: 0, signal: null, problems: [], lastLine: "exits by itself, code 0" };
const preloads = (...files) => files.flatMap((file) => ["--require", file]);
const world = (name) => path.join(ROOT, "__test__", "fixtures", "worlds", `${name}.js`);

describe.each(["async-hooks", "subclasses", "fake-timers", "wrapped-listeners"])("world: %s", (name) => {
  // Turns are taken by `setImmediate` of node:timers there, and fake timers that come first replace that, too (docs/runtimes.md).
  const stops = name === "fake-timers" && process.env.TCP_UDP_SOCKETS_WAKE !== "uv";
  (stops ? test.skip : test)(`before the package is loaded${stops ? " (needs the wake source uv)" : ""}`, () => {
    expect(smoke(preloads(world(name)))).toEqual(RIGHT);
  }, LIMIT);

  test("after the package was loaded", () => {
    expect(smoke(preloads(ROOT, world(name)))).toEqual(RIGHT);
  }, LIMIT);
});

describe("world: zone.js", () => {
  const zone = () => path.join(folder, "zone.js", "bundles", "zone-node.umd.js");

  clientTest(["zone.js"], "before the package is loaded", () => {
    expect(entry("zone.js")).not.toBe("");
    expect(smoke(preloads(zone()))).toEqual(RIGHT);
  });

  clientTest(["zone.js"], "after the package was loaded", () => {
    expect(smoke(preloads(ROOT, zone()))).toEqual(RIGHT);
  });
});

// The permission model has had its name without "experimental" since Node 23.5.
const permission = major > 23 || (major === 23 && minor >= 5) ? "--permission" : "--experimental-permission";
const PERMISSION = [permission, "--allow-fs-read=*", "--allow-fs-write=*", "--allow-addons"];
// From Node 25 on the model covers the network, too.
const allowed = process.allowedNodeEnvironmentFlags.has("--allow-net") ? [...PERMISSION, "--allow-net"] : PERMISSION;

test.each([
  ["--frozen-intrinsics", ["--frozen-intrinsics"]],
  ["--disallow-code-generation-from-strings", ["--disallow-code-generation-from-strings"]],
  ["the permission model", allowed],
  ["a heap of 64 MiB", ["--max-old-space-size=64"]],
])("world: %s", (_name, nodeArgs) => {
  expect(smoke(nodeArgs)).toEqual(RIGHT);
}, LIMIT);
