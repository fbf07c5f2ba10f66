// Prepares the clone. Then it runs the jest suite under each wake source of this platform, or only under the one that
// TCP_UDP_SOCKETS_WAKE names. The first one has all tests, the second one those of sockets, and the others those in which it matters how a
// thread waits. Arguments go to jest.
//
//   node scripts/test.mjs [--soak] [JEST'S ARGUMENTS]

import { spawnSync } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { root } from "./build.mjs";
import { prepare } from "./setup.mjs";
import { WAKE_SOURCES } from "./wake-sources.mjs";

const args = process.argv.slice(2).filter((arg) => arg !== "--soak");
const soak = process.argv.includes("--soak");
const asked = process.env.TCP_UDP_SOCKETS_WAKE;
const failed = [];
/** Which tests each wake source has (jest.config.js). "": all. Who names one, or files, gets all. */
const PARTS = ["", "sockets", "waits"];

try {
  await prepare({ packages: true, native: true });
} catch (error) {
  console.error(`test: ${error.message}`);
  process.exit(1);
}

for (const [index, wake] of (asked ? [asked] : WAKE_SOURCES).entries()) {
  const part = args.length === 0 ? PARTS[index] : "";
  console.log(`\n=== jest, wake source ${wake}, Node ${process.versions.node}`);
  const jest = path.join(root, "node_modules", "jest", "bin", "jest.js");
  const { status } = spawnSync(process.execPath, [...process.execArgv, jest, ...args], {
    cwd: root,
    env: { ...process.env, TCP_UDP_SOCKETS_WAKE: wake, ...(soak && { TCP_UDP_SOCKETS_SOAK: "1" }), ...(part !== "" && { TCP_UDP_SOCKETS_TESTS: part }) },
    stdio: "inherit",
  });
  if (status !== 0) failed.push(wake);
}

if (failed.length > 0) {
  console.error(`\ntest: failed under wake source ${failed.join(", ")}`);
  process.exitCode = 1;
}
