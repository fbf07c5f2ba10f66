"use strict";

// Short forms of the programs that `npm run faults` runs for minutes: connections opened and closed again and again, and workers that are
// ended at random points.

const path = require("node:path");
const { runJSON } = require("../helpers");

/** Runs a program of this folder. @param {string} name @param {string[]} args @param {string[]} [nodeArgs] */
function program(name, args, nodeArgs = []) {
  const file = path.join(__dirname, name);
  return runJSON(`require("node:child_process").spawnSync(process.execPath, [...${JSON.stringify(nodeArgs)}, ${JSON.stringify(file)}, "--report", ...${JSON.stringify(args)}], { stdio: ["ignore", "inherit", "inherit", 3] });`, {
    timeout: 60_000,
  });
}

(process.platform === "linux" ? test : test.skip)("3,000 connections opened, half of them closed and half reset: descriptors and memory are back, and no error (R-tcp-close, R-reset)", async () => {
  const result = await program("cycles.js", ["--cycles", "3000"], ["--expose-gc"]);
  expect(result).toMatchObject({ cycles: 3000, closes: 1500, resets: 1500, accepted: 3000, acceptedClosed: 3000, errors: {} });
  expect(result.descriptorsLeft).toBeLessThan(40);
}, 65_000);

test("20 workers ended while they connect, transfer, shake hands and relay: ports are free, peers see the end (R-end-of-life)", async () => {
  const result = await program("workers.js", ["--workers", "20"]);
  expect(result).toMatchObject({ workers: 20, errors: [], portsTaken: 0, peersLeft: 0 });
  expect(result.ports).toBeGreaterThan(10);
}, 65_000);
