// Where sequences are played: which runtime, wake source, and place of TLS.

import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { spawnSync } from "node:child_process";
import { root } from "../scripts/build.mjs";
import { FOREIGN } from "./draw.js";

/** The cache of .ci/run, which has the other runtimes. */
const cache = process.env.TCP_UDP_SOCKETS_CI_CACHE ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache"), "tcp-udp-sockets-ci");
const cpu = process.arch;
const bunCpu = { x64: "x64-baseline", arm64: "aarch64" }[cpu] ?? cpu;

/** The first that exists, by path or as a command. @param {string[]} candidates */
function found(candidates) {
  return candidates.find((file) => (file.includes("/") ? existsSync(file) : spawnSync(file, ["--version"]).status === 0));
}

/** Only connections whose two ends are ours: the others test the runtime's own net and tls. */
const ours = (kind) => !FOREIGN.includes(kind) && kind !== "agent";
const everything = () => true;

/** The runtimes: their commands (undefined where there is none), the wake sources that they have, and the kinds that they play. */
export const runtimes = {
  node: { command: () => [process.execPath, "--expose-gc"], wakes: ["uv", "tokio", "thread"], kinds: everything },
  "node-26": {
    command: () => withArguments(found([`${cache}/node-26/node_modules/node-linux-${cpu}/bin/node`]), ["--expose-gc"]),
    wakes: ["uv", "tokio", "thread"],
    kinds: everything,
  },
  bun: { command: () => withArguments(found([`${cache}/bun/node_modules/@oven/bun-linux-${bunCpu}/bin/bun`, "bun"]), []), wakes: ["tokio", "thread"], kinds: ours },
  deno: {
    command: () => withArguments(found([`${cache}/deno/node_modules/@deno/linux-${cpu}-glibc/deno`, "deno"]), ["run", "--no-lock", "--node-modules-dir=none", "-A", "--v8-flags=--expose-gc"]),
    wakes: ["tokio", "thread"],
    kinds: ours,
  },
};

/** @param {string | undefined} program @param {string[]} args */
function withArguments(program, args) {
  return program === undefined ? undefined : [program, ...args];
}

/** The native half that panics on demand. */
export const HOOKS = path.join(root, "target", "test-hooks.node");

/** The settings that the options name; all that are there where they name none. @param {{ runtime?: string[], wake?: string[], tls?: string[], panics?: boolean }} options */
export function settings({ runtime = Object.keys(runtimes), wake, tls = ["both", "turn", "task"], panics = false }) {
  const places = [...tls];
  const all = [];
  for (const name of runtime) {
    const { command, wakes } = runtimes[name] ?? {};
    if (command?.() === undefined) {
      console.log(`${name} is not installed: left out`);
      continue;
    }
    const linux = process.platform === "linux" ? wakes : wakes.filter((one) => one !== "tokio");
    for (const one of linux.filter((each) => wake === undefined || wake.includes(each))) {
      all.push({ runtime: name, wake: one, tls: places[all.length % places.length], panics });
    }
  }
  if (all.length === 0) throw new Error("torture: no runtime has such a wake source");
  return all;
}
