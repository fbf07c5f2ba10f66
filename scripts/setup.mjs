// Prepares a clone. It installs the development dependencies if they are missing or differ from the lock file, and builds
// the native half if it is missing or older than its sources. It uses plain Node, so that it runs before any `npm install`.
//
//   node scripts/setup.mjs            both
//   node scripts/setup.mjs --native   only the native half, which needs no package: for the demo, the benchmark and npm's `prepare`

import { spawn } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { build, isBuilt, root } from "./build.mjs";
import { about, startProgress } from "./progress.mjs";
import { requireTools } from "./tools.mjs";

/**
 * Prepares what a command needs. If this machine cannot build, it throws before it downloads anything.
 *
 * @param {{ packages: boolean, native: boolean }} what
 */
export async function prepare({ packages, native }) {
  const mustBuild = native && !isBuilt();
  if (mustBuild) requireTools(root);
  if (packages) await install();
  if (mustBuild) await build([]);
}

/** Installs the packages of package-lock.json, unless they are installed. */
async function install() {
  if (isInstalled()) return;
  const wanted = Object.keys(packagesOf(path.join(root, "package-lock.json"))).filter((where) => where !== "");
  const unpacked = () => wanted.filter((where) => existsSync(path.join(root, where, "package.json"))).length;
  const progress = startProgress("setup", (seconds) => {
    const count = unpacked();
    // A tenth of them is enough to estimate the time of the rest.
    const left = count > wanted.length / 10 ? `; ${about((seconds / count) * (wanted.length - count))} left` : "";
    return `${count} of ${wanted.length} packages, ${Math.round(seconds)} s${left}`;
  });
  try {
    progress.line(`installing ${wanted.length} packages for development (npm ci)`);
    // The build follows as a separate step, so that its progress is visible. npm's own progress would overwrite the lines.
    const child = spawn("npm", ["ci", "--ignore-scripts", "--no-progress"], {
      cwd: root,
      shell: process.platform === "win32",
      stdio: ["ignore", "inherit", "inherit"],
    });
    const status = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    if (status !== 0) throw new Error("npm ci failed");
  } finally {
    progress.stop();
  }
}

/** Whether node_modules contains each package of package-lock.json in its version. */
function isInstalled() {
  const installed = packagesOf(path.join(root, "node_modules", ".package-lock.json"));
  if (!installed) return false;
  return Object.entries(packagesOf(path.join(root, "package-lock.json"))).every(([where, wanted]) => {
    // Packages of other platforms are optional, and may be missing.
    if (where === "" || (wanted.optional && !installed[where])) return true;
    return installed[where]?.version === wanted.version;
  });
}

/** @param {string} lockFile */
function packagesOf(lockFile) {
  return existsSync(lockFile) && JSON.parse(readFileSync(lockFile, "utf8")).packages;
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    await prepare({ packages: !process.argv.includes("--native"), native: true });
  } catch (error) {
    console.error(`setup: ${error.message}`);
    process.exitCode = 1;
  }
}
