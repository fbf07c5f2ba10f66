// Tries to break the package by faults and shortage, for minutes: what `npm test` does in samples.
//
//   npm run faults                     all programs, one after the other
//   npm run faults -- bytes [OPTIONS]  a fault at every byte of each exchange: __test__/faults/sweep.js has its options
//   npm run faults -- cycles           1,000,000 connections are opened and closed; --cycles N
//   npm run faults -- workers          1,000 workers are ended at random points; --workers N

import { spawnSync } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { root } from "./build.mjs";
import { prepare } from "./setup.mjs";

/** Each program: its file, and what Node is told. @type {Record<string, { file: string, nodeArgs?: string[] }>} */
const PROGRAMS = {
  bytes: { file: "sweep.js" },
  cycles: { file: "cycles.js", nodeArgs: ["--expose-gc"] },
  workers: { file: "workers.js" },
};

const [name, ...args] = process.argv.slice(2);
if (name !== undefined && !(name in PROGRAMS)) {
  console.error(`faults: there is no ${name}, but ${Object.keys(PROGRAMS).join(", ")}`);
  process.exit(1);
}

try {
  await prepare({ packages: true, native: true });
} catch (error) {
  console.error(`faults: ${error.message}`);
  process.exit(1);
}

for (const each of name === undefined ? Object.keys(PROGRAMS) : [name]) {
  const { file, nodeArgs = [] } = PROGRAMS[each];
  console.log(`\n=== ${each}`);
  const { status, signal } = spawnSync(process.execPath, [...nodeArgs, path.join(root, "__test__", "faults", file), ...args], { cwd: root, stdio: "inherit" });
  if (status !== 0) {
    console.error(`faults: ${each} failed (${signal ?? status})`);
    process.exitCode = 1;
  }
}
