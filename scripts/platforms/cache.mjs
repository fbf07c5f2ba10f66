// The cache for what is fetched to check other systems. Each entry is a folder, which exists only when it is complete.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";

/** The folder of the cache, the same as in .ci/run. */
const CACHE =
  process.env.TCP_UDP_SOCKETS_CI_CACHE ||
  path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "tcp-udp-sockets-ci");

/** Thrown if this system cannot make a check, which is no failure of the check. The message says why. */
export class Unavailable extends Error {}

/**
 * Returns the folder of that name in the cache. If it does not exist, it is made first.
 *
 * @param {string} name
 * @param {(folder: string) => void} make fills an empty folder, or throws
 */
export function cached(name, make) {
  const folder = path.join(CACHE, name);
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  const unfinished = mkdtempSync(path.join(CACHE, `${name}-`));
  try {
    make(unfinished);
    try {
      renameSync(unfinished, folder);
    } catch (error) {
      // Another process has made it meanwhile.
      if (!existsSync(folder)) throw error;
    }
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/**
 * Runs a program, and returns what it prints. If the program fails, throws an error with the last lines that it printed.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @param {string} [cwd] the working directory
 */
export function run(program, args, env = process.env, cwd = process.cwd()) {
  const { error, status, signal, stdout, stderr } = spawnSync(program, args, { env, cwd, encoding: "utf8", maxBuffer: 1 << 26 });
  if (error) throw new Error(`${program} does not run: ${error.message}`);
  if (status !== 0) {
    const said = `${stdout}${stderr}`.trim().split("\n").slice(-15).join("\n");
    throw new Error(`${program} ${args.join(" ")} ended with ${signal ?? status}:\n${said}`);
  }
  return stdout;
}
