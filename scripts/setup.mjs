// Gets a clone ready: installs the development dependencies where they are missing or not those of the lock file, builds
// the native half where it is missing or older than its sources. Plain Node, so that it runs before any `npm install`.
//
//   node scripts/setup.mjs            both
//   node scripts/setup.mjs --native   the native half only (what npm runs as `prepare`)

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { build, isBuilt, root } from "./build.mjs";

/** Installs what package-lock.json says, unless it is installed. */
export function install() {
  if (isInstalled()) return;
  console.log("setup: installing the development dependencies (npm ci)");
  // The build follows on its own, so that it is told apart.
  const { status } = spawnSync("npm", ["ci", "--ignore-scripts"], {
    cwd: root,
    shell: process.platform === "win32",
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error("npm ci failed");
}

/** Whether node_modules holds each package that package-lock.json names, in its version. */
function isInstalled() {
  const installed = packagesOf(path.join(root, "node_modules", ".package-lock.json"));
  if (!installed) return false;
  return Object.entries(packagesOf(path.join(root, "package-lock.json"))).every(([where, wanted]) => {
    // Another system's packages are optional, and rightly missing.
    if (where === "" || (wanted.optional && !installed[where])) return true;
    return installed[where]?.version === wanted.version;
  });
}

/** @param {string} lockFile */
function packagesOf(lockFile) {
  return existsSync(lockFile) && JSON.parse(readFileSync(lockFile, "utf8")).packages;
}

/** Builds the native half, unless it is newer than its sources. */
export function compile() {
  if (isBuilt()) return;
  console.log("setup: building the native half (cargo build --release)");
  build([]);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    if (!process.argv.includes("--native")) install();
    compile();
  } catch (error) {
    console.error(`setup: ${error.message}`);
    process.exitCode = 1;
  }
}
