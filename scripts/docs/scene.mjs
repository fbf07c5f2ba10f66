// Runs blocks that belong together, with their peers and clients. It is a process of its own, because it may be in a
// network of its own. It ends when its standard input ends, with all processes that it has started.
//
//   node scripts/docs/scene.mjs FOLDER LIMIT      with the blocks as JSON on a line of standard input
//
// Prints a line of JSON for each block: null if the block is right, otherwise a text that describes its fault.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "../build.mjs";
import { outputProblem } from "./blocks.mjs";
import { clients, reach } from "./clients.mjs";
import { peers, reader } from "./peers.mjs";

/** How long a stopped block may take to end, in ms. */
const STOPPING = 3000;

const folder = process.argv[2];
/** How long one block may take, in ms. */
const limit = Number(process.argv[3]);
const file = reader(folder);
/** Processes that are still running. @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

/** @typedef {import("./blocks.mjs").Block} Block */

/** The commands that run a program. @type {Record<string, (source: string) => string[]>} */
const COMMANDS = {
  node: (source) => [process.execPath, source],
  sh: (source) => ["sh", "-e", source],
  bun: (source) => ["bun", source],
  deno: (source) => ["deno", "run", "--no-lock", "--no-prompt", "--unstable-net", "-A", source],
  workerd(source) {
    const config = `${source}.capnp`;
    writeFileSync(config, workerd(path.basename(source)));
    return ["workerd", "serve", config];
  },
};

