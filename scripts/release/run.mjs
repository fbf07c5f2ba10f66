// Runs programs for the scripts of a release. A failure is an error that names the command.

import { spawnSync } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { root } from "../build.mjs";

/**
 * Options of a program.
 *
 * @typedef {object} Options
 * @property {string} [cwd] its working directory; by default the repository's root
 * @property {NodeJS.ProcessEnv} [env]
 * @property {number} [timeout] milliseconds that it may take; by default 10 minutes
 */

const TIMEOUT = 600_000;

/** Runs a program that prints for people. @param {string} program @param {string[]} args @param {Options} [options] */
export function run(program, args, options = {}) {
  spawn(program, args, options, "inherit");
}

/** Runs a program, and returns what it prints on its standard output. @param {string} program @param {string[]} args @param {Options} [options] */
export function output(program, args, options = {}) {
  return spawn(program, args, options, "pipe").stdout;
}

/** Runs npm. On Windows it is a script for the shell, so Node runs its program there. @param {string[]} args @param {Options} [options] */
export function npm(args, options = {}) {
  return run(...npmCommand(args), options);
}

/** Runs npm, and returns what it prints on its standard output. @param {string[]} args @param {Options} [options] */
export function npmOutput(args, options = {}) {
  return output(...npmCommand(args), options);
}

/** @param {string[]} args @returns {[string, string[]]} */
function npmCommand(args) {
  if (process.platform !== "win32") return ["npm", args];
  return [process.execPath, [path.join(path.dirname(process.execPath), "node_modules", "npm", "bin", "npm-cli.js"), ...args]];
}

/** @param {string} program @param {string[]} args @param {Options} options @param {"inherit" | "pipe"} stdout */
function spawn(program, args, { cwd = root, env = process.env, timeout = TIMEOUT }, stdout) {
  const result = spawnSync(program, args, { cwd, env, timeout, encoding: "utf8", stdio: ["ignore", stdout, "inherit"], maxBuffer: 1 << 26 });
  const command = [path.basename(program), ...args].join(" ");
  if (result.error) throw new Error(`${command}: ${result.error.message}`);
  if (result.status !== 0) throw new Error(`${command} ended with ${result.signal ?? result.status}`);
  return result;
}

/**
 * Runs a script's main function. If it throws, prints the message behind the script's name, and sets the exit code.
 *
 * @param {string} name
 * @param {() => unknown} main
 */
export async function script(name, main) {
  try {
    await main();
  } catch (error) {
    console.error(`${name}: ${error.message}`);
    process.exitCode = 1;
  }
}
