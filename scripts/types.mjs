// Checks types: index.d.ts under each tsconfig of __test__/types (ways in which users compile), then lib/ itself. Then it writes
// docs/api.md from index.d.ts. In CI it only checks that the page is up to date.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { root } from "./build.mjs";
import { prepare } from "./setup.mjs";

await prepare({ packages: true, native: false });

const tests = path.join("__test__", "types");
const projects = [
  ...readdirSync(path.join(root, tests), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || /^tsconfig.*\.json$/.test(entry.name))
    .map((entry) => path.join(tests, entry.name)),
  "tsconfig.json",
].filter((project) => project.endsWith(".json") || existsSync(path.join(root, project, "tsconfig.json")));

const tsc = path.join(root, "node_modules", "typescript", "lib", "tsc.js");
let failed = 0;
for (const project of projects) {
  const { status } = spawnSync(process.execPath, [tsc, "-p", project, "--pretty", "false"], { cwd: root, stdio: "inherit" });
  console.log(`${status === 0 ? "ok" : "FAILED"}  ${project}`);
  if (status !== 0) failed += 1;
}
const { status } = spawnSync(process.execPath, ["scripts/api.mjs", ...(process.env.CI ? ["--check"] : [])], { cwd: root, stdio: "inherit" });
if (status !== 0) failed += 1;
if (failed > 0) process.exitCode = 1;