/** The configuration of workerd: a worker that serves port 8080, and may connect to any address. @param {string} source */
const workerd = (source) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (modules = [(name = "worker", esModule = embed "${source}")], compatibilityDate = "2026-01-01")),
    (name = "internet", network = (
      allow = ["public", "private", "local", "network"],
      tlsOptions = (trustBrowserCas = false, trustedCertificates = [embed "ca.pem"]),
    )),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8080", http = (), service = "main")],
);
`;

/** @param {Block} block */
function start({ name, language, code, run, program = code }) {
  const title = name.replaceAll(/[^\w.]/g, "-");
  const source = path.join(folder, `${title}.${language === "sh" ? "sh" : "mjs"}`);
  writeFileSync(source, program);
  const command = COMMANDS[language === "sh" ? "sh" : (run.runtime ?? "node")](source);
  const child = spawn(command[0], command.slice(1), { cwd: folder, env: environment(), stdio: ["ignore", "pipe", "pipe"], detached: true });
  running.add(child);
  const output = { stdout: "", stderr: "" };
  for (const stream of /** @type {const} */ (["stdout", "stderr"])) child[stream].setEncoding("utf8").on("data", (text) => (output[stream] += text));
  const ended = once(child, "close").then(([status, signal]) => {
    running.delete(child);
    return signal ?? status;
  });
  return { child, output, ended };
}

function environment() {
  return {
    ...process.env,
    // undefined removes the variable.
    FORCE_COLOR: undefined,
    NODE_OPTIONS: undefined,
    NO_COLOR: "1",
    // Commands of a page find this Node, and the programs of the development dependencies.
    PATH: [path.dirname(process.execPath), path.join(root, "node_modules", ".bin"), process.env.PATH].join(path.delimiter),
    // The authority that has certified the pages' names. Programs trust it like one of the system's.
    SSL_CERT_FILE: path.join(folder, "ca.pem"),
    HOME: folder,
  };
}

/** @param {import("node:child_process").ChildProcess} child @param {NodeJS.Signals} signal */
function signalGroup(child, signal) {
  try {
    if (child.pid !== undefined) process.kill(process.platform === "win32" ? child.pid : -child.pid, signal);
  } catch {
    // The process has ended meanwhile.
  }
}

/** Waits until a block has printed all that the page shows, or until the limit. @param {ReturnType<typeof start>} program @param {() => boolean} isAll */
async function printed({ child }, isAll) {
  const late = AbortSignal.timeout(STOPPING);
  while (!isAll() && !late.aborted) await once(child.stdout, "data", { signal: late }).catch(() => {});
}

/** Ends a block that does not end by itself. @param {ReturnType<typeof start>} program */
async function stop({ child, ended }) {
  signalGroup(child, "SIGTERM");
  const status = await within(STOPPING, ended, () => "after SIGTERM it ran on");
  if (status !== "SIGTERM" && status !== 0 && status !== 143) throw new Error(`when it was stopped it ended with ${status}`);
}

/** @template T @param {number} ms @param {Promise<T>} promise @param {() => string} problem @returns {Promise<T>} */
async function within(ms, promise, problem) {
  const abort = new AbortController();
  const late = sleep(ms, undefined, { signal: abort.signal }).then(() => Promise.reject(new Error(problem())));
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    abort.abort();
  }
}

/**
 * Runs blocks one after the other, or beside the block that serves them.
 *
 * @param {Block[]} blocks
 * @returns {Promise<(string | null)[]>} the fault of each; null: none
 */
async function play([block, ...others]) {
  if (block === undefined) return [];
  const beside = block.run.serves === undefined ? [] : others;
  let problems = beside.map(() => /** @type {string | null} */ ("the block that was to serve it failed"));
  const own = await perform(block, async () => (problems = await play(beside)));
  if (beside.length > 0) return [own, ...problems];
  return [own, ...(own === null ? await play(others) : others.map(() => "the block before it failed"))];
}

/**
 * Runs one block with its peers and clients.
 *
 * @param {Block} block
 * @param {() => Promise<unknown>} playOthers runs the blocks that this one serves
 * @returns {Promise<string | null>} its fault; null: none
 */
async function perform(block, playOthers) {
  const { run, language, code } = block;
  const guests = await Promise.all(run.peers.map(async (peer) => ({ ...peer, is: await peers[peer.kind](peer, file) })));
  const program = start(block);
  const { child, output, ended } = program;
  try {
    if (run.serves === undefined && run.clients.length === 0) {
      const status = await within(limit, ended, () => `it has not ended after ${limit} ms`);
      if (status !== 0) throw new Error(`it ended with ${status}`);
    } else {
      const early = ended.then((status) => Promise.reject(new Error(`it ended with ${status} and was to serve`)));
      early.catch(() => {});
      const served = serve(block, Number(child.pid));
      served.catch(() => {});
      await within(limit, Promise.race([served, early]), () => `it has served nobody after ${limit} ms`);
      if (run.serves !== undefined) await Promise.race([playOthers(), early]);
      if (language !== "sh") await printed(program, () => outputProblem(code, output.stdout) === undefined);
      await stop(program);
    }
    const problem = outcome(block, output, guests);
    if (problem === undefined) return null;
    throw new Error(problem);
  } catch (error) {
    return [error.message, output.stdout, output.stderr].filter((text) => text !== "").join("\n");
  } finally {
    signalGroup(child, "SIGKILL");
  }
}

/** Runs the block's clients, and waits until it listens at the port for other blocks. @param {Block} block @param {number} pid */
async function serve({ run }, pid) {
  for (const { kind, port } of run.clients) await clients[kind]({ port, file, folder, pid });
  if (run.serves !== undefined) (await reach(run.serves)).destroy();
}

/**
 * The fault of a block that has ended in good order.
 *
 * @param {Block} block
 * @param {{ stdout: string, stderr: string }} output
 * @param {(Block["run"]["peers"][0] & { is: import("./peers.mjs").Peer })[]} guests
 */
function outcome({ run, language, code }, output, guests) {
  if (language !== "sh") {
    // Other programs may print anything there. Our own programs must not warn.
    if (output.stderr !== "") return "it wrote to standard error";
    const problem = outputProblem(code, output.stdout);
    if (problem !== undefined) return problem;
  }
  for (const { kind, host, port, is } of guests) {
    const problem = is.used ? is.problem?.() : "nobody came";
    if (problem !== undefined) return `the peer ${kind} ${host}:${port}: ${problem}`;
  }
  const missing = run.makes.find((made) => !((statSync(path.join(folder, made), { throwIfNoEntry: false })?.size ?? 0) > 0));
  return missing === undefined ? undefined : `it has not made ${missing}`;
}

const lines = createInterface({ input: process.stdin });
lines.on("close", end);
lines.once("line", async (text) => {
  const problems = await play(JSON.parse(text));
  process.stdout.write(`${problems.map((problem) => JSON.stringify(problem)).join("\n")}\n`, end);
});

/** Ends this process and all processes that still run. */
function end() {
  for (const child of running) signalGroup(child, "SIGKILL");
  process.exit();
}
