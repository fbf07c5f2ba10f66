// The peers that are compared: an API (a file in servers/, or the raw servers of the load generator) under a runtime.

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";

const here = import.meta.dirname;
export const loadgen = path.join(here, "loadgen", "target", "release", "loadgen");

/**
 * @typedef {object} Peer
 * @property {string} name
 * @property {"package" | "node" | "bun" | "deno" | "raw"} api
 * @property {string[]} command the command that starts a server; its kind, its size and the path of a Unix socket follow
 * @property {NodeJS.ProcessEnv} [environment]
 * @property {string} runtime the runtime and its version
 */

/** The command by which a runtime runs a file. */
const runtimes = {
  node: { options: [], version: () => `Node ${process.versions.node}` },
  bun: { options: ["run"], version: (/** @type {string} */ said) => `Bun ${said}` },
  deno: {
    options: ["run", "-A", "--unstable-net", "--no-lock", "--node-modules-dir=none"],
    version: (/** @type {string} */ said) => `Deno ${said.split(" ")[1]}`,
  },
};

/** Every name that --peers and --subject take: the API, the runtime, and its environment. */
const known = {
  package: ["package", "node"],
  "package-tokio": ["package", "node", { TCP_UDP_SOCKETS_WAKE: "tokio" }],
  "package-thread": ["package", "node", { TCP_UDP_SOCKETS_WAKE: "thread" }],
  node: ["node", "node"],
  raw: ["raw"],
  bun: ["bun", "bun"],
  "bun-package": ["package", "bun"],
  "bun-package-thread": ["package", "bun", { TCP_UDP_SOCKETS_WAKE: "thread" }],
  "bun-node": ["node", "bun"],
  deno: ["deno", "deno"],
  "deno-package": ["package", "deno"],
  "deno-package-thread": ["package", "deno", { TCP_UDP_SOCKETS_WAKE: "thread" }],
  "deno-node": ["node", "deno"],
};

export const peerNames = Object.keys(known);

/** Where npm puts a runtime's program in node_modules: in the platform's package, or where its install script has moved it. */
const places = {
  bun: { scope: "@oven", inside: "bin/bun", moved: "bun/bin/bun.exe" },
  deno: { scope: "@deno", inside: "deno", moved: "deno/deno" },
};

/**
 * A runtime's program and version: from bench/node_modules, else from PATH. It is never a script around the program, because
 * the program's process is the one that is measured.
 *
 * @param {"bun" | "deno"} runtime
 */
function find(runtime) {
  const { scope, inside, moved } = places[runtime];
  const modules = path.join(here, "node_modules");
  const packages = existsSync(path.join(modules, scope)) ? readdirSync(path.join(modules, scope)) : [];
  const installed = [...packages.map((name) => path.join(modules, scope, name, inside)), path.join(modules, moved)];
  // If npm ran no install scripts, the file is not executable yet.
  for (const program of installed.filter(existsSync)) chmodSync(program, 0o755);
  const onPath = (process.env.PATH ?? "").split(path.delimiter).map((folder) => path.join(folder, runtime));
  for (const program of [...installed, ...onPath].filter(existsSync)) {
    const { status, stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
    if (status === 0) return { program, said: stdout.trim().split("\n")[0] };
  }
  return undefined;
}

/** @type {Map<string, { program: string, said: string } | undefined>} */
const found = new Map([["node", { program: process.execPath, said: process.versions.node }]]);

/**
 * The peer of that name, or undefined if its runtime is not installed.
 *
 * @param {string} name
 * @returns {Peer | undefined}
 */
export function peer(name) {
  if (!(name in known)) throw new Error(`there is no peer ${name}, only ${peerNames.join(", ")}`);
  const [api, runtime, environment] = /** @type {[Peer["api"], keyof typeof runtimes, NodeJS.ProcessEnv?]} */ (known[name]);
  if (api === "raw") return { name, api, command: [loadgen, "serve"], runtime: "epoll" };
  if (!found.has(runtime)) found.set(runtime, find(runtime));
  const there = found.get(runtime);
  if (there === undefined) return undefined;
  const { options, version } = runtimes[runtime];
  const file = path.join(here, "servers", `${api}.mjs`);
  return { name, api, command: [there.program, ...options, file], environment, runtime: version(there.said) };
}
