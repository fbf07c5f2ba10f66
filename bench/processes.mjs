// Starts servers and loads, each on a core of its own where that can be had.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { loadgen } from "./peers.mjs";

/** How long a server may take to start, and a load beyond its own time, in milliseconds. */
const PATIENCE = 30_000;

export const pinned = os.availableParallelism() >= 2 && spawnSync("taskset", ["--version"]).status === 0;

/** @param {0 | 1} core */
function onCore(core) {
  return pinned ? ["taskset", "--cpu-list", String(core)] : [];
}

/** Everything that runs: a benchmark that is broken off leaves nothing behind. @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/**
 * @param {string[]} command
 * @param {NodeJS.ProcessEnv} [environment]
 */
function start([program, ...words], environment) {
  const child = spawn(program, words, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...environment } });
  running.add(child);
  let complaints = "";
  child.stderr.on("data", (data) => (complaints += data));
  const ended = once(child, "close").then(([code, signal]) => {
    running.delete(child);
    return { code, signal, complaints: complaints.trim() };
  });
  return { child, ended };
}

/**
 * A server of a peer, listening.
 *
 * @param {import("./peers.mjs").Peer} peer
 * @param {string} kind
 * @param {number | undefined} size
 */
export async function startServer({ name, api, command, environment }, kind, size) {
  const sized = size === undefined ? [] : api === "raw" ? ["--size", String(size)] : [String(size)];
  const { child, ended } = start([...onCore(0), ...command, kind, ...sized], environment);
  const line = once(createInterface(child.stdout), "line", { signal: AbortSignal.timeout(PATIENCE) });
  const first = await Promise.race([line.catch(() => undefined), ended]);
  if (!Array.isArray(first)) {
    child.kill("SIGKILL");
    throw new Error(`${name}: no ${kind} server: ${(await ended).complaints}`);
  }
  return {
    // taskset becomes the server: same process.
    pid: /** @type {number} */ (child.pid),
    port: /** @type {number} */ (JSON.parse(first[0]).port),
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/**
 * Runs a load to its end.
 *
 * @param {string[]} load
 * @param {{ pid: number, port: number }} server
 * @param {{ warm: number, seconds: number }} times
 * @returns {Promise<Measurement>}
 */
export async function runLoad(load, { pid, port }, { warm, seconds }) {
  const target = ["--port", port, "--pid", pid, "--warm", warm, "--seconds", seconds].map(String);
  const { child, ended } = start([...onCore(1), loadgen, ...load, ...target]);
  let said = "";
  child.stdout.on("data", (data) => (said += data));
  const limit = setTimeout(() => child.kill("SIGKILL"), (warm + seconds) * 1000 + PATIENCE);
  const { code, signal, complaints } = await ended;
  clearTimeout(limit);
  if (code !== 0) throw new Error(complaints || `the load was ended by ${signal}`);
  return JSON.parse(said);
}

/**
 * What a load measured. CPU times and lengths in seconds, latencies in nanoseconds, memory in bytes a unit.
 *
 * @typedef {{ units: number, seconds: number, cpu: number, busy: number, p50?: number, p99?: number, memory?: number }} Measurement
 */

/** Builds the load generator. Cargo knows whether there is anything to do. */
export function build() {
  const manifest = path.join(import.meta.dirname, "loadgen", "Cargo.toml");
  const words = ["build", "--release", "--quiet", "--locked", "--manifest-path", manifest];
  const { error, status } = spawnSync("cargo", words, { stdio: ["ignore", "inherit", "inherit"] });
  if (error || status !== 0) throw new Error("the load generator could not be built: it needs Rust (cargo)");
}
