// The common part of the servers: how they start and end, and the figures of those that send, which are
// the same for every API. It runs under Node, Bun and Deno.

import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The kind of server, and the size of what it sends. */
export const [kind, size] = [process.argv[2], Number(process.argv[3] ?? 0)];

/** Where kinds of server that begin with "unix-" listen; null: on a port. Otherwise they do the same as those that begin with "tcp-". */
export const path = kind?.startsWith("unix-") ? process.argv[4] : null;

const { BENCH_CERTIFICATE: cert, BENCH_KEY: key } = process.env;
/** For kinds of server that begin with "tls-". Otherwise they do the same as those that begin with "tcp-". */
export const secure = kind?.startsWith("tls-") ? { cert, key } : null;

/** How many small messages are sent in one turn of the event loop. Then the server waits for the next turn (or drain). */
export const SENDS_PER_TICK = 1000;
/** How many datagrams are sent in one turn: fewer, because the system drops those that it has no room for. */
export const DATAGRAMS_PER_TICK = 128;

/** The memory that a server reads into, where it has memory of its own: as much as the raw server has. */
export const OWN_BUFFER = 256 * 1024;
/** How many bytes one readExactly() reads. */
export const EXACT = 1024 * 1024;

/** Commands for a sender of datagrams, by the first byte: the sender of "b" gets datagrams, until "s". */
export const BEGIN = "b".charCodeAt(0);

/** The bytes that are sent. */
export const payload = new Uint8Array(size).fill("x".charCodeAt(0));
const header = size >= 4 ? new DataView(payload.buffer) : null;
let number = 0;

/** An endless ReadableStream of the payload. */
export function endless() {
  return new ReadableStream({ pull: (controller) => controller.enqueue(payload) }, { highWaterMark: 1 });
}

/** The payload with the next number in it. By the number the receiver knows how many were sent, received or not. */
export function numbered() {
  header.setUint32(0, (number = (number + 1) >>> 0));
  return payload;
}

/**
 * Starts the server of the scenario, and prints its port or its path. It ends when standard input ends, that is with the process that
 * started it.
 *
 * @param {Record<string, () => number | string | Promise<number | string>>} servers each returns its port, or the path of its Unix socket
 */
export async function start(servers) {
  const name = kind?.replace(/^(tls|unix)-/, "tcp-");
  if (!(name in servers)) {
    console.error(`there is no ${kind} here, only ${Object.keys(servers).join(", ")}`);
    process.exit(1);
  }
  const address = await servers[name]();
  console.log(JSON.stringify(typeof address === "string" ? { path: address } : { port: address }));
  createInterface(process.stdin).on("line", (line) => answer(JSON.parse(line))).on("close", () => process.exit());
}

/** Timers of one millisecond, one after the other: when each fired, and how long it took. @type {{ at: number, took: number }[]} */
const ticks = [];

/** Does what `monitorEventLoopDelay()` does in Node. The functions of that name in Bun and Deno count something else. */
function watchDelay() {
  let last = Date.now();
  let lastExact = performance.now();
  setTimeout(function tick() {
    const now = performance.now();
    ticks.push({ at: last, took: now - lastExact });
    last = Date.now();
    lastExact = now;
    setTimeout(tick, 1);
  }, 1);
}

/** @param {{ watch?: true, from?: number, to?: number }} asked `from`, `to`: how late timers were between these times */
function answer({ watch, from, to }) {
  if (watch) return watchDelay();
  const late = ticks.filter(({ at, took }) => at + took >= from && at < to).map(({ took }) => Math.max(0, took - 1));
  // A time without any timer is one long delay. It is recorded with the first timer after it.
  const sorted = late.sort((a, b) => a - b);
  console.log(JSON.stringify({ delay: sorted[Math.floor(sorted.length * 0.99)] * 1e6 }));
}

/**
 * The server that a relay passes its bytes on to: a raw server of the load generator, in a process of its own, on the load's core.
 *
 * @param {string} ofKind
 */
export async function backend(ofKind) {
  const loadgen = fileURLToPath(new URL("../loadgen/target/release/loadgen", import.meta.url));
  // Without taskset no process is pinned.
  const command = 'if command -v taskset >/dev/null && taskset --cpu-list 1 true 2>/dev/null; then exec taskset --cpu-list 1 "$@"; else exec "$@"; fi';
  const child = spawn("sh", ["-c", command, "sh", loadgen, "serve", ofKind], { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = await once(createInterface(child.stdout), "line");
  return /** @type {number} */ (JSON.parse(line).port);
}
