// Builds the native half for another system, and makes a clone in which that system's Node can run the tests.

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "../build.mjs";
import { ADDON, cargo } from "../cargo.mjs";
import { run } from "./cache.mjs";
import { FOLDER, environmentFor } from "./toolchain.mjs";

/**
 * Returns the path of the library.
 *
 * @param {string} name Rust's name of the target
 * @param {import("./toolchain.mjs").Toolchain} tools
 * @param {{ hooks?: boolean }} [how] `hooks`: the build for the tests that make it panic, unoptimised
 */
export function crossBuild(name, tools, { hooks = false } = {}) {
  console.log(`building for ${name}${hooks ? ", with hooks for tests" : ""}`);
  const which = hooks ? ["--features", "test-hooks"] : ["--release"];
  const args = [...ADDON, "--locked", ...which, "-Zbuild-std=std,panic_unwind", "--target", name];
  return cargo(root, args, { optimised: false, env: environmentFor(name, tools) });
}

/**
 * Makes a clone of this repository as it is now, changes that are not committed included, and installs the packages for the system.
 *
 * @param {string} platform its name, as in npm/
 * @param {string[]} npm the options by which npm chooses packages for that system
 * @returns {string} the folder of the clone
 */
export function cloneFor(platform, npm) {
  const clone = path.join(FOLDER, platform, "clone");
  const git = (...words) => run("git", ["-C", clone, ...words]);
  mkdirSync(path.dirname(clone), { recursive: true });
  if (!existsSync(clone)) run("git", ["clone", "--quiet", "--no-checkout", root, clone]);
  git("fetch", "--quiet", "origin", "HEAD");
  git("checkout", "--quiet", "--force", "--detach", "FETCH_HEAD");
  git("clean", "--quiet", "--force", "-d");
  const list = (...words) => run("git", ["-C", root, "ls-files", "-z", ...words]).split("\0").filter(Boolean);
  // A deleted file counts as modified, too.
  for (const file of list("--modified", "--others", "--exclude-standard")) {
    const [from, to] = [path.join(root, file), path.join(clone, file)];
    if (existsSync(from)) cpSync(from, to);
    else rmSync(to, { force: true });
  }
  installPackages(clone, npm);
  return clone;
}

/** @param {string} clone @param {string[]} options of npm */
function installPackages(clone, options) {
  const lock = readFileSync(path.join(clone, "package-lock.json"), "utf8");
  // Git ignores the folder, so it lives as long as the clone.
  const stamp = path.join(clone, "node_modules", ".lock-of-this-platform");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  console.log("installing the packages for tests");
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", ...options], undefined, clone);
  writeFileSync(stamp, lock);
}
