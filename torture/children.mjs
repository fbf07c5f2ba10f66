// Plays in child processes, so that a crash, a hang or a process that does not end is a failure like any other, with its seed.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { root } from "../scripts/build.mjs";
import { HOOKS, runtimes } from "./settings.mjs";

/** Milliseconds that a batch may take longer than it was given: one play, at its limit. */
const GRACE = 150_000;
/** Milliseconds between two looks at what a process has reported. */
const POLL = 2000;
/** Milliseconds until a process must end by itself when its work is done. */
const ENDING = 15_000;

/** A setting in words. @param {{ runtime: string, wake: string, tls: string, panics: boolean }} setting */
export const lines = ({ runtime, wake, tls, panics }) => `${runtime}, ${wake}, TLS in ${tls}${panics ? ", panics" : ""}`;

/** One operation a line. @param {any} plan */
export function describePlan({ kind, pairs, ends, operations, early }) {
  const head = ends === undefined ? kind : `${pairs.join(" + ")}, ${early} before open; ${ends.map(({ style, options }, index) => `end ${index}: ${style} ${JSON.stringify(options)}`).join("; ")}`;
  return [head, ...operations.map((operation) => JSON.stringify(operation))].map((line) => `  ${line}`).join("\n");
}

/**
 * Runs batch.js with a task. Returns its lines and how it ended.
 *
 * @param {any} setting
 * @param {any} task
 * @param {(plays: any[]) => void} [watch] called with the plays so far
 */
async function run(setting, task, watch = () => {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "tus-torture-"));
  const file = path.join(folder, "results");
  const [program, ...args] = runtimes[setting.runtime].command();
  const child = spawn(program, [...args, path.join(root, "torture", "batch.js"), JSON.stringify({ ...task, file, panics: setting.panics })], {
    cwd: root,
    env: {
      ...process.env,
      TCP_UDP_SOCKETS_WAKE: setting.wake,
      TCP_UDP_SOCKETS_TLS: setting.tls,
      ...(setting.panics && { NAPI_RS_NATIVE_LIBRARY_PATH: HOOKS, RUST_BACKTRACE: "0" }),
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => { stderr = (stderr + text).slice(-20_000); });
  const read = () => (existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line)) : []);
  let why = "";
  const kill = (reason) => {
    why = reason;
    child.kill("SIGKILL");
  };
  const timer = setTimeout(() => kill("it took too long"), (task.ms ?? 0) + GRACE);
  let ending;
  const poll = setInterval(() => {
    const results = read();
    watch(results.filter((line) => line.end !== undefined));
    if (ending === undefined && results.some(({ done, failed }) => done || failed)) ending = setTimeout(() => kill("the process did not end by itself"), ENDING);
  }, POLL);
  const { code, signal } = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exitCode, exitSignal) => resolve({ code: exitCode, signal: exitSignal }));
  });
  clearTimeout(timer);
  clearTimeout(ending);
  clearInterval(poll);
  const results = read();
  rmSync(folder, { recursive: true, force: true });
  return { results, end: why || (signal ?? (code === 0 ? "" : `exit code ${code}`)), stderr };
}

/** The problems of a process: those that it reports, or its own end. */
function judge({ results, end, stderr }) {
  const failed = results.find(({ problems }) => problems?.length > 0);
  const last = results.findLast(({ begin }) => begin !== undefined)?.begin;
  const isDone = results.some(({ done }) => done);
  if (failed !== undefined) return { problems: failed.problems, seed: failed.end, stderr: end ? stderr : "" };
  const broken = results.find((line) => line.failed)?.failed;
  if (broken !== undefined) return { problems: [{ rule: "bench", text: broken }], seed: last, stderr };
  if (end !== "" || !isDone) {
    const rule = end === "the process did not end by itself" ? "process" : "crash";
    return { problems: [{ rule, text: end || "the process ended before its work was done" }], seed: last, stderr };
  }
  return { problems: [], seed: last, stderr: "" };
}

/**
 * A batch of seeds.
 *
 * @param {any} setting
 * @param {{ kinds: string[], first: number, count: number, ms: number, collects?: boolean }} task
 * @param {(plays: any[]) => void} [watch] called every few seconds with the plays so far
 */
export async function runBatch(setting, task, watch) {
  const done = await run(setting, task, watch);
  const plays = done.results.filter((line) => line.end !== undefined);
  return { ...judge(done), plays: plays.length, operations: plays.reduce((sum, { operations = 0 }) => sum + operations, 0), samples: plays };
}

/** One list of operations, several times. @param {any} setting @param {any} plan @param {number} times @param {{ fault?: string }} [how] */
export async function runPlan(setting, plan, times, how = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "tus-torture-"));
  const file = path.join(folder, "plan.json");
  writeFileSync(file, JSON.stringify(plan));
  try {
    return judge(await run(setting, { plan: file, times, ...how }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
