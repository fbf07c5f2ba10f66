// Starts servers and loads, each on a core of its own if that is possible.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { loadgen } from "./peers.mjs";

const { selfSigned } = createRequire(import.meta.url)("../__test__/helpers/certificates.js");

/** How long a server may take to start, and how much longer than its own time a load may take, in milliseconds. */
const PATIENCE = 30_000;

export const pinned = os.availableParallelism() >= 2 && spawnSync("taskset", ["--version"]).status === 0;

/** @param {0 | 1 | null} core */
function onCore(core) {
  return pinned && core !== null ? ["taskset", "--cpu-list", String(core)] : [];
}

/** All processes that run: an interrupted benchmark leaves none behind. @type {Set<import("node:child_process").ChildProcess>} */
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

/** The folder of the Unix sockets, for this benchmark alone. The first such server makes it. */
let folder = "";
let paths = 0;
process.on("exit", () => folder !== "" && rmSync(folder, { recursive: true, force: true }));

/** A path on which no server has listened. */
function freshPath() {
  if (folder === "") folder = mkdtempSync(path.join(os.tmpdir(), "bench-"));
  return path.join(folder, String(paths++));
}

/**
 * The options of the load generator.
 *
 * @param {Record<string, string | number | undefined>} values those that are undefined are left out
 */
function optionsOf(values) {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
}

/** The certificate and key of every TLS server: ECDSA on P-256. */
const { cert, key } = selfSigned({ kind: "ec" });

/**
 * Starts a server of a peer, and waits until it listens.
 *
 * @param {import("./peers.mjs").Peer} peer
 * @param {string} kind
 * @param {{ size?: number, free?: boolean }} how
 */
export async function startServer({ name, api, command, environment }, kind, { size, free = false }) {
  const variables = kind.startsWith("tls-") ? { ...environment, BENCH_CERTIFICATE: cert, BENCH_KEY: key } : environment;
  const unixPath = kind.startsWith("unix-") ? freshPath() : undefined;
  const words = api === "raw" ? optionsOf({ size, path: unixPath }) : [String(size ?? 0), ...(unixPath === undefined ? [] : [unixPath])];
  const { child, ended } = start([...onCore(free ? null : 0), ...command, kind, ...words], variables);
  const lines = createInterface(child.stdout);
  const next = () => once(lines, "line", { signal: AbortSignal.timeout(PATIENCE) });
  const first = await Promise.race([next().catch(() => undefined), ended]);
  if (!Array.isArray(first)) {
    child.kill("SIGKILL");
    throw new Error(`${name}: no ${kind} server: ${(await ended).complaints}`);
  }
  return {
    // taskset becomes the server: it is the same process.
    pid: /** @type {number} */ (child.pid),
    /** Where it listens. */
    address: /** @type {{ port: number } | { path: string }} */ (JSON.parse(first[0])),
    free,
    /** Records its event loop's delay from now on. */
    watchDelay: () => child.stdin.write('{"watch":true}\n'),
    /**
     * The delay's 99th percentile between two times, in nanoseconds.
     *
     * @param {number} from
     * @param {number} to
     */
    async delay(from, to) {
      child.stdin.write(`${JSON.stringify({ from, to })}\n`);
      return /** @type {number} */ (JSON.parse((await next())[0]).delay);
    },
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
 * @param {Awaited<ReturnType<typeof startServer>>} server
 * @param {{ warm: number, seconds: number }} times
 * @param {boolean} withDelay true: also measures the delay of the server's event loop
 * @returns {Promise<Measurement>}
 */
export async function runLoad(load, { pid, address, free, watchDelay, delay }, { warm, seconds }, withDelay) {
  if (withDelay) watchDelay();
  const target = optionsOf({ ...address, pid, warm, seconds });
  const { child, ended } = start([...onCore(free ? null : 1), loadgen, ...load, ...target]);
  const begun = Date.now() + warm * 1000;
  let said = "";
  child.stdout.on("data", (data) => (said += data));
  const limit = setTimeout(() => child.kill("SIGKILL"), (warm + seconds) * 1000 + PATIENCE);
  const { code, signal, complaints } = await ended;
  clearTimeout(limit);
  if (code !== 0) throw new Error(complaints || `the load was ended by ${signal}`);
  return { ...JSON.parse(said), ...(withDelay ? { delay: await delay(begun, begun + seconds * 1000) } : {}) };
}

/**
 * The result of a load. CPU times (`script`: of the main thread alone) and durations are in seconds, latencies and delays in
 * nanoseconds, memory in bytes for each unit.
 *
 * @typedef {{ units: number, seconds: number, cpu: number, script: number, busy: number,
 *   p50?: number, p99?: number, memory?: number, delay?: number }} Measurement
 */

/** Builds the load generator. Cargo does nothing if it is up to date. */
export function build() {
  const manifest = path.join(import.meta.dirname, "loadgen", "Cargo.toml");
  const words = ["build", "--release", "--quiet", "--locked", "--manifest-path", manifest];
  const { error, status } = spawnSync("cargo", words, { stdio: ["ignore", "inherit", "inherit"] });
  if (error || status !== 0) throw new Error("the load generator could not be built: it needs Rust (cargo)");
}
