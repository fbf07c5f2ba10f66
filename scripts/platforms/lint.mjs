// Runs clippy for other systems. So errors in code that is compiled only there are found on this system.

import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { root } from "../build.mjs";
import { startProgress } from "../progress.mjs";
import { TARGETS } from "./targets.mjs";
import { environmentFor, toolchain } from "./toolchain.mjs";

/** The name of this check, for the message if it is left out. */
const PURPOSE = "clippy for other systems";
/** The sets of features that CI checks on this system. */
const FEATURES = [[], ["--features", "test-hooks"], ["--no-default-features"]];

/**
 * @param {string[]} names of targets; none: all of them
 * @returns {Promise<boolean>} whether clippy found nothing
 */
export async function lint(names) {
  const unknown = names.filter((name) => !Object.hasOwn(TARGETS, name));
  if (unknown.length > 0) throw new Error(`unknown target ${unknown.join(", ")}; known are ${Object.keys(TARGETS).join(", ")}`);
  const tools = toolchain(PURPOSE);
  const results = [];
  for (const name of names.length > 0 ? names : Object.keys(TARGETS)) results.push({ name, ...(await lintTarget(name, tools)) });
  console.log(`clippy ${tools.version}`);
  for (const { name, errors, failed } of results) console.log(`${name}: ${describe(errors, failed)}`);
  return results.every(({ errors, failed }) => errors === 0 && !failed);
}

/** @param {number} errors @param {boolean} failed */
function describe(errors, failed) {
  if (errors > 0) return errors === 1 ? "1 error" : `${errors} errors`;
  return failed ? "cargo failed" : "clean";
}

/**
 * @param {string} name
 * @param {import("./toolchain.mjs").Toolchain} tools
 */
async function lintTarget(name, tools) {
  const { allow = [] } = TARGETS[name];
  const environment = environmentFor(name, tools);
  const lints = ["-D", "warnings", ...allow.flatMap((allowed) => ["-A", allowed])];
  const shown = new Set();
  let failed = false;
  for (const features of FEATURES) {
    const args = [
      "clippy", "--locked", "--all-targets", ...features,
      "-Zbuild-std=std,panic_unwind", "--target", name, "--message-format=json", "--", ...lints,
    ];
    if (!(await clippy(name, path.join(tools.bin, "cargo-clippy"), args, environment, shown))) failed = true;
  }
  return { errors: shown.size, failed };
}

/**
 * Runs clippy once, and prints each error that was not shown yet. An error that several builds of one file report is printed once.
 *
 * @param {string} name of the target
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {Set<string>} shown errors so far
 * @returns {Promise<boolean>} whether cargo succeeded
 */
async function clippy(name, program, args, env, shown) {
  const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let crate = "";
  const progress = startProgress(name, (seconds) => `${Math.round(seconds)} s; ${crate}`);
  const other = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { reason, message } = line.startsWith("{") ? JSON.parse(line) : {};
    if (reason !== "compiler-message" || message.level !== "error" || /^aborting due to /.test(message.message)) return;
    if (!shown.has(message.rendered)) console.log(message.rendered);
    shown.add(message.rendered);
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (/^ +(Compiling|Checking|Downloading|Downloaded|Updating) /.test(line)) crate = line.trim().replace(/ \(.*/, "");
    else other.push(line);
  });
  try {
    const code = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status, signal) => resolve(signal ?? status));
    });
    // If clippy has reported an error, cargo's own messages add nothing.
    if (code !== 0 && shown.size === 0) console.error(other.join("\n"));
    return code === 0;
  } finally {
    progress.stop();
  }
}
